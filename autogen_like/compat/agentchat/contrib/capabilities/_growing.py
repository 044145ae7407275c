"""Work on conversations that only grow, done once for each message.

A conversation is shown again at each turn, with a few messages more. Where the list begins with the same objects as
the last time, only the new ones are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .....core.message import ChatMessage


class _Growing:
    """Knows how much of a list it has seen.

    Where the first and the last message that were seen are the same objects at the same places, so are those between:
    a transcript is only ever extended. Messages that may be edited are looked at each time.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._ends: tuple[Any, Any] | None = None

    def _known(self, messages: Sequence[Any]) -> int:
        """How many messages at the beginning were seen the last time."""
        ends, seen = self._ends, self._seen
        if ends is None or len(messages) < seen or not isinstance(ends[0], ChatMessage):
            return 0
        return seen if messages[0] is ends[0] and messages[seen - 1] is ends[1] else 0

    def _remember(self, messages: Sequence[Any]) -> None:
        self._seen = len(messages)
        self._ends = (messages[0], messages[-1]) if messages else None


class GrowingList(_Growing):
    """What a function makes of each message."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self._function = function
        self._made: list[Any] = []

    def of(self, messages: Sequence[Any]) -> list[Any]:
        """A list of what it makes of these."""
        known = self._known(messages)
        del self._made[known:]
        self._made += [self._function(message) for message in messages[known:]]
        self._remember(messages)
        return list(self._made)


class GrowingSum(_Growing):
    """The sum of what a function makes of each message."""

    def __init__(self, function: Callable[[Any], int]) -> None:
        super().__init__()
        self._function = function
        self._sum = 0

    def of(self, messages: Sequence[Any]) -> int:
        """The sum for these."""
        known = self._known(messages)
        self._sum = (self._sum if known else 0) + sum(self._function(message) for message in messages[known:])
        self._remember(messages)
        return self._sum
