"""The benchmarks of StateFlow run, with few of everything: that they work, never how fast they are."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from autogen_like import ScriptedModel

FOLDER = Path(__file__).parents[2] / "benchmarks" / "stateflow"


def start(name: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "AUTOGEN_LIKE_DATA"}
    return subprocess.run(
        [sys.executable, str(FOLDER / name), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**environment, **variables},
    )


def test_the_overhead_is_printed_with_its_targets():
    few = ["--transitions", "20", "--states", "5", "--flows", "3", "--nap", "0.01", "--rounds", "1"]
    done = start("overhead.py", *few)
    assert done.returncode == 0, done.stderr
    rows = done.stdout.strip().splitlines()
    assert len(rows) == 4
    assert all(row.split()[-1] in ("met", "MISSED") for row in rows)


def recorded(question: str, *actions: tuple[str, str], reward: float) -> dict[str, object]:
    history = {
        "thoughts": [f"I think of {action}." for action, _ in actions],
        "actions": [action for action, _ in actions],
        "observations": [observation for _, observation in actions],
        "rewards": [0.0] * (len(actions) - 1) + [reward],
    }
    return {"query": question, "turn_history": history}


def test_prompt_tokens_are_counted_on_recorded_runs(tmp_path: Path):
    folder = tmp_path / "intercode_sql"
    folder.mkdir()
    solved = recorded(
        "How many?",
        ("execute[DESC t]", "[('a', 'int')]"),
        ("execute[SELECT x]", "Error executing query: no column"),
        ("execute[SELECT COUNT(*) FROM t]", "[(3,)]"),
        ("submit", "[(3,)]"),
        reward=1.0,
    )
    wrong = recorded("Who?", ("execute[SELECT 1]", "[(1,), (2"), ("submit", "3"), reward=0.0)
    runs = {"0": solved, "1": wrong, "2": {**solved, "query": "How few?"}}
    (folder / "react_runs.json").write_text(json.dumps(runs))
    (folder / "questions.json").write_text(json.dumps([{"query": "How many?", "db_tables": {"t": ["a"]}}]))
    for more in ([], ["--thoughts"], ["--runs", "1"]):
        done = start("tokens.py", *more, AUTOGEN_LIKE_DATA=str(tmp_path))
        assert done.returncode == 0, done.stderr
        lines = done.stdout.strip().splitlines()
        assert len(lines) == 7
        assert float(lines[2].split()[-1]) == 1.0
        assert float(lines[-1].split()[-1]) > 1.0


def test_without_the_data_it_says_what_is_missing():
    done = start("tokens.py")
    assert (done.returncode, "AUTOGEN_LIKE_DATA" in done.stderr) == (1, True)


DUMP = """CREATE DATABASE `zoo`; USE `zoo`;
CREATE TABLE `animals` (`name` VARCHAR(20), `legs` INT);
INSERT INTO `animals` VALUES ('stork', 2), ('ant', 6), ('newt', 4);
"""


def asked(question: str, gold: str) -> dict[str, object]:
    return {"query": question, "gold": gold, "db": "zoo", "db_tables": {"animals": ["name", "legs"]}}


@pytest.mark.needs_mariadb
@pytest.mark.slow
def test_methods_are_compared_on_the_same_databases_with_the_same_oracle(tmp_path: Path):
    folder = tmp_path / "intercode_sql"
    folder.mkdir()
    solved = recorded("Which one?", ("execute[DESC animals]", "x" * 300), ("submit", "[(3,)]"), reward=1.0)
    (folder / "react_runs.json").write_text(json.dumps({"0": solved, "1": {**solved, "query": "Which two?"}}))
    questions = [
        asked("How many legs has an ant?", "SELECT legs FROM animals WHERE name = 'ant'"),
        asked("Which has five?", "SELECT name FROM animals WHERE legs = 5"),
        asked("By legs?", "SELECT name FROM animals ORDER BY legs DESC"),
        asked("What?", "SELECT nothing FROM animals"),
    ]
    (folder / "questions.json").write_text(json.dumps(questions))
    (folder / "spider_dbs.sql").write_text(DUMP)
    done = start("compare.py", AUTOGEN_LIKE_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "1 left out: the right query fails" in lines[1]
    assert "1 left out: the right query is empty" in lines[2]
    rows = {line.split()[0]: line.split()[1:] for line in lines[5:]}
    assert list(rows) == ["stateflow", "react", "plan", "loop"]
    for row in rows.values():  # one of the two has a mistake on the way
        assert row[:4] == ["100.0%", "1.000", "4.50", "14.3%"]
    assert float(rows["react"][-1]) == 1.0
    assert int(rows["stateflow"][4].replace(",", "")) < int(rows["react"][4].replace(",", ""))


@pytest.mark.needs_docker
@pytest.mark.slow
def test_methods_are_compared_in_a_shell(docker_image: str):
    done = start(
        "compare.py", "--on", "bash", "--image", docker_image, "--questions", "1", "--methods", "stateflow", "react"
    )
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()[3:]}
    assert list(rows) == ["stateflow", "react"]
    for row in rows.values():
        assert row[:4] == ["100.0%", "1.000", "3.00", "0.0%"]


async def test_a_game_that_is_won_or_lost_is_over_for_all_methods(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.syspath_prepend(str(FOLDER.parents[1] / "samples"))
    environments, baselines = importlib.import_module("environments"), importlib.import_module("baselines")

    class Kitchen:
        """What samples/stateflow_textworld.py's Game looks like, without the game."""

        def __init__(self) -> None:
            self.steps = ["open fridge", "take egg from fridge", "cook egg with stove", "eat meal"]
            self.said = ["You open the fridge: an egg.", "You take the egg.", "You fried the egg.", "Not bad."]
            self.state = {"recipe": "Fry the egg.", "text": "A kitchen.", "won": False, "over": False}
            self.state["policy"] = self.steps

        def play(self, command: str) -> str:
            if command != self.steps[0]:
                raise ValueError("Nothing happens.")
            del self.steps[0]
            self.state.update(text=self.said.pop(0), won=not self.steps)
            return str(self.state["text"])

    for method in ("stateflow", *baselines.BASELINES):
        task = environments.TextWorldTask(Kitchen())
        words = task.oracle(method, wrong=True)
        model = ScriptedModel(chain(["1. Cook."] if method == "plan" else [], words), record=False)
        if method == "stateflow":
            assert (await task.machine(model, 20).run(task.text, silent=True)).finished
        else:
            assert await baselines.BASELINES[method](model, task, task.text, environments.TextWorld.guide, 10)
        assert (task.reward(), task.actions, task.failures, task.over) == (1.0, 5, 1, True)


