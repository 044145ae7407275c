"""A question is answered in SQL by a state machine: Init, Observe, Solve, Verify, Error, End, as in StateFlow's paper.

python samples/stateflow_sql.py [--model NAME_OR_GGUF] [--oracle] [--mariadb | --database mysql://...]
    [--question TEXT] [--svg FILE]

A few rivers are the database: in SQLite, or with --mariadb in a server started for it; or a server is named. With
--oracle fixed words take the model's place, a mistake among them; small models rarely come further than the limit of
turns, which is what it is for.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from _model import llm_config
from stateflow_databases import RIVERS, Database, MariaDb, Sqlite, reward, shown
from stateflow_mariadb import server

from autogen_like import AutogenLikeError, FlowResult, FunctionTool, ScriptedModel
from autogen_like.stateflow import Context, StateFlow, TransitionTaken, ask, failed, run, says
from autogen_like.stateflow.running import argument_of

QUESTION = "Which rivers flow through more than two countries? Name the longest first."
GOLD = (
    "SELECT r.name FROM rivers r JOIN flows_through f ON f.river_id = r.id GROUP BY r.id, r.name, r.length_km "
    "HAVING COUNT(*) > 2 ORDER BY r.length_km DESC"
)
ORACLE = (
    "```sql\nDESC rivers\n```",
    "```sql\nSELECT river FROM rivers\n```",
    "```sql\nDESC flows_through\n```",
    f"```sql\n{GOLD}\n```",
    "submit",
)
TURNS = 10

SYSTEM = "You answer a question with one query on a MySQL database. You see the results of what you run."
FORM = "Reply with one statement in a ```sql block."
OBSERVE = f"Look at the table that seems to matter most, with DESC. {FORM}"
SOLVE = f"Write a SELECT that gives exactly what is asked, no column more; or DESC another table first. {FORM}"
ERROR = f"That failed. Read the error; look the names up with SHOW TABLES or DESC, or mend the query. {FORM}"
VERIFY = f"Does the last result answer the question exactly? If so, reply: submit. If not, mend the query. {FORM}"


def selects(context: Context) -> bool:
    """Whether what was run last is a SELECT: it stands in the message before its result."""
    said = argument_of(context.transcript.messages[-2].text).lstrip("( \n").lower()
    return said.startswith(("select", "with"))


def machine(model: Any, database: Database, turns: int = TURNS, instruction: str = "last") -> StateFlow:
    """The paper's machine.

    Args:
        model: The model.
        database: What the statements are run on.
        turns: How many statements may be run.
        instruction: Where the states' prompts stand; see `StateFlow`.
    """

    def execute(statement: str) -> str:
        """Runs a statement on the database."""
        return shown(database.rows(statement))

    tool = FunctionTool(execute, repeatable=True)  # it only reads
    flow = StateFlow(
        "sql", initial="init", final={"end"}, model=model, system=SYSTEM, instruction=instruction, max_transitions=turns
    )
    flow.state("init", run(tool, {"statement": "SHOW TABLES"}))
    flow.state("observe", ask(OBSERVE), run(tool))
    flow.state("solve", ask(SOLVE), run(tool))
    flow.state("error", ask(ERROR), run(tool))
    flow.state("verify", ask(VERIFY))
    flow.state("again", run(tool))
    flow.transition("init", "observe")
    flow.transition("verify", "end", when=says("submit"))
    flow.transition("verify", "again")
    flow.transition("*", "error", when=failed)
    flow.transition("observe", "solve")
    flow.transition(["solve", "error", "again"], "verify", when=selects)
    flow.transition(["solve", "error", "again"], "solve")
    return flow


def submitted(result: FlowResult) -> str:
    """The query whose result was taken to be the answer; "" where there is none."""
    said = [argument_of(message.text) for message in result.messages if message.speaker == result.flow]
    return next((text for text in reversed(said) if text.lower().startswith(("select", "with", "("))), "")


async def main(model: Any, database: Database, question: str = QUESTION, gold: str | None = GOLD) -> FlowResult:
    """Answers a question, and tells how."""
    flow = machine(model, database)
    going = flow.run(question)
    async for event in going:
        if isinstance(event, TransitionTaken):
            print(f"  {event.source} -> {event.target} ({event.reason})")
    result = await going
    print(flow.explain(result))
    query = submitted(result) if result.finished else ""
    print(f"Submitted: {query or 'nothing'}")
    if query and gold is not None:
        print(f"Reward: {reward(database.rows(query), database.rows(gold)):.2f}")
    return result


def start() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a model's name, or the path of a GGUF file; the embedded model by default")
    parser.add_argument("--oracle", action="store_true", help="let fixed words take the model's place")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--mariadb", action="store_true", help="the rivers in a MariaDB server that is started for them")
    where.add_argument("--database", help="a MariaDB server: mysql://user:password@host/database")
    parser.add_argument("--question", help="another question")
    parser.add_argument("--svg", type=Path, help="where to draw the run (with Graphviz)")
    options = parser.parse_args()
    config = {**llm_config(options.model), "temperature": 0, "max_tokens": 80}
    model = ScriptedModel(list(ORACLE)) if options.oracle else config
    gold = GOLD if options.question is None and options.database is None else None
    with opened(options.database, mariadb=options.mariadb) as database:
        result = asyncio.run(main(model, database, options.question or QUESTION, gold))
        flow = machine(model, database)
        if options.svg is not None:
            options.svg.write_text(flow.to_svg(result))
        else:
            print(flow.to_mermaid(result))


@contextmanager
def opened(url: str | None, *, mariadb: bool) -> Iterator[Database]:
    """The database that the command line names."""
    with ExitStack() as stack:
        if mariadb:
            url = stack.enter_context(server(f"CREATE DATABASE rivers; USE rivers; {RIVERS}")).format("rivers")
        database = MariaDb(url) if url else Sqlite()
        stack.callback(database.close)
        yield database


if __name__ == "__main__":
    try:
        start()
    except KeyboardInterrupt:
        print("\nInterrupted.")
    except AutogenLikeError as error:
        sys.exit(f"\n{error}")
