"""Code that one agent writes and another runs, on the real local executor."""

from __future__ import annotations

import pytest

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.errors import ConfigError
from autogen_like.core.events import CodeFinished, CodeStarted
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
