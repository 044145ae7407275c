"""How many prompt tokens training takes at once, and in parts (FGO), with as many histories. No model is asked.

    python benchmarks/optimizer/prompt_tokens.py [--sizes 20 100 500 2000] [--part-size 20] [--actions 3]

A step of the optimizer with three actions is made, for real: at once, by an `AgentOptimizer` whose window is as
large as need be; and by a `FineGrainedOptimizer`, its merges included. A scripted model takes an action each time.
Histories are recorded ones where AUTOGEN_LIKE_DATA names a folder that holds InterCode's ReAct runs, which its
repository has under data/results, as intercode_sql/react_runs.json; and made up, of about the same length, otherwise.
The paper (arXiv 2505.03973) reports 56.3 % fewer prompt tokens.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from autogen_like import (
    AgentOptimizer,
    FineGrainedOptimizer,
    FunctionSet,
    ModelRequest,
    ModelResponse,
    ScriptedModel,
    ToolCall,
)
from autogen_like.optimizer.asking import PromptTokens
from autogen_like.optimizer.evaluator import Evaluator

CODE = "def {name}(x):\n    return x\n"


def histories() -> list[list[dict[str, Any]]]:
    """Recorded conversations, or made-up ones."""
    folder = os.environ.get("AUTOGEN_LIKE_DATA")
    path = Path(folder or "", "intercode_sql", "react_runs.json")
    if not folder or not path.is_file():
        said = "SELECT name FROM teacher WHERE age > 30; " * 6
        turns = _turns({"actions": [said] * 5, "observations": [said] * 5})
        return [[{"role": "user", "content": f"Question {number}?"}, *turns] for number in range(100)]
    runs = json.loads(path.read_text())
    return [[{"role": "user", "content": run["query"]}, *_turns(run["turn_history"])] for run in runs.values()]


def _turns(history: dict[str, Any]) -> list[dict[str, Any]]:
    turns = []
    for action, observation in zip(history["actions"], history["observations"], strict=False):
        turns.append({"role": "assistant", "content": str(action)})
        turns.append({"role": "user", "content": str(observation)[:1500]})
    return turns


class Optimizer(AgentOptimizer):
    """An optimizer that adds a function at each action, and merges by keeping the functions of the first part."""

    def __init__(self, actions: int, window: int) -> None:
        self.made = 0
        model = ScriptedModel(self._reply, record=False)
        super().__init__(actions, optimizer_model=model, executor="local", context=window)

    def _reply(self, request: ModelRequest) -> ModelResponse:
        fields = {"description": "Helps.", "arguments": '{"x": {"type": "number"}}'}
        self.made += 1
        one = {"name": f"f{self.made}", "code": CODE.format(name=f"f{self.made}"), **fields}
        merges = request.tools[0]["function"]["name"] == "submit_functions"
        call = ("submit_functions", {"functions": [one]}) if merges else ("add_function", one)
        return ModelResponse(None, (ToolCall("1", call[0], json.dumps(call[1])),))


def measured(size: int, part_size: int, actions: int, said: Sequence[Any]) -> tuple[PromptTokens, PromptTokens]:
    """What the prompts take, at once and in parts."""

    async def agent(task: int, functions: FunctionSet) -> Any:
        return SimpleNamespace(chat_history=said[task % len(said)], solved=task % 2 or len(functions))

    def solved(rollout: Any) -> float:  # half of the tasks fail at first, and functions solve them one by one
        return min(1.0, rollout.result.solved)

    whole = Optimizer(actions, window=10**9)
    tasks = list(range(size))

    async def at_once() -> None:
        best = await Evaluator(agent, solved, whole.sandbox).evaluation(FunctionSet(), tasks)
        await whole.propose(best)

    asyncio.run(at_once())
    parts = Optimizer(actions, window=10**9)
    FineGrainedOptimizer(agent, parts, solved, part_size=part_size).fit(tasks)
    return whole.tokens, parts.tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 100, 500, 2000])
    parser.add_argument("--part-size", type=int, default=20)
    parser.add_argument("--actions", type=int, default=3)
    arguments = parser.parse_args()
    said = histories()
    head = (
        "histories",
        "peak at once",
        "peak FGO",
        "",
        "total at once",
        "total FGO",
        "",
        "mean at once",
        "mean FGO",
        "",
    )
    print("| " + " | ".join(head) + " |\n|" + " ---: |" * len(head))
    for size in arguments.sizes:
        whole, parts = measured(size, arguments.part_size, arguments.actions, said)
        cells = [f"{size:,}"]
        for a, b in ((whole.peak, parts.peak), (whole.total, parts.total), (whole.mean, parts.mean)):
            cells += [f"{a:,.0f}", f"{b:,.0f}", f"{b / a - 1:+.1%}"]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
