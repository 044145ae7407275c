"""The samples, run as a user would: with scripted words here, on the embedded model, and at a real terminal."""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pexpect
import pytest

from autogen_like import ModelResponse, ScriptedModel, ToolCall

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"


def sample(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SAMPLES))
    return importlib.import_module(name)


def model(*replies: object) -> dict[str, object]:
    return {"model": ScriptedModel(list(replies))}


def environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OPENAI_")}
    return {**kept, "OMP_NUM_THREADS": "1"}  # tests run side by side: more threads than cores slow all of them down


def run(name: str) -> str:
    command = [sys.executable, str(SAMPLES / f"{name}.py")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300, env=environment())
    return done.stdout


def test_two_agents_ask_and_answer(monkeypatch):
    result = sample("two_agents", monkeypatch).main(model("Because of light.", "Why?", "It scatters."))
    assert [message.speaker for message in result.messages] == ["pupil", "teacher", "pupil", "teacher"]
    assert result.summary == "It scatters."


def test_the_group_calls_a_tool_that_another_runs(monkeypatch):
    call = ModelResponse(None, (ToolCall("c", "to_fahrenheit", '{"celsius": 30}'),))
    result = sample("group_chat_with_tool", monkeypatch).main(model(call, "86 degrees."))
    assert [message.speaker for message in result.messages] == ["user", "converter", "runner", "writer"]
    assert "86.0 degrees Fahrenheit" in result.messages[2].tool_results[0].content


def test_sequential_chats_carry_summaries_over(monkeypatch):
    results = sample("sequential_chats", monkeypatch).main(model("They dance.", "Bees dance!", "The Dance"))
    openings = [result.chat_history[0]["content"] for result in results]
    assert openings[1].endswith("They dance.")
    assert openings[2].endswith("Bees dance!")
    assert "They dance." not in openings[2]


def test_the_writer_answers_with_what_came_out_of_its_own_chat(monkeypatch):
    result = sample("nested_chat", monkeypatch).main(model("The sea is big.", "The sea is vast."))
    assert result.summary == "The sea is vast."
    assert set(result.usage_by_agent) == {"drafter", "critic"}


def test_the_demo_calls_its_tool_and_ends_with_the_editor(monkeypatch, capsys):
    call = ModelResponse(None, (ToolCall("c", "look_up", '{"planet": "Mars"}'),))
    said = ["astronomer", call, "Mars is red.", "poet", "Red Mars, among the stars.", "All agreed: red."]
    result = asyncio.run(sample("demo", monkeypatch).main(model(*said), "Mars"))
    assert [message.speaker for message in result.messages][-2:] == ["poet", "editor"]
    assert result.stop_reason.detail == "editor has spoken"
    out = capsys.readouterr().out
    assert "two small moons" in out
    assert "tokens/s" in out


def test_the_model_is_chosen_by_argument_key_or_else_embedded(monkeypatch, tmp_path):
    choose = sample("_model", monkeypatch).llm_config
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert choose() == {"model": "local:smollm2-135m"}
    (tmp_path / "m.gguf").write_bytes(b"")
    assert choose(str(tmp_path / "m.gguf")) == {"model": f"local:{tmp_path / 'm.gguf'}"}
    assert choose("gpt-4.1") == {"model": "gpt-4.1"}
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert choose() == {"model": "gpt-4.1-mini"}


# --- on the embedded model


@pytest.mark.slow
def test_the_demo_runs_on_the_embedded_model():
    out = run("demo")
    assert 'calls look_up\n{"planet": "Saturn"}' in out
    assert "274 known moons" in out
    assert "(next: " in out
    assert "(the chat ended: condition: editor has spoken)" in out
    assert "chat_manager" in out.splitlines()[-4]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two_agents", "group_chat_with_tool", "sequential_chats", "nested_chat"])
def test_each_sample_runs_on_the_embedded_model(name):
    assert "(the chat ended: " in run(name)


# --- at a terminal


@pytest.fixture
def terminal():
    child = pexpect.spawn(
        sys.executable, [str(SAMPLES / "human_in_the_loop.py")], env=environment(), encoding="utf-8", timeout=120
    )
    yield child
    child.close(force=True)


@pytest.mark.slow
def test_a_person_at_the_terminal_is_asked_and_heard(terminal):
    terminal.expect("what do you reply to writer")
    terminal.sendline("Shorter, please.")
    terminal.expect("person.*to writer")  # its name is coloured
    terminal.expect("Shorter, please.")
    terminal.expect("what do you reply to writer")
    terminal.sendline("")
    terminal.expect("replies by itself")
    terminal.expect("Write another one.")
    terminal.expect("what do you reply to writer")
    terminal.sendline("exit")
    terminal.expect(r"The person said \['Shorter, please.'\]; the chat ended: human_exit")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


@pytest.mark.slow
def test_ctrl_c_at_the_prompt_ends_the_chat_cleanly(terminal):
    terminal.expect("what do you reply to writer")
    terminal.sendintr()
    terminal.expect("Interrupted.")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert "Traceback" not in terminal.before
