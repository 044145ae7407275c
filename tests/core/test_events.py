"""Events are small, frozen, and can be sent elsewhere."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from autogen_like.core import events
from autogen_like.core.events import Event, MessageAdded
from autogen_like.core.journal import Journal
from autogen_like.core.message import Message, ToolCall, ToolResult
from autogen_like.core.protocols import Participant, PrefixHint

KINDS = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_is_frozen_small_and_documented(kind: type[Event]) -> None:
    event = kind("c")
    assert event.conversation == "c"
    assert not hasattr(event, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.conversation = "other"  # type: ignore[misc]
    assert kind.__doc__
    assert event == kind("c")


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_travels_to_another_process(kind: type[Event]) -> None:
    assert pickle.loads(pickle.dumps(kind("c"))) == kind("c")


def test_an_event_carries_the_message_itself() -> None:
    message = Message("ada", None, (ToolCall("1", "f", "{}"),))
    assert MessageAdded("c", message, "bob").message is message


def test_whoever_fits_a_protocol_can_take_part() -> None:
    class Someone:
        name = "ada"

        async def reply(self, turn: object) -> None: ...

    class Paper:
        async def append(self, conversation: str, record: Message | tuple[ToolCall, ToolResult | None]) -> None: ...

    assert isinstance(Someone(), Participant)
    assert isinstance(Paper(), Journal)
    assert not isinstance(object(), Participant)
    assert PrefixHint("c", "ada") == PrefixHint("c", "ada")