@pytest.mark.parametrize(
    ("reply", "parts"),
    [
        ("Thought 1: So.\nAction 1: execute[SELECT 1]\nObservation 1: made up", ("So.", "execute[SELECT 1]")),
        ("Action: submit", ("", "submit")),
        ("I wonder.", ("I wonder.", None)),
        ("Thought: x\nAction: execute[SELECT\n 1]\nThought 2: y", ("x", "execute[SELECT\n 1]")),
    ],
)
def test_reacts_replies_are_parted(reply: str, parts: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    assert importlib.import_module("baselines").parted(reply) == parts


async def test_baselines_submit_or_run_into_their_turns_and_react_is_asked_for_a_missing_action(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.syspath_prepend(str(FOLDER))
    module = importlib.import_module("baselines")
    guide = module.Guide("a box", "one command", "sh", "Be quick.", "Question: x\n")

    class Box:
        over = False

        def __init__(self) -> None:
            self.done: list[str] = []

        async def act(self, action: str) -> str:
            self.done.append(action)
            return "done"

    box = Box()
    model = ScriptedModel(["I wonder.", "execute[ls]", "Action: submit"])
    assert await module.react(model, box, "t", guide, 3)
    assert box.done == ["ls"]
    assert "Thought 1: I wonder.\nAction 1:" in model.requests[1].messages[0]["content"]
    assert model.requests[2].messages[0]["content"].endswith("Action 1: execute[ls]\nObservation 1: done\n")
    for method in module.BASELINES.values():
        assert not await method(ScriptedModel(lambda _: "hm"), Box(), "t", guide, 2)
