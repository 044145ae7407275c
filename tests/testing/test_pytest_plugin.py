"""Recorded conversations as tests, run by a pytest of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
from autogen_like import AssistantAgent, FunctionTool, ModelResponse, ScriptedModel, ToolCall
from autogen_like.testing import replay

def book(what: str) -> str:
    "Books something."
    open("booked", "a").write(what)
    return f"{what} is booked"

@replay("recordings/trip.jsonl")
def test_the_trip_is_booked():
    wants = ModelResponse(tool_calls=(ToolCall("c", "book", '{"what": "a flight"}'),))
    model = ScriptedModel(SAID)
    ada = AssistantAgent("ada", PROMPT, llm_config=model, tools=[FunctionTool(book, inline=True)])
    from autogen_like.core.sync import run
    async def trip():
        return await ada.run(message="A flight, please.")
    assert run(trip()).summary == "Done."

def test_without_a_recording_nothing_is_kept():
    async def talk():
        return await AssistantAgent("bob", llm_config=ScriptedModel(["Hi."])).run(message="Hello")
    from autogen_like.core.sync import run
    assert run(talk()).summary == "Hi."
"""


def run_pytest(
    folder: Path, *options: str, said: str = "[]", prompt: str = "Be kind."
) -> subprocess.CompletedProcess[str]:
    program = TEST.replace("SAID", said).replace("PROMPT", repr(prompt))
    (folder / "test_trip.py").write_text(program)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        *options,
        "test_trip.py",
    ]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=120)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    done = run_pytest(tmp_path, "--record", said='[wants, "Done."]')
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "booked").read_text() == "a flight"
    return tmp_path


def test_what_was_recorded_is_replayed_without_the_model_and_the_tool(recorded: Path):
    done = run_pytest(recorded)
    assert done.returncode == 0, done.stdout
    assert (recorded / "booked").read_text() == "a flight"


def test_a_changed_prompt_fails_the_test_and_says_where(recorded: Path):
    done = run_pytest(recorded, prompt="Be rude.")
    assert "1 failed, 1 passed" in done.stdout
    assert "the chat of user and ada, message 1: the model of ada is asked otherwise: the system message" in done.stdout


def test_a_missing_recording_is_an_error_that_names_the_cure(tmp_path: Path):
    done = run_pytest(tmp_path)
    assert "make one with pytest --record" in done.stdout
    assert done.returncode == 1


def test_what_fails_while_it_is_recorded_is_not_kept(tmp_path: Path):
    done = run_pytest(tmp_path, "--record", said='[wants, "Wrong."]')
    assert "1 failed, 1 passed" in done.stdout
    assert not (tmp_path / "recordings").exists()


def test_a_damaged_recording_is_named_with_its_line(recorded: Path):
    path = recorded / "recordings" / "trip.jsonl"
    lines = path.read_text().splitlines()
    lines[2] = lines[2][:20]
    path.write_text("\n".join(lines))
    done = run_pytest(recorded)
    assert "line 3 is damaged" in done.stdout


def test_a_run_that_is_missing_or_too_many_fails(recorded: Path):
    path = recorded / "recordings" / "trip.jsonl"
    path.write_text(path.read_text() * 2)
    done = run_pytest(recorded)
    assert "run 2: then there were 2 runs, now 1" in done.stdout
