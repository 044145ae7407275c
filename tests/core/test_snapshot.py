"""Conversations and messages as JSON, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like.core.conversation import Conversation
from autogen_like.core.errors import ConfigError
from autogen_like.core.events import ApprovalRequested, HumanRequested
from autogen_like.core.message import File, Image, Message, Text, ToolCall, ToolResult
from autogen_like.core.snapshot import Pause, message_from_json, message_to_json

texts = st.text(max_size=8)
parts = st.one_of(
    st.builds(Text, texts), st.builds(Image, texts, texts), st.builds(File, texts, texts, st.none() | texts)
)
results = st.builds(
    ToolResult,
    st.none() | texts,
    texts,
    texts,
    st.booleans(),
    parts=st.lists(parts, max_size=2).map(tuple),
    whole=st.none() | st.text(min_size=1),
)
messages = st.builds(
    Message,
    texts,
    st.none() | texts | st.lists(parts, min_size=1, max_size=3).map(tuple),
    st.lists(st.builds(ToolCall, st.none() | texts, texts, texts), max_size=2).map(tuple),
    st.lists(results, max_size=2).map(tuple),
    st.none() | st.just("system"),
    st.none() | st.dictionaries(texts, texts, min_size=1, max_size=2),
)


@given(messages)
def test_a_message_comes_back_as_it_was(message: Message):
    again = message_from_json(json.loads(json.dumps(message_to_json(message))))
    assert again == message
    assert [result.whole for result in again.tool_results] == [result.whole for result in message.tool_results]


@pytest.mark.parametrize("raw", [{}, {"id": "1"}, {"id": "1", "speaker": "a", "tool_calls": [{}]}, [], "text"])
def test_what_is_no_saved_message_is_refused(raw: Any):
    with pytest.raises(ConfigError, match="no saved message"):
        message_from_json(raw)


class Member:
    def __init__(self, name: str) -> None:
        self.name = name

    async def reply(self, turn: Any) -> Any:
        return None


class Counting:
    def __init__(self) -> None:
        self.rounds = 0

    async def next(self, conversation: Conversation) -> Any:
        raise NotImplementedError

    def snapshot(self) -> dict[str, Any]:
        return {"version": 1, "rounds": self.rounds}

    def restore(self, state: Any) -> None:
        self.rounds = state["rounds"]


def conversation(*names: str) -> Conversation:
    return Conversation([Member(name) for name in names], Counting(), lambda one: one)


def test_a_paused_conversation_comes_back_with_what_it_waits_for():
    before = conversation("ada", "bob")
    before.transcript.append(Message("ada", "Hi"))
    before.auto_replies["bob"] = 2
    before.rule.rounds = 3  # type: ignore[attr-defined]
    call = ToolCall("c", "pay", "{}")
    requests = (
        ApprovalRequested(before.id, "m.0", "bob", "May bob pay?", call),
        HumanRequested(before.id, "m.bob", "bob", "What?"),
    )
    before.paused = Pause(requests, before.participants[1], 4, 1)
    state = json.loads(json.dumps(before.snapshot()))

    after = conversation("ada", "bob")
    after.restore(state)
    assert after.id == before.id
    assert after.transcript.messages == before.transcript.messages
    assert after.auto_replies == {"bob": 2}
    assert after.rule.rounds == 3  # type: ignore[attr-defined]
    assert after.paused is not None
    assert after.paused.requests == requests
    assert (after.paused.speaker, after.paused.index, after.paused.messages) == (after.participants[1], 4, 1)


def test_one_that_does_not_wait_comes_back_too():
    before = conversation("ada")
    after = conversation("ada")
    after.restore(before.snapshot())
    assert after.paused is None


def test_a_state_of_another_version_is_refused():
    state = conversation("ada").snapshot()
    with pytest.raises(ConfigError, match="version 99"):
        conversation("ada").restore({**state, "version": 99})


def test_a_state_with_somebody_who_is_not_here_is_refused():
    with pytest.raises(ConfigError, match="carol"):
        conversation("ada").restore(conversation("ada", "carol").snapshot())
