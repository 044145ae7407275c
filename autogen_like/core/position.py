"""Where in a run something is started: what is nested is found there again when the same program runs again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Position:
    """Where in a run something is started: the same place whenever the same program runs again."""

    __slots__ = ("_started", "key")

    def __init__(self, key: str) -> None:
        self.key = key
        self._started = 0

    def next(self) -> str:
        """The key of what is started next."""
        self._started += 1
        return f"{self.key}/{self._started}"


position: ContextVar[Position | None] = ContextVar("position", default=None)


@contextmanager
def marked(key: str) -> Iterator[None]:
    """Marks what is started inside as started at a place.

    Args:
        key: The place's key.
    """
    token = position.set(Position(key))
    try:
        yield
    finally:
        position.reset(token)


@contextmanager
def branch(name: str) -> Iterator[None]:
    """Marks what is started inside as one of several things that are under way side by side.

    Args:
        name: Tells it from the others, whenever the same program runs again.
    """
    at = position.get()
    if at is None:  # nobody wants to know
        yield
        return
    with marked(f"{at.key}:{name}"):
        yield
