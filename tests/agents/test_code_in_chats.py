"""Code that one agent writes and another runs, on the real local executor."""

from __future__ import annotations

from itertools import groupby

import pytest

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.coding.blocks import CodeBlock
from autogen_like.coding.executor import CodeResult
from autogen_like.coding.local import LocalCommandLineCodeExecutor
from autogen_like.core.errors import ConfigError
from autogen_like.core.events import CodeFinished, CodeOutput, CodeStarted, Event, MessageAdded
from autogen_like.core.message import File, Image
from autogen_like.models.scripted import ScriptedModel

BLOCK = "```python\nprint(6 * 7)\n```"


def runner(tmp_path, **config: object) -> UserProxyAgent:
    settings = {"use_docker": False, "work_dir": str(tmp_path), **config}
    return UserProxyAgent("runner", human_input_mode="NEVER", code_execution_config=settings)


def bob(*replies: str) -> AssistantAgent:
    return AssistantAgent("bob", llm_config=ScriptedModel(list(replies)))


def test_code_is_run_and_its_output_said(tmp_path):
    result = runner(tmp_path).initiate_chat(bob(BLOCK, "42. TERMINATE"), message="6 * 7?", silent=True)
    assert result.chat_history[2]["content"] == "exitcode: 0 (execution succeeded)\nCode output: 42\n"
    assert result.stop_reason.kind == "termination_message"


def test_code_that_fails_says_so_and_the_chat_goes_on(tmp_path):
    result = runner(tmp_path).initiate_chat(bob("```python\n1/0\n```", "oh. TERMINATE"), message="go", silent=True)
    assert result.chat_history[2]["content"].startswith("exitcode: 1 (execution failed)")
    assert "ZeroDivisionError" in result.chat_history[2]["content"]


def test_by_default_no_code_is_run():
    person = UserProxyAgent("person", human_input_mode="NEVER", default_auto_reply="I run nothing")
    result = person.initiate_chat(bob(BLOCK, "TERMINATE"), message="go", silent=True)
    assert result.chat_history[2]["content"] == "I run nothing"


def test_only_as_many_messages_as_asked_for_are_looked_through(tmp_path):
    said = [
        {"role": "user", "content": BLOCK, "name": "bob"},
        {"role": "user", "content": "no code here", "name": "bob"},
    ]
    assert runner(tmp_path, last_n_messages=1).generate_reply(said) == ""
    assert "42" in runner(tmp_path, last_n_messages=2).generate_reply(said)
    assert "42" in runner(tmp_path).generate_reply(said)


def test_what_came_before_the_agents_own_word_is_not_run_again(tmp_path):
    said = [
        {"role": "user", "content": BLOCK, "name": "bob"},
        {"role": "assistant", "content": "exitcode: 0"},
        {"role": "user", "content": "thanks", "name": "bob"},
    ]
    assert runner(tmp_path).generate_reply(said) == ""


async def test_running_code_is_an_event(tmp_path):
    events = [
        event
        async for event in runner(tmp_path).run(bob(BLOCK, "TERMINATE"), "go")
        if isinstance(event, CodeStarted | CodeFinished)
    ]
    assert isinstance(events[0], CodeStarted)
    assert events[0].languages == ("python",)
    assert (events[1].exit_code, events[1].output) == (0, "42\n")


async def events_of(talker: UserProxyAgent, *replies: str) -> list[Event]:
    return [event async for event in talker.run(bob(*replies), "go")]


async def test_what_code_prints_is_told_while_it_runs(tmp_path):
    waits = """```python
import pathlib, time
print("first €", flush=True)
while not pathlib.Path("seen").exists():
    time.sleep(0.01)
print("second")
```"""
    told = []
    async for event in runner(tmp_path).run(bob(waits, "TERMINATE"), "go"):
        if isinstance(event, CodeOutput):
            told.append(event)
            (tmp_path / "seen").touch()  # it goes on only once its first line was heard of
        if isinstance(event, CodeFinished):
            assert "".join(piece.text for piece in told) == event.output == "first €\nsecond\n"
    assert len(told) > 1
    assert {piece.speaker for piece in told} == {"runner"}


