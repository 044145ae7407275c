"""A real run: the embedded model as the agent, recorded proposals, functions that run, a paired comparison.

    python benchmarks/optimizer/small_model.py [--test 40] [--executor local] [--model local:smollm2-135m]

Word problems in the manner of GSM8K with one number in them, which a model of 135 million parameters can copy. It can't
write functions: what an optimizer would say is written down below (one good, one harmful, one invalid, one good), and
so this says nothing about optimizers. It says what training does around them: what is kept, and what the agent gains on
tasks that it was not trained on, compared task by task.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import time
from typing import Any

from autogen_like import (
    AgentOptimizer,
    AssistantAgent,
    FunctionSet,
    ModelResponse,
    Sandbox,
    ScriptedModel,
    ToolCall,
    Trainer,
)
from autogen_like.optimizer.acceptance import sign_test
from autogen_like.optimizer.evaluator import Evaluator

SQUARE = "A floor is a square. Each side has {n} tiles. How many tiles are on the whole floor?"
ROWS = "Cans are piled up in {n} rows. The first row has 1 can, and each next row has 1 more. How many cans are there?"


def tasks(seed: int, count: int) -> list[dict[str, Any]]:
    """Problems of two kinds, in turn."""
    rng = random.Random(seed)
    made = []
    for place in range(count):
        n = rng.randint(11, 60)
        text, answer = (SQUARE, n * n) if place % 2 else (ROWS, n * (n + 1) // 2)
        made.append({"question": text.format(n=n), "answer": answer})
    return made


def proposal(name: str, code: str, description: str, kind: str = "add") -> ModelResponse:
    fields = {
        "name": name,
        "description": description,
        "arguments": json.dumps({"n": {"type": "integer", "description": "the number in the question"}}),
        "code": code,
        "example": '{"n": 3}',
    }
    return ModelResponse(None, (ToolCall("1", f"{kind}_function", json.dumps(fields)),))


FLOOR, CANS = "How many tiles a square floor has.", "How many cans are in a pile of rows."
RECORDED = [
    proposal("tiles_of_floor", "def tiles_of_floor(n):\n    return n * n\n", FLOOR),
    proposal("tiles_of_floor", "def tiles_of_floor(n):\n    return 4 * n\n", FLOOR, "revise"),
    proposal("cans_in_rows", "def cans_in_rows(n):\n    return __import__('os').getpid()\n", CANS),
    proposal("cans_in_rows", "def cans_in_rows(n):\n    return n * (n + 1) // 2\n", CANS),
    ModelResponse("TERMINATE"),
]


def right(rollout: Any) -> bool:
    """Whether the last number that was said is the answer; what a function gave back was said by the agent."""
    said = [re.findall(r"\d+", str(message.get("content") or "")) for message in rollout.result.chat_history[1:]]
    numbers = [found[-1] for found in said if found]
    return bool(numbers) and int(numbers[-1]) == rollout.task["answer"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=10)
    parser.add_argument("--test", type=int, default=40)
    parser.add_argument("--executor", choices=["docker", "local"], default="local")
    parser.add_argument("--model", default="local:smollm2-135m")
    arguments = parser.parse_args()
    began = time.process_time()

    def agent() -> AssistantAgent:
        config = {"model": arguments.model, "temperature": 0, "max_tokens": 48, "tool_choice": "required"}
        return AssistantAgent("pupil", "You solve problems.", llm_config=config, max_consecutive_auto_reply=2)

    def message(task: dict[str, Any]) -> str:
        return task["question"]

    with Sandbox(arguments.executor) as sandbox:
        optimizer = AgentOptimizer(1, optimizer_model=ScriptedModel(RECORDED), executor=sandbox)
        trainer = Trainer(agent, optimizer, right, patience=2, epochs=2, message=message, concurrency=4)
        history = trainer.fit(tasks(1, arguments.train))
        print(history, "\n")
        evaluator = Evaluator(agent, right, sandbox, message, {"concurrency": 4})
        test = tasks(2, arguments.test)
        before = evaluated(evaluator, FunctionSet(), test)
        after = evaluated(evaluator, history.best, test)
    differences = [new - old for old, new in zip(before, after, strict=True)]
    won, lost = (sum(difference * sign > 0 for difference in differences) for sign in (1, -1))
    print(f"{len(test)} other tasks: {sum(before):.0f} right without functions, {sum(after):.0f} with those learned")
    low, high = interval(won, lost, len(test))
    print(f"paired difference {(won - lost) / len(test):+.1%}, 95 % interval [{low:+.1%}, {high:+.1%}] (Agresti-Min)")
    print(f"{won} tasks won, {lost} lost: sign test p = {sign_test(won, lost):.2g}")
    print(f"process CPU time {time.process_time() - began:.0f} s, load {os.getloadavg()[0]:.1f}")


def evaluated(evaluator: Evaluator, functions: Any, test: list[dict[str, Any]]) -> list[float]:
    from autogen_like.core.sync import run

    return [record.score for record in run(evaluator.evaluate(functions, test))]


def interval(won: float, lost: float, tasks: int) -> tuple[float, float]:
    """The 95 % interval of a paired difference of shares, by Agresti and Min: half a task is added to each cell."""
    won, lost, tasks = won + 0.5, lost + 0.5, tasks + 2
    mean = (won - lost) / tasks
    half = 1.96 * ((won + lost - (won - lost) ** 2 / tasks) / tasks**2) ** 0.5
    return max(-1.0, mean - half), min(1.0, mean + half)


if __name__ == "__main__":
    main()
