"""The samples, run as a user would: with scripted words here, on the embedded model, and at a real terminal."""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pexpect
import pytest

from autogen_like import ModelResponse, ScriptedModel, ToolCall
from autogen_like.testing.openai_reply import Reply
from autogen_like.testing.openai_server import OpenAIServer

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


def start(name: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SAMPLES / f"{name}.py"), *arguments]
    env = {**environment(), **variables}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, env=env)


def run(name: str, *arguments: str, **variables: str) -> str:
    done = start(name, *arguments, **variables)
    assert done.returncode == 0, done.stderr
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
    said = [call, "Mars is red.", "poet", "Red Mars, among the stars.", "All agreed: red."]
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
    assert choose("local:smollm2-135m") == {"model": "local:smollm2-135m"}
    assert choose("gpt-4.1") == {"model": "gpt-4.1"}
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert choose() == {"model": "gpt-4.1-mini"}
    monkeypatch.setenv("OPENAI_MODEL", "gpt-4.1")
    assert choose() == {"model": "gpt-4.1"}


# --- from the command line


def endpoint(body: dict[str, Any]) -> str | Reply:
    """A hosted model: names one who may speak, calls the tool that it is forced to, and says one sentence."""
    if not body.get("stream"):
        return next(name for name in ("poet", "editor") if name in str(body["messages"][-1]["content"]))
    if body.get("tool_choice") == "required":
        return Reply(tool_calls=[("look_up", {"planet": "Venus"})])
    return "Venus is hot."


def test_with_a_key_the_demo_runs_on_an_endpoint():
    with OpenAIServer(endpoint, api_key="k") as server:
        out = run("demo", OPENAI_API_KEY="k", OPENAI_BASE_URL=server.base_url)
    assert "look_up answered\nVenus is the hottest planet" in out
    assert "(next: poet)\n\npoet (to chat_manager):" in out
    assert "(the chat ended: condition: editor has spoken)" in out
    assert {request.body["model"] for request in server.requests} == {"gpt-4.1-mini"}
    assert [bool(request.body.get("stream")) for request in server.requests] == [True, True, False, True, True]


def test_a_model_that_is_not_there_ends_a_sample_with_one_line():
    done = start("demo", "--model", "nowhere.gguf")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "no model 'nowhere.gguf'" in done.stderr


# --- on the embedded model


@pytest.mark.slow
def test_the_demo_runs_on_the_embedded_model():
    out = run("demo")
    assert 'calls look_up\n{"planet": "Venus"}' in out
    assert "464 degrees Celsius, under thick clouds of acid" in out
    assert "(next: " in out
    assert "(the chat ended: condition: editor has spoken)" in out
    assert "chat_manager" in out.splitlines()[-4]
    spoken = ["user", "astronomer", "astronomer", "astronomer"]
    assert [line.split()[0] for line in out.splitlines() if line.endswith("(to chat_manager):")][:4] == spoken


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["two_agents", "group_chat_with_tool", "sequential_chats", "nested_chat", "long_conversation"]
)
def test_each_sample_runs_on_the_embedded_model(name):
    assert "the chat ended: " in run(name)


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


@pytest.mark.slow
def test_ctrl_c_while_tokens_stream_ends_the_demo_cleanly():
    child = pexpect.spawn(sys.executable, [str(SAMPLES / "demo.py")], env=environment(), encoding="utf-8", timeout=120)
    child.expect("storyteller|poet")
    child.sendintr()
    child.expect("Interrupted.")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


SCRIPTED = """
import sys
sys.path.insert(0, sys.argv[1])
from human_in_the_loop import main
from autogen_like import ScriptedModel
main({"model": ScriptedModel(["Fresh bread.", "Warm bread.", "Good bread.", "Our bread."])}, "TERMINATE")
"""


def test_in_terminate_mode_a_person_is_asked_only_when_the_chat_would_end():
    child = pexpect.spawn(
        sys.executable, ["-c", SCRIPTED, str(SAMPLES)], env=environment(), encoding="utf-8", timeout=60
    )
    child.expect("Fresh bread.")
    child.expect("Write another one.")  # by itself: nobody was asked
    child.expect("Warm bread.")
    child.expect("person has answered writer often enough")
    child.sendline("With butter, please.")
    child.expect("Good bread.")
    child.expect("Write another one.")
    child.expect("Our bread.")
    child.expect("person has answered writer often enough")
    child.sendline("exit")
    child.expect(r"The person said \['With butter, please.'\]; the chat ended: human_exit")
    child.expect(pexpect.EOF)
