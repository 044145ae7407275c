"""Tool results get long and old: shorten them, or drop them together with their calls."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable

from ...core.message import ChatMessage, content_text
from .pieces import Counter, Edit, Piece, Wire
from .policy import ContextPolicy, Stage
from .windows import at_least


class _OldToolResults(ContextPolicy):
    """Changes pieces with tool results once they are old.

    Args:
        older_than: How many messages must follow a result before it is old.
    """

    def __init__(self, older_than: int) -> None:
        at_least(type(self).__name__, older_than, 1)
        self.older_than = older_than

    def begin(self, counter: Counter) -> Stage:
        return Ageing(self.aged, self.older_than)

    @abstractmethod
    def aged(self, piece: Piece) -> Piece | None:
        """What is shown of a piece that is old."""


class ShortenToolResults(_OldToolResults):
    """Cuts tool results to their beginning once they are old. Their calls stay, and so does the fact that they ran.

    Args:
        older_than: How many messages must follow a result before it is old.
        to: How many characters are kept.

    Raises:
        ConfigError: If `older_than` is less than 1, or `to` negative.

    Example:
        >>> call = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}
        >>> result = {"role": "tool", "tool_call_id": "1", "content": "x" * 1000}
        >>> seen = ShortenToolResults(1, to=3).apply([call, result, {"role": "user", "content": "Go on"}])
        >>> seen[1]["content"]
        'xxx [997 more characters were left out]'
    """

    def __init__(self, older_than: int, *, to: int = 200) -> None:
        super().__init__(older_than)
        at_least("ShortenToolResults", to, 0)
        self.to = to

    def aged(self, piece: Piece) -> Piece | None:
        wires = tuple(self._shortened(wire) for wire in piece.wires)
        if all(new is old for new, old in zip(wires, piece.wires, strict=True)):
            return piece
        return Piece(wires, piece.count, piece.calls)

    def _shortened(self, wire: Wire) -> Wire:
        if wire.get("role") not in ("tool", "function"):
            return wire
        text = _text(wire)
        mark = f" [{len(text) - self.to:,} more characters were left out]"
        if len(text) <= self.to + len(mark):  # it would get no shorter
            return wire
        return ChatMessage({**wire, "content": (text[: self.to] + mark).lstrip()})

    def __repr__(self) -> str:
        return f"ShortenToolResults({self.older_than}, to={self.to})"


class DropToolResults(_OldToolResults):
    """Leaves tool calls out together with their results once they are old. What was said along with them stays.

    Args:
        older_than: How many messages must follow a result before it is old.

    Raises:
        ConfigError: If `older_than` is less than 1.

    Example:
        >>> call = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}
        >>> result = {"role": "tool", "tool_call_id": "1", "content": "ok"}
        >>> len(DropToolResults(1).apply([call, result, {"role": "user", "content": "Go on"}]))
        1
    """

    def aged(self, piece: Piece) -> Piece | None:
        if not piece.calls:
            return piece
        kept = tuple(_spoken(wire) for wire in piece.wires if _is_said(wire))
        return Piece(kept, len(kept)) if kept else None

    def __repr__(self) -> str:
        return f"DropToolResults({self.older_than})"


def _is_said(wire: Wire) -> bool:
    return wire.get("role") not in ("tool", "function") and bool(wire.get("content"))


def _spoken(wire: Wire) -> Wire:
    return ChatMessage({key: value for key, value in wire.items() if key not in ("tool_calls", "function_call")})


def _text(wire: Wire) -> str:
    content = wire.get("content")
    return content_text(content) if content is None or isinstance(content, str | list | tuple) else str(content)


class Ageing(Stage):
    """Changes each piece once, when so many messages have followed it.

    Args:
        aged: What becomes of it; None for nothing.
        older_than: How many messages.
    """

    def __init__(self, aged: Callable[[Piece], Piece | None], older_than: int) -> None:
        self._aged = aged
        self._older_than = older_than
        self._fresh: OrderedDict[int, Piece] = OrderedDict()
        self._messages = 0  # in the fresh ones
        self._newest = -1

    def take(self, edits: list[Edit]) -> list[Edit]:
        shown: list[Edit] = []
        for place, piece in edits:
            before = self._fresh.get(place)
            if before is not None:
                self._messages -= before.count
            if piece is None:
                self._fresh.pop(place, None)
            elif before is not None or place > self._newest:
                self._fresh[place] = piece
                self._messages += piece.count
                self._newest = max(self._newest, place)
            elif not piece.made:
                piece = self._aged(piece)  # noqa: PLW2901 - it was changed above after it had grown old here
            shown.append((place, piece))
        while self._fresh:
            place, piece = next(iter(self._fresh.items()))
            if place == self._newest or self._messages - piece.count < self._older_than:
                break
            del self._fresh[place]
            self._messages -= piece.count
            old = self._aged(piece)
            if old is not piece:
                shown.append((place, old))
        return shown
