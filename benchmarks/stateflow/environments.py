"""The environments of the paper's three machines, as benchmarks/stateflow/compare.py takes them.

SQL: InterCode's questions on a MariaDB server, with its reward. Bash: the tasks of samples/stateflow_bash.py, each in a
container of its own, rewarded by what the right commands do in the same container afterwards. TextWorld: one game for
each seed, won or not. The oracle does the same in all methods: it looks around, makes a mistake in every third task,
does what is right, and submits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from baselines import SUBMIT, Guide
from shots import BASH_SHOTS, TEXTWORLD_SHOTS
from stateflow_bash import BOX, FORM, LIST, TASKS, TROUBLE, shell
from stateflow_bash import machine as bash_machine
from stateflow_bash import reward as bash_reward
from stateflow_databases import Database, MariaDb, SqlError, reward, shown
from stateflow_sql import machine as sql_machine
from stateflow_textworld import Game
from stateflow_textworld import machine as textworld_machine

from autogen_like import CodeBlock, CodeResult, DockerCommandLineCodeExecutor, MarkdownCodeExtractor
from autogen_like.stateflow import StateFlow

THOUGHT = "The task says what must be there in the end. What I have seen so far tells me what to do next."
PLAN = "1. Look around. 2. Look at what matters. 3. Do the task. 4. Check the result, and submit."


def formed(method: str, action: str, language: str) -> str:
    """An action of the oracle in a method's form, with the same thought in each."""
    if method == "react":
        return f"Thought: {THOUGHT}\nAction: {action if action == SUBMIT else f'execute[{action}]'}"
    return action if action == SUBMIT else f"{THOUGHT}\n```{language}\n{action}\n```"


class SqlTask:
    """A question and its database.

    Args:
        question: InterCode's record of it.
        database: Where statements are run.
        gold: The right rows.
    """

    over = False  # it ends when it is submitted

    def __init__(self, question: dict[str, Any], database: Database, gold: list[tuple[Any, ...]]) -> None:
        self.text = str(question["query"])
        self.actions = self.failures = 0
        self._question, self._database, self._gold = question, database, gold
        self._found: list[tuple[Any, ...]] | None = None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        self.actions += 1
        self._found = None
        try:
            self._found = self._database.rows(query)
        except SqlError:
            self.failures += 1
            raise
        return self._found

    async def act(self, action: str) -> str:
        try:
            return shown(self.rows(action))
        except SqlError as error:
            return str(error)

    def machine(self, model: Any, turns: int) -> StateFlow:
        return sql_machine(model, self, turns)

    def reward(self) -> float:
        return reward(self._found, self._gold) if self._found is not None else 0.0

    def oracle(self, method: str, *, wrong: bool) -> Iterator[str]:
        table = next(iter(self._question["db_tables"]))
        mistake = [f"SELECT no_such_column FROM `{table}`"] if wrong else []
        first = [] if method == "stateflow" else ["SHOW TABLES"]  # its first state does this without a model
        for action in (*first, f"DESC `{table}`", *mistake, self._question["gold"], SUBMIT):
            yield formed(method, action, "sql")


class Sql:
    """InterCode's questions.

    Args:
        url: The server's databases; {} stands for the name of one.
        questions: The questions.
        shots: Two solved trajectories.
    """

    def __init__(self, url: str, questions: Sequence[dict[str, Any]], shots: str) -> None:
        self.tasks = questions
        self.left_out = {"fails": 0, "is empty": 0}
        hint = "SHOW TABLES and DESC show what is in the database. The answer has exactly the columns asked for."
        self.guide = Guide("a MySQL database", "one SQL statement", "sql", hint, shots)
        self._url = url

    @contextmanager
    def opened(self, question: dict[str, Any]) -> Iterator[SqlTask | None]:
        database = MariaDb(self._url.format(question["db"]))
        try:
            gold = _right_rows(database, question["gold"])
            if not gold:
                self.left_out["is empty" if gold is not None else "fails"] += 1
            yield SqlTask(question, database, gold) if gold else None
        finally:
            database.close()


def _right_rows(database: Database, gold: str) -> list[tuple[Any, ...]] | None:
    """The rows that are right; None where the query fails on this server."""
    try:
        return database.rows(gold)
    except SqlError:
        return None