async def test_events_of_code_come_in_order(tmp_path):
    events = await events_of(runner(tmp_path), f"{BLOCK}\n```sh\nexit 3\n```", "TERMINATE")
    about = [event for event in events if isinstance(event, CodeStarted | CodeOutput | CodeFinished | MessageAdded)]
    kinds = [kind for kind, _ in groupby(about, type)]
    start = kinds.index(CodeStarted)
    assert kinds[start : start + 4] == [CodeStarted, CodeOutput, CodeFinished, MessageAdded]
    assert [event.languages for event in about if isinstance(event, CodeStarted)] == [("python", "sh")]
    assert [event.exit_code for event in about if isinstance(event, CodeFinished)] == [3]


def test_the_console_shows_what_was_printed_once(tmp_path, capsys):
    runner(tmp_path).initiate_chat(bob("```sh\necho only-$((1 + 1))\n```", "TERMINATE"), message="go")
    shown = capsys.readouterr().out
    assert shown.count("only-2") == 1
    assert shown.index("running a code block: sh") < shown.index("only-2")


class Artist:
    """An executor whose code leaves a picture and a table."""

    code_extractor = LocalCommandLineCodeExecutor().code_extractor
    parts = (Image.from_bytes(b"png", "image/png"), File.from_bytes("t.csv", b"a,b", "text/csv"))

    async def execute(self, blocks, *, on_output=None) -> CodeResult:
        assert on_output is None, "nobody listens"
        return CodeResult(0, "drawn", parts=self.parts)

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        raise AssertionError

    def restart(self) -> None:
        raise AssertionError


def test_images_and_files_of_a_result_are_parts_of_what_is_said():
    artist = UserProxyAgent("artist", human_input_mode="NEVER", code_execution_config={"executor": Artist()})
    looker = bob(BLOCK, "nice. TERMINATE")
    result = artist.initiate_chat(looker, message="draw", silent=True)
    said = result.chat_history[2]["content"]
    assert said[0] == {"type": "text", "text": "exitcode: 0 (execution succeeded)\nCode output: drawn"}
    assert [part["type"] for part in said] == ["text", "image_url", "file"]
    assert said[1]["image_url"]["url"] == Artist.parts[0].url


def test_a_reset_agent_restarts_what_runs_its_code():
    class Counted(Artist):
        restarts = 0

        def restart(self) -> None:
            self.restarts += 1

    executor = Counted()
    UserProxyAgent("artist", code_execution_config={"executor": executor}).reset()
    assert executor.restarts == 1


def test_an_error_goes_back_and_the_code_is_mended(tmp_path):
    wrong, right = "```python\nprint(1 / 0)\n```", "```python\nprint(1 / 2)\n```"
    result = runner(tmp_path).initiate_chat(bob(wrong, right, "TERMINATE"), message="go", silent=True)
    answers = [message["content"] for message in result.chat_history[2::2]]
    assert "ZeroDivisionError" in answers[0]
    assert answers[1] == "exitcode: 0 (execution succeeded)\nCode output: 0.5\n"


def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


def test_an_assistant_is_told_of_functions_and_its_code_calls_them(tmp_path):
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path, functions=[double])
    writer = AssistantAgent(
        "bob",
        system_message=f"You write code.\n{executor.format_functions_for_prompt()}",
        llm_config=ScriptedModel(["```python\nfrom functions import double\nprint(double(21))\n```", "TERMINATE"]),
    )
    person = UserProxyAgent("runner", human_input_mode="NEVER", code_execution_config={"executor": executor})
    result = person.initiate_chat(writer, message="go", silent=True)
    assert "def double(number: int) -> int" in writer.system_message
    assert result.chat_history[2]["content"].endswith("42\n")


@pytest.mark.parametrize(
    ("config", "cure"),
    [
        (True, "executor"),
        ({"executor": "local", "work_dir": "x"}, "executor"),
        ({"executor": "nowhere"}, "nowhere"),
        ({"use_docker": False, "last_n_messages": 0}, "last_n_messages"),
    ],
)
def test_a_config_that_cannot_be_is_refused_at_once(config, cure):
    with pytest.raises(ConfigError, match=cure):
        UserProxyAgent("runner", human_input_mode="NEVER", code_execution_config=config)
