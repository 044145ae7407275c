"""What AG2's swarms are told with, and what comes out of them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from autogen_like import ModelRequest, ScriptedModel
from autogen_like.compat import (
    AfterWork,
    AfterWorkOption,
    ConversableAgent,
    OnCondition,
    SwarmAgent,
    SwarmResult,
    initiate_swarm_chat,
)


def test_what_follows_work_is_an_option_by_name_or_an_agent() -> None:
    assert AfterWork("terminate").agent is AfterWorkOption.TERMINATE
    agent = ConversableAgent("one")
    assert AfterWork(agent).agent is agent
    with pytest.raises(ValueError, match="'SOMETIME'"):
        AfterWork("SOMETIME")
    with pytest.raises(ValueError, match="a text"):
        AfterWork("swarm_manager", next_agent_selection_msg=lambda agent, messages: "who?")  # type: ignore[arg-type]


def test_a_handoff_goes_to_an_agent_or_to_nested_chats() -> None:
    assert OnCondition({"chat_queue": []}, "x").target == {"chat_queue": []}
    with pytest.raises(ValueError, match="chat_queue"):
        OnCondition(SimpleNamespace(name="no agent"), "x")


def test_a_result_is_json_with_the_agents_name() -> None:
    shown = json.loads(SwarmResult("done", ConversableAgent("closer"), {"n": 1}).model_dump_json())
    assert shown == {"values": "done", "agent": "closer", "context_variables": {"n": 1}}
    assert SwarmResult().context_variables == {}


def test_a_user_who_is_nobody_has_no_name_and_functions_are_told_by_theirs() -> None:
    told: list[Any] = []

    def words(request: ModelRequest) -> str:
        told.extend(tool["function"]["description"] for tool in request.tools)
        return "Yes."

    def book_trip(city: str) -> str:
        return city

    one = SwarmAgent("one", llm_config=ScriptedModel(words), functions=[book_trip])
    result, _, last = initiate_swarm_chat(one, "Hi", [one], silent=True)
    assert [message.get("name") for message in result.chat_history] == [None, "one"]
    assert told == ["book trip"]
    assert last is one
