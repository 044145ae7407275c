"""What can go wrong with a store, each as one error that says what it means and what to do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..core.errors import AutogenLikeError, ConfigError


class StoreError(AutogenLikeError):
    """The database failed: what was being written is not there, what was written before still is."""


class Leased(StoreError, ConfigError):
    """A run is in the hands of another process.

    Args:
        run: The run's id.
        owner: Who holds it: host and process.
        until: When the lease ends unless it is renewed.
    """

    def __init__(self, run: str, owner: str, until: datetime) -> None:
        super().__init__(
            f"run {run!r} is held by {owner} until {until:%Y-%m-%d %H:%M:%S} UTC, and longer while that process lives: "
            "let it end, or try again then"
        )
        self.run, self.owner, self.until = run, owner, until

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.run, self.owner, self.until)


class LeaseLost(StoreError):
    """Another process has taken the run over, or it was deleted or released: nothing more may be written here.

    Args:
        run: The run's id.
    """

    def __init__(self, run: str) -> None:
        super().__init__(f"run {run!r} is no longer ours to write: its lease ran out or was given back")
        self.run = run

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.run,)
