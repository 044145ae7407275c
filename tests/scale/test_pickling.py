"""What may go to another process: no secret, and nothing that can't be made again there."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import pytest

from autogen_like import AssistantAgent, ConfigError, LLMConfig, OpenAIClient, Rollouts, ScriptedModel
from autogen_like.scale.pickling import dumps, dumps_code, loads
from autogen_like.scale.ray_worker import packed, portable
from autogen_like.scale.rollout import Outcome, RolloutError

from .factories import Strange

KEY = "sk-" + "a1b2c3d4e5f6g7h8"
PLAIN = "0123456789abcdef"  # looks like nothing: only its name, or the environment, tells


def holds(value: Any) -> Any:
    return lambda _: value


@pytest.mark.parametrize(
    "factory",
    [
        holds(KEY),
        holds({"api_key": PLAIN}),
        holds({"model": "m", "nested": [{"access_token": PLAIN}]}),
        holds("postgresql://me:" + "hunter22@db.example/chats"),
        holds({"headers": {"Authorization": "Bearer " + PLAIN}}),
        partial(holds, api_key=PLAIN),
        AssistantAgent("ada", llm_config={"model": "m", "api_key": PLAIN}),
        AssistantAgent("ada", llm_config={"config_list": [{"model": "m", "api_key": PLAIN}]}),
        AssistantAgent("ada", llm_config=LLMConfig(model="m", default_headers={"Authorization": PLAIN})),
    ],
)
def test_code_that_holds_a_secret_is_refused_and_does_not_show_it(factory: Any) -> None:
    with pytest.raises(ConfigError, match="leave it out and set it in the environment") as told:
        dumps_code(factory, "the factory")
    assert PLAIN not in str(told.value)
    assert KEY not in str(told.value)


def test_the_value_of_a_secret_variable_is_refused_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "correct horse battery")
    with pytest.raises(ConfigError, match="SOME_API_KEY"):
        dumps({"question": "log in with correct horse battery"}, "task 3")


def test_code_that_reads_its_key_there_may_go(monkeypatch: pytest.MonkeyPatch) -> None:
    def factory(task: str) -> AssistantAgent:
        import os

        config = {"model": "m", "api_key": os.environ["SOME_API_KEY"], "max_tokens": 5}
        return AssistantAgent("ada", f"Your task: {task}", llm_config=config)

    made = loads(dumps_code(factory, "the factory"))
    monkeypatch.setenv("SOME_API_KEY", PLAIN)
    assert made("x").llm_config["api_key"] == PLAIN


def test_an_agent_may_go_with_its_tools_and_settings() -> None:
    def look(city: str) -> str:
        """Looks out of the window."""
        return f"sunny in {city}"

    agent = AssistantAgent("ada", llm_config={"model": "gpt-4.1-mini", "temperature": 0}, tools=[look])
    again = loads(dumps_code(agent, "the agent"))
    assert (again.name, dict(again.llm_config)) == ("ada", {"model": "gpt-4.1-mini", "temperature": 0})
    assert again.function_map["look"]("Rome") == "sunny in Rome"
    talks = AssistantAgent("bob", llm_config=ScriptedModel(["Hi"]))
    assert loads(dumps_code(talks, "the agent")).generate_reply([{"role": "user", "content": "Hi"}]) == "Hi"


@pytest.mark.parametrize(
    "value",
    [
        threading.Lock(),
        (number for number in range(3)),
        AssistantAgent("ada", llm_config=OpenAIClient({"model": "m", "api_key": "k"})),
    ],
)
def test_what_cannot_be_pickled_is_told_with_the_cure(value: Any) -> None:
    with pytest.raises(ConfigError, match="task 7 can't be taken to another process"):
        dumps(value, "task 7")


def test_a_factory_is_refused_before_anything_is_started() -> None:
    lock = threading.Lock()
    with pytest.raises(ConfigError, match="the factory can't be taken"):
        Rollouts(lambda _: lock, on="ray")
    with pytest.raises(ConfigError, match="the factory must not hold"):
        Rollouts(holds(KEY), on="ray")


def test_errors_travel_as_they_are_or_in_words() -> None:
    kept = portable(ValueError("plain"))
    assert isinstance(kept, ValueError)
    for error in (Strange("a", "b"), ValueError(threading.Lock())):
        told = portable(error)
        assert isinstance(told, RolloutError)
        assert type(error).__name__ in str(told)


def test_a_result_that_cannot_travel_is_an_error_and_no_crash() -> None:
    outcome = loads(packed(Outcome(result=threading.Lock(), seconds=2.0)))
    assert isinstance(outcome.error, ConfigError)
    assert "a rollout's result can't be taken" in str(outcome.error)
    assert (outcome.result, outcome.seconds) == (None, 2.0)