class BashTask:
    """A task on files in a container; also the executor that the machine's commands go through, to be counted.

    Args:
        task: What is asked, the right commands, and a mistake.
        executor: Where commands run.
    """

    over = False
    code_extractor = MarkdownCodeExtractor()

    def __init__(self, task: tuple[str, str, str], executor: Any) -> None:
        self.text, self._gold, self._mistake = task
        self.actions = self.failures = 0
        self._executor = executor
        self._printed = ""
        shell(executor, BOX)

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        self.actions += 1
        result: CodeResult = self._executor.execute_code_blocks(code_blocks)
        self.failures += result.exit_code != 0 or re.search(TROUBLE, result.output) is not None
        self._printed = result.output
        return result

    def restart(self) -> None:
        self._executor.restart()

    async def act(self, action: str) -> str:
        result = self.execute_code_blocks([CodeBlock(action, "sh")])
        return f"exit code {result.exit_code}: {result.output}"

    def machine(self, model: Any, turns: int) -> StateFlow:
        return bash_machine(model, self, turns)

    def reward(self) -> float:
        mine = shell(self._executor, LIST)
        shell(self._executor, BOX)
        printed = shell(self._executor, self._gold)
        return bash_reward((mine, shell(self._executor, LIST)), (self._printed, printed))

    def oracle(self, method: str, *, wrong: bool) -> Iterator[str]:
        for action in ("ls -R box", *([self._mistake] if wrong else []), self._gold, SUBMIT):
            yield formed(method, action, "sh")


class Bash:
    """The tasks of the Bash sample.

    Args:
        image: The containers' image.
    """

    tasks = TASKS
    guide = Guide("files in the folder box, in a shell", "one shell command", "sh", f"{FORM}", BASH_SHOTS)

    def __init__(self, image: str) -> None:
        self.left_out: dict[str, int] = {}
        self._image = image

    @contextmanager
    def opened(self, task: tuple[str, str, str]) -> Iterator[BashTask]:
        with DockerCommandLineCodeExecutor(self._image, timeout=30) as executor:
            yield BashTask(task, executor)


class TextWorldTask:
    """A game.

    Args:
        game: The game.
    """

    def __init__(self, game: Game) -> None:
        self.text = f"{game.state['recipe']}\n\n{game.state['text']}"
        self.actions = self.failures = 0
        self._game = game

    @property
    def state(self) -> dict[str, Any]:
        return self._game.state

    @property
    def over(self) -> bool:
        return bool(self.state["won"] or self.state["over"])

    def play(self, command: str) -> str:
        self.actions += 1
        try:
            return self._game.play(command)
        except ValueError:
            self.failures += 1
            raise

    async def act(self, action: str) -> str:
        try:
            return self.play(action)
        except ValueError as error:
            return str(error)

    def machine(self, model: Any, turns: int) -> StateFlow:
        return textworld_machine(model, self, turns)

    def reward(self) -> float:
        return float(self.state["won"])

    def oracle(self, method: str, *, wrong: bool) -> Iterator[str]:
        if method == "stateflow":  # its first state asks what is to be found
            cooked = next(step for step in self.state["policy"] if step.startswith("cook "))
            yield re.sub(r"^cook | with .*", "", cooked)
        if wrong:
            yield formed(method, "dance", "text")
        while True:
            yield formed(method, str(self.state["policy"][0]), "text")


class TextWorld:
    """Games of TextWorld, one for each seed.

    Args:
        python: The Python of an environment that has TextWorld.
        games: How many.
    """

    guide = Guide(
        "the things in a text game", "one command, such as: go north, open fridge, take carrot from fridge, "
        "cook carrot with oven, prepare meal, eat meal", "text", "The task is to eat the meal of the recipe.",
        TEXTWORLD_SHOTS,
    )  # fmt: skip

    def __init__(self, python: str, games: int) -> None:
        self.tasks = range(1, games + 1)
        self.left_out: dict[str, int] = {}
        self._python = python

    @contextmanager
    def opened(self, seed: int) -> Iterator[TextWorldTask]:
        game = Game(self._python, seed)
        try:
            yield TextWorldTask(game)
        finally:
            game.close()
