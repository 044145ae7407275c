"""Records that tests write, and what a journal should make of them, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from autogen_like.core.journal import Answered, Called, Closed, Opened, Record, Recovered, Said
from autogen_like.core.message import Message, ToolCall, ToolResult
from autogen_like.core.termination import StopReason


def state(turns: int = 0, paused: Any = None, tokens: int = 0, cost: float = 0.0) -> dict[str, Any]:
    """A conversation's state, as the core makes it."""
    figures = {"m": [1, tokens, 0, cost, 0.0]} if tokens else {}
    used = {"actual": figures, "cached": {}}
    return {
        "version": 1,
        "auto_replies": {},
        "began": 0,
        "rule": {"version": 1, "turns": turns},
        "paused": paused,
        "run": {"turns": turns, "usage": used, "usage_by_agent": {"ada": used} if tokens else {}},
    }


UNKNOWN: dict[str, Any] = {}  # the state with a message that was said where no journal was
OPENED = Opened("", ("ada", "bob"), state())


def said(text: str, turns: int = 0, speaker: str = "ada") -> Said:
    return Said(Message(speaker, text), state(turns))


def call(name: str = "1") -> ToolCall:
    return ToolCall(name, "add", '{"a": 1}')


def calling(*ids: str) -> Said:
    return Said(Message("ada", None, tuple(map(call, ids))), state())


def results(*ids: str) -> Said:
    return Said(Message("ada", tool_results=tuple(ToolResult(one, "add", "2") for one in ids)), state())


ENDED = Closed(StopReason("max_turns", "max_turns=2", "bob"), state(2))


@dataclass
class Opening:
    conversation: str
    opened: int
    participants: tuple[str, ...]
    state: Any
    until: int | None = None
    closed: StopReason | None = None


@dataclass
class Model:
    """What a store should know of one run: a list of what was written, and how to look at it."""

    written: list[tuple[str, Record]] = field(default_factory=list)
    openings: dict[str, Opening] = field(default_factory=dict)

    def append(self, conversation: str, record: Record) -> None:
        if isinstance(record, Opened):
            had = len(self.said(conversation))
            self.written += [(conversation, Said(message, UNKNOWN)) for message in record.past[had:]]
            self._open(conversation, record, len(self.written))
        for opening in self.openings.values():
            if isinstance(record, Closed) and opening.conversation == conversation and opening.until is None:
                opening.closed, opening.state, opening.opened = record.reason, record.state, len(self.written)
        self.written.append((conversation, record))

    def _open(self, conversation: str, record: Opened, number: int) -> None:
        for opening in self.openings.values():
            if opening.conversation == conversation and opening.until is None:
                opening.until = number
        self.openings[record.key] = Opening(conversation, number, record.participants, record.state)

    def said(self, conversation: str, until: int | None = None) -> list[tuple[int, Said]]:
        return [
            (number, record)
            for number, (where, record) in enumerate(self.written[:until])
            if where == conversation and isinstance(record, Said)
        ]

    def recovered(self, key: str) -> Recovered | None:
        opening = self.openings.get(key)
        if opening is None:
            return None
        spoken = self.said(opening.conversation, opening.until)
        last, newest = spoken[-1] if spoken else (-1, Said(Message(""), UNKNOWN))
        calls, answers, human = {}, {}, []
        for number, (conversation, record) in enumerate(self.written[: opening.until]):
            if conversation != opening.conversation:
                continue
            if isinstance(record, Called) and number > last:
                calls[record.message, record.place] = record.result
            if isinstance(record, Answered):
                answers[record.id] = record.text
                if record.text and not record.approval and number < last:
                    human.append(record.text)
        return Recovered(
            opening.conversation,
            opening.participants,
            [record.message for _, record in spoken],
            newest.state if newest.state is not UNKNOWN and last > opening.opened else opening.state,
            calls,
            answers,
            tuple(human),
            opening.closed,
        )


def texts(messages: Sequence[Message]) -> list[str]:
    return [message.text for message in messages]
