"""Asks an agent many questions at once, a few at a time, and prints a table of what came of it.

python samples/rollouts.py [--ray]

With --ray the same call runs on a local Ray (pip install 'autogen_like[ray]'); where RAY_ADDRESS is set, on that one.
"""

from __future__ import annotations

import asyncio
import sys

from autogen_like import AssistantAgent, ModelRequest, Rollout, Rollouts, ScriptedModel, Usage


def agent() -> AssistantAgent:
    """An agent that adds: made for each question, in the process where it is asked."""

    async def answer(request: ModelRequest) -> str:
        await asyncio.sleep(0.1)  # a model takes its time
        numbers = str(request.messages[-1]["content"]).split(" + ")
        if "0" in numbers:
            raise ValueError("I don't add nothing")
        return str(sum(map(int, numbers)))

    return AssistantAgent("adder", llm_config=ScriptedModel(answer, usage=Usage(12, 3)))


def right(rollout: Rollout) -> float:
    """The reward: 1 for the right answer."""
    return float(rollout.result.summary == str(sum(map(int, rollout.task.split(" + ")))))


def main(on: str | None = None) -> list[Rollout]:
    """Asks all questions."""
    tasks = [f"{number} + {number * 7 % 5}" for number in range(1, 9)]
    with Rollouts(agent, concurrency=4, retries=1, timeout=30, scorer=right, on=on) as rollouts:
        done = rollouts.map(tasks)
    for rollout in done:
        came = rollout.result.summary if rollout.ok else f"failed: {rollout.error.__cause__ or rollout.error}"
        print(f"{rollout.task:8} = {came:40} reward {rollout.reward}, attempts {rollout.attempts}")
    tokens = sum(rollout.usage.total.total_tokens for rollout in done)
    print(f"{sum(rollout.ok for rollout in done)} of {len(done)}, {tokens} tokens")
    return done


if __name__ == "__main__":
    main("ray" if "--ray" in sys.argv else None)
