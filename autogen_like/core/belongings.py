"""What belongs to a conversation beside its messages: state that other rooms keep with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .protocols import Snapshot

S = TypeVar("S", bound=Snapshot)


class Belongings:
    """State that is saved, gone on with, forked and replayed with a conversation, by whoever put it there.

    What was restored waits as JSON until its owner asks for it, since only the owner knows what to make of it; until
    then it is saved again as it came.

    Example:
        >>> class Count:
        ...     value = 0
        ...     def snapshot(self): return {"version": 1, "value": self.value}
        ...     def restore(self, state): self.value = state["value"]
        >>> ours = Belongings()
        >>> ours.of("visits", Count).value = 3
        >>> theirs = Belongings()
        >>> theirs.restore(ours.snapshot())
        >>> theirs.of("visits", Count).value
        3
    """

    __slots__ = ("_here", "_waiting")

    def __init__(self) -> None:
        self._here: dict[str, Snapshot] = {}
        self._waiting: dict[str, Mapping[str, Any]] = {}

    def of(self, key: str, make: Callable[[], S]) -> S:
        """The state under a key; made, and restored if there is something to restore, when it is first asked for.

        Args:
            key: The owner's, and the same whenever the same program runs again.
            make: Makes it as it is at the beginning of a conversation.
        """
        found = self._here.get(key)
        if found is None:
            found = self._here[key] = make()
            if key in self._waiting:
                found.restore(self._waiting.pop(key))
        return found  # type: ignore[return-value]  # under one key stands what one owner puts there

    def snapshot(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {**self._waiting, **{key: state.snapshot() for key, state in self._here.items()}}

    def restore(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Takes what `snapshot` gave, in the place of all that is here."""
        self._here.clear()
        self._waiting = dict(state)
