"""From a model's text to a reply: what is text, what is a call of a tool, and what may be shown of it so far."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ..core.message import ToolCall, new_id
from .constrain.toolcalls import ToolCallStream


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """A piece of a reply.

    Args:
        text: New text, or a piece of a call's arguments.
        kind: Which of the two.
        index: Which call it belongs to.
        name: The called tool, in the call's first piece.
        reply: Which of several replies to one request it belongs to.
        logprobs: Log-probabilities of the tokens since the piece before, in OpenAI's form, where they were asked for.
    """

    text: str
    kind: Literal["text", "tool"] = "text"
    index: int = 0
    name: str | None = None
    reply: int = 0
    logprobs: tuple[dict[str, Any], ...] = ()


class Reading(Protocol):
    """A reply that is being read."""

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Tools that are called in it."""
        ...

    @property
    def content(self) -> str | None:
        """Its text; None where it is a call."""
        ...

    def add(self, text: str) -> tuple[ChatDelta, ...]:
        """What may be shown now that this text has come."""
        ...

    def finish(self) -> tuple[ChatDelta, ...]:
        """What was held back, at the end."""
        ...


class TextReply:
    """A reply that is text and nothing else."""

    calls: tuple[ToolCall, ...] = ()

    def __init__(self) -> None:
        self._parts: list[str] = []

    @property
    def content(self) -> str | None:
        return "".join(self._parts)

    def add(self, text: str) -> tuple[ChatDelta, ...]:
        self._parts.append(text)
        return (ChatDelta(text),)

    def finish(self) -> tuple[ChatDelta, ...]:
        return ()


class ToolsReply:
    """A reply in which tools may be called."""

    def __init__(self, names: frozenset[str]) -> None:
        self._stream = ToolCallStream(names)
        self.content: str | None = ""
        self.calls: tuple[ToolCall, ...] = ()

    def add(self, text: str) -> tuple[ChatDelta, ...]:
        shown = self._stream.add(text)
        return (ChatDelta(shown),) if shown else ()

    def finish(self) -> tuple[ChatDelta, ...]:
        rest, parsed = self._stream.finish()
        self.content, self.calls = parsed.content, parsed.calls
        text = (ChatDelta(rest),) if rest else ()
        return text + tuple(
            ChatDelta(call.arguments, "tool", index, call.name) for index, call in enumerate(self.calls)
        )


class ForcedReply:
    """A reply that is one call: ``{"name": "...", "arguments": {...}}``, as the grammar writes it."""

    _HEAD = re.compile(r'\s*\{"name":\s*("(?:[^"\\]|\\.)*"),\s*"arguments":\s*(?=\S)')

    def __init__(self) -> None:
        self._id = new_id()
        self._name: str | None = None
        self._held = ""
        self._arguments: list[str] = []

    @property
    def content(self) -> str | None:
        return None if self._name is not None else self._held

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        if self._name is None:
            return ()
        return (ToolCall(self._id, self._name, "".join(self._arguments)),)

    def add(self, text: str) -> tuple[ChatDelta, ...]:
        self._held += text
        first = None
        if self._name is None:
            head = self._HEAD.match(self._held)
            if head is None:
                return ()
            first = self._name = json.loads(head[1])
            self._held = self._held[head.end() :]
        # The last brace so far may be the call's own; it is shown when more comes after it.
        piece, self._held = self._held[:-1], self._held[-1:]
        if not piece and first is None:
            return ()
        self._arguments.append(piece)
        return (ChatDelta(piece, "tool", 0, first),)

    def finish(self) -> tuple[ChatDelta, ...]:
        if self._name is None:  # cut before it had a name
            return (ChatDelta(self._held),) if self._held else ()
        return ()
