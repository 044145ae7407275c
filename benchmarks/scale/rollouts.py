"""Many conversations at once: how near to the ideal, and what one costs on Ray.

    python benchmarks/scale/rollouts.py [--ray] [--conversations 1000] [--turns 10] [--seconds 0.5] [--concurrency 100]

On asyncio, the ideal is the model's own time: conversations x turns x seconds / concurrency. On Ray (2 workers) a
conversation of one turn with a model that takes no time is compared with a bare Ray task that does nothing, in CPU time
of this driver and in wall time, which depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

from autogen_like import AssistantAgent, Rollouts, ScriptedModel


def chats(turns: int, seconds: float) -> Callable[[int], object]:
    """A conversation of some turns of one agent, whose model takes its time."""

    async def chat(task: int) -> int:
        model = ScriptedModel(lambda _: f"reply {task}", delay=seconds, record=False)
        ada = AssistantAgent("ada", llm_config=model)
        bob = AssistantAgent("bob", llm_config=ScriptedModel(lambda _: f"question {task}", record=False))
        result = await bob.run(ada, message="begin", max_turns=turns, summary_method=None)
        return sum(message.speaker == "ada" for message in result.messages)

    return chat


def on_asyncio(conversations: int, turns: int, seconds: float, concurrency: int) -> tuple[float, float, float]:
    """Wall time, the ideal, and CPU time of all."""
    began, worked = time.perf_counter(), time.process_time()
    done = Rollouts(chats(turns, seconds), concurrency=concurrency).map(range(conversations))
    took, work = time.perf_counter() - began, time.process_time() - worked
    assert all(rollout.result == turns for rollout in done), next(one.error for one in done if not one.ok)
    rounds = -(-conversations // concurrency)
    return took, rounds * turns * seconds, work


def on_ray(conversations: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Wall and CPU time for a conversation with `Rollouts`, and for a bare Ray task."""
    import ray

    with Rollouts(chats(1, 0.0), on="ray", workers=2, concurrency=64) as rollouts:
        rollouts.map(range(64))  # what is loaded at first use
        began, worked = time.perf_counter(), time.process_time()
        done = rollouts.map(range(conversations))
        ours = (time.perf_counter() - began) / conversations, (time.process_time() - worked) / conversations
        assert all(rollout.ok for rollout in done)

        @ray.remote(num_cpus=1)
        def nothing(task: int) -> int:
            return task

        ray.get([nothing.remote(task) for task in range(64)])
        began, worked = time.perf_counter(), time.process_time()
        ray.get([nothing.remote(task) for task in range(conversations)])
        bare = (time.perf_counter() - began) / conversations, (time.process_time() - worked) / conversations
    return ours, bare


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--conversations", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--concurrency", type=int, default=100)
    asked = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    if asked.ray:
        ours, bare = on_ray(asked.conversations)
        print(f"rollout on Ray   {ours[0] * 1e3:7.2f} ms wall, {ours[1] * 1e3:7.2f} ms CPU here, each")
        print(f"bare Ray task    {bare[0] * 1e3:7.2f} ms wall, {bare[1] * 1e3:7.2f} ms CPU here, each")
        return
    took, ideal, work = on_asyncio(asked.conversations, asked.turns, asked.seconds, asked.concurrency)
    print(f"{asked.conversations} conversations of {asked.turns} turns, {asked.concurrency} at once")
    print(f"{took:.2f} s, ideal {ideal:.2f} s: {took / ideal - 1:+.1%}; {work:.2f} s of CPU")
    print(f"{work / asked.conversations / asked.turns * 1e3:.2f} ms of CPU a turn (two messages)")


if __name__ == "__main__":
    main()
