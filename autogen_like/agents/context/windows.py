"""Windows: the newest messages up to a limit and, where wanted, the first ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from ...core.errors import ConfigError
from .pieces import Counter, Edit, Piece, note
from .policy import ContextPolicy, Stage

LEFT_OUT = "[The messages in between are left out.]"


class LastMessages(ContextPolicy):
    """Keeps the newest messages.

    A tool call and its results go together: where the limit would part them, both are left out, unless they are the
    newest, which are always whole.

    Args:
        limit: How many messages at most; the results of one message's calls, in one message, are one.
        note: What stands in the place of what is left out; nothing by default.

    Raises:
        ConfigError: If the limit is less than 1.

    Example:
        >>> said = [{"role": "user", "content": text} for text in "abc"]
        >>> [message["content"] for message in LastMessages(2).apply(said)]
        ['b', 'c']
    """

    def __init__(self, limit: int, *, note: str | None = None) -> None:
        at_least("LastMessages", limit, 1)
        self.limit = limit
        self.note = note

    def begin(self, counter: Counter) -> Stage:
        return Window(lambda piece: piece.count, self.limit, 0, self.note)

    def __repr__(self) -> str:
        return f"LastMessages({self.limit})"


class HeadAndTail(ContextPolicy):
    """Keeps the first messages, in which a task is often set, and the newest.

    Args:
        first: How many of the first; more where a tool's results would be parted from their call.
        last: How many of the newest at most; see `LastMessages`.
        note: What stands between them, once something is left out; None for nothing.

    Raises:
        ConfigError: If `first` is negative or `last` less than 1.

    Example:
        >>> said = [{"role": "user", "content": text} for text in "abcde"]
        >>> [message["content"] for message in HeadAndTail(1, 2).apply(said)]
        ['a', '[The messages in between are left out.]', 'd', 'e']
    """

    def __init__(self, first: int, last: int, *, note: str | None = LEFT_OUT) -> None:
        at_least("HeadAndTail", first, 0)
        at_least("HeadAndTail", last, 1)
        self.first, self.last = first, last
        self.note = note

    def begin(self, counter: Counter) -> Stage:
        return Window(lambda piece: piece.count, self.last, self.first, self.note)

    def __repr__(self) -> str:
        return f"HeadAndTail({self.first}, {self.last})"


class MaxTokens(ContextPolicy):
    """Keeps the newest messages that fit a number of tokens. The newest message is kept even if it doesn't fit.

    Not to be confused with the stop condition `TokenBudget`, which ends a run that has spent so many.

    Args:
        limit: How many tokens at most, the system message and the tools apart.
        first: How many of the first messages are kept too, within the limit.
        note: What stands in the place of what is left out; nothing by default.

    Raises:
        ConfigError: If the limit is less than 1.

    Example:
        >>> said = [{"role": "user", "content": "word " * 50}, {"role": "user", "content": "And now?"}]
        >>> len(MaxTokens(20).apply(said, "gpt-4"))
        1
    """

    def __init__(self, limit: int, *, first: int = 0, note: str | None = None) -> None:
        at_least("MaxTokens", limit, 1)
        at_least("MaxTokens", first, 0)
        self.limit = limit
        self.first = first
        self.note = note

    def begin(self, counter: Counter) -> Stage:
        return Window(lambda piece: piece.tokens(counter), self.limit, self.first, self.note, head_counts=True)

    def __repr__(self) -> str:
        return f"MaxTokens({self.limit}{f', first={self.first}' if self.first else ''})"


def at_least(policy: str, value: int, least: int) -> None:
    """Checks a number in a policy.

    Raises:
        ConfigError: If it is too small.
    """
    if value < least:
        raise ConfigError(f"{policy} needs numbers of at least {least}, not {value}: the newest message is always seen")


class Window(Stage):
    """The pieces with the first messages, and the newest ones whose weights stay within a limit.

    Args:
        weigh: The weight of a piece.
        limit: The greatest sum of weights.
        first: How many messages at the beginning are kept.
        note: What stands in the place of what is left out.
        head_counts: Whether the first messages and the note count towards the limit.
    """

    def __init__(
        self, weigh: Callable[[Piece], int], limit: int, first: int, note: str | None, *, head_counts: bool = False
    ) -> None:
        self._weigh = weigh
        self._limit = limit
        self._first = first
        self._note = note
        self._head_counts = head_counts
        self._head: dict[int, int] = {}  # place -> weight
        self._tail: OrderedDict[int, int] = OrderedDict()
        self._sizes: dict[int, int] = {}  # of the head's pieces, in messages
        self._total = 0
        self._newest = -1
        self._edge = -1  # the newest place that was left out

    def take(self, edits: list[Edit]) -> list[Edit]:
        shown = [(place, piece) for place, piece in edits if self._admit(place, piece)]
        self._trim(shown)
        return shown

    def _admit(self, place: int, piece: Piece | None) -> bool:
        """Takes one change in; whether it shows."""
        if piece is None:
            before = self._tail.pop(place, None)
            if before is None:
                before = self._head.pop(place, None)
            self._total -= before or 0
            return before is not None
        part = self._part(place)
        if part is None:
            return False
        if part is self._head:
            self._sizes[place] = piece.count
        weight = self._weigh(piece) if part is not self._head or self._head_counts else 0
        self._total += weight - part.get(place, 0)
        part[place] = weight
        if place > self._newest:
            self._newest = place
        elif part is self._tail and place > self._edge and next(reversed(part)) == place != self._newest:
            self._tail = OrderedDict(sorted(part.items()))  # a summary where something was dropped before
        return True

    def _part(self, place: int) -> dict[int, int] | None:
        """Where a piece belongs: the head, the tail or nowhere."""
        if place in self._head:
            return self._head
        if place > self._newest and sum(self._sizes.values()) < self._first:
            return self._head
        return self._tail if place > self._edge and place not in self._sizes else None

    def _trim(self, shown: list[Edit]) -> None:
        tail = self._tail
        while self._total > self._limit and tail:
            place = next(iter(tail))
            if place == self._newest:
                break
            self._total -= tail.pop(place)
            self._edge = place
            mark = None if self._note is None else note(self._note)
            self._note = None  # one is enough
            self._total += self._weigh(mark) if mark is not None and self._head_counts else 0
            shown.append((place, mark))
