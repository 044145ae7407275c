"""Pieces: what a view of a conversation may keep or leave out, but never part.

A piece is one message, or a message with tool calls together with all the results that answer it. Policies work on
pieces, so none of them can show a result without its call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from ...core.message import ChatMessage
from ...core.transcript import wire_messages
from ...models.tokens import count_tokens

Wire: TypeAlias = Mapping[str, Any]
Edit: TypeAlias = "tuple[int, Piece | None]"
"""A piece's place and what is there now: a new piece at a new place, another at a known one, None for nothing."""


class Counter:
    """Counts the tokens of messages, for one model.

    Args:
        model: The model's name; an unknown one gives an estimate.
    """

    __slots__ = ("_reply", "model")

    def __init__(self, model: str = "") -> None:
        self.model = model
        self._reply = count_tokens((), model).tokens  # what count_tokens adds for the reply, once a request

    def __call__(self, wires: Sequence[Wire]) -> int:
        """Tokens of some messages, without what their reply costs."""
        return count_tokens(wires, self.model).tokens - self._reply


class Piece:
    """One message, or tool calls with their results.

    Args:
        wires: The messages as a chat endpoint takes them.
        count: How many messages of the conversation it is; 0 for a note or a summary.
        calls: Ids of the calls made in it, which results may still answer; None stands for the retired form's.

    Attributes:
        made: Whether it was made by a policy: a note or a summary.
    """

    __slots__ = ("_counted", "_tokens", "calls", "count", "made", "wires")

    def __init__(self, wires: tuple[Wire, ...], count: int = 1, calls: frozenset[str | None] = frozenset()) -> None:
        self.wires = wires
        self.count = count
        self.calls = calls
        self.made = count == 0
        self._tokens = 0
        self._counted = 0

    def tokens(self, counter: Counter) -> int:
        """Its tokens; each message in it is counted once."""
        if self._counted < len(self.wires):
            self._tokens += counter(self.wires[self._counted :])
            self._counted = len(self.wires)
        return self._tokens

    def with_results(self, wires: Sequence[Wire]) -> Piece:
        """The same piece with further results behind it."""
        grown = Piece((*self.wires, *wires), self.count + 1, self.calls)
        grown._tokens, grown._counted = self._tokens, self._counted
        return grown

    @property
    def fingerprint(self) -> int:
        """A hash of what is said in it, whoever looks."""
        said = [
            (wire.get("name"), wire.get("tool_call_id"), repr(wire.get("content")), repr(wire.get("tool_calls")))
            for wire in self.wires
        ]
        return hash(tuple(said))


def note(text: str) -> Piece:
    """Something that nobody said: what a policy puts in the place of what it leaves out."""
    return Piece((ChatMessage({"role": "user", "content": text}),), 0)


def calls_in(chat: Wire) -> frozenset[str | None]:
    """Ids of the calls that a chat dict makes."""
    if chat.get("tool_calls"):
        return frozenset(call.get("id") for call in chat["tool_calls"])
    return frozenset((None,)) if chat.get("function_call") else frozenset()


def answered_in(chat: Wire) -> frozenset[str | None]:
    """Ids of the calls that a chat dict answers."""
    if chat.get("tool_responses"):
        return frozenset(response.get("tool_call_id") for response in chat["tool_responses"])
    if chat.get("role") == "tool":
        return frozenset((chat.get("tool_call_id"),))
    return frozenset((None,)) if chat.get("role") == "function" else frozenset()


class Cutter:
    """Makes pieces of the messages of a conversation, one after another.

    Example:
        >>> cutter = Cutter()
        >>> call = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}
        >>> result = {"role": "tool", "tool_call_id": "1", "content": "ok"}
        >>> cutter.add(call)[0], cutter.add(result)[0], cutter.add({"role": "user", "content": "Thanks"})[0]
        (0, 0, 1)
    """

    __slots__ = ("_last", "_place")

    def __init__(self) -> None:
        self._last: Piece | None = None
        self._place = -1

    def add(self, chat: Wire, wires: Sequence[Wire] | None = None) -> tuple[int, Piece]:
        """The piece that a message begins, or belongs to, and its place.

        Args:
            chat: The message.
            wires: The message as a chat endpoint takes it, where that is known.
        """
        if wires is None:
            wires = wire_messages((chat,))
        answered = answered_in(chat)
        if answered and self._last is not None and answered & self._last.calls:
            self._last = self._last.with_results(wires)
        else:
            self._last = Piece(tuple(wires), 1, calls_in(chat))
            self._place += 1
        return self._place, self._last
