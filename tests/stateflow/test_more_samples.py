"""The samples of the paper's machines for a shell and for a text game, on real containers and a real game."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import pytest

from autogen_like import ConfigError, LocalCommandLineCodeExecutor, ScriptedModel

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"


def sample(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SAMPLES))
    return importlib.import_module(name)


def start(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SAMPLES / name), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


# --- the shell


class Here(LocalCommandLineCodeExecutor):
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize("task", range(3))
async def test_in_a_shell_the_oracle_makes_a_mistake_mends_it_and_is_right(
    task: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    bash = sample("stateflow_bash", monkeypatch)

    def made(name: str) -> Any:
        (tmp_path / name).mkdir()
        return Here(work_dir=tmp_path / name)

    result = await bash.main(bash.oracle(task), made("mine"), task, lambda: made("right"))
    assert [step.target for step in result.path] == ["solve", "error", "verify", "end"]
    assert "Reward: 1.00" in capsys.readouterr().out


async def test_in_a_shell_a_model_that_only_talks_runs_into_its_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bash = sample("stateflow_bash", monkeypatch)
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    result = await bash.machine(ScriptedModel(lambda _: "Let me think."), executor, turns=5).run("Do it.")
    assert (result.finished, result.stop_reason.kind, result.state) == (False, "max_turns", "error")


def test_a_shells_reward_looks_at_files_contents_and_output(monkeypatch: pytest.MonkeyPatch):
    reward = sample("stateflow_bash", monkeypatch).reward
    assert reward(("1  a\n2  b", "1  a\n2  b"), ("x\n", "x")) == 1
    assert reward(("1  a\n3  b", "1  a\n2  b"), ("x", "x")) == pytest.approx(5 / 6)
    assert reward(("", "1  a"), ("x", "y")) == pytest.approx((0.1573 + 1 + 0) / 3, abs=1e-4)


@pytest.mark.needs_docker
@pytest.mark.slow
def test_in_a_container_the_oracle_is_right(docker_image: str):
    done = start("stateflow_bash.py", "--oracle", "--task", "1", "--image", docker_image)
    assert done.returncode == 0, done.stderr
    assert "solve -> error (failed)" in done.stdout
    assert "Reward: 1.00" in done.stdout
    assert "flowchart TD" in done.stdout


# --- the text game


@pytest.fixture(scope="session")
def textworld() -> str:
    """The Python of an environment that has TextWorld."""
    command = [sys.executable, ROOT / "scripts" / "textworld_env.py", ROOT / ".cache" / "textworld"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.xdist_group("textworld")
def test_in_a_game_the_oracle_goes_through_all_states_and_wins(textworld: str):
    done = start("stateflow_textworld.py", "--oracle", "--python", textworld, "--seed", "5")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"(?m)^  [a-z]+ -> ([a-z]+) ", done.stdout) == [
        "find", "find", "find", "find", "pick", "process", "put", "put", "end"
    ]  # fmt: skip
    assert "find -> find (failed)" in done.stdout
    assert "Won." in done.stdout


@pytest.mark.slow
@pytest.mark.xdist_group("textworld")
async def test_in_a_game_a_model_that_says_anything_runs_into_its_turns(
    textworld: str, monkeypatch: pytest.MonkeyPatch
):
    module = sample("stateflow_textworld", monkeypatch)
    game = module.Game(textworld, 5)
    try:
        model = ScriptedModel(lambda request: "" if len(request.messages) % 4 else "look\nat this")
        result = await module.machine(model, game, turns=8).run("Cook.")
        assert (result.finished, result.stop_reason.kind, result.state) == (False, "max_turns", "find")
    finally:
        game.close()


def test_without_textworld_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    game = sample("stateflow_textworld", monkeypatch).Game
    for python in ("/no/such/python", sys.executable):
        with pytest.raises(ConfigError, match=r"scripts/textworld_env\.py"):
            game(python)
