"""What becomes of one task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..core.errors import AutogenLikeError
from ..core.usage import UsageLedger

if TYPE_CHECKING:
    from .trajectory import Trajectory


class RolloutError(AutogenLikeError):
    """A rollout failed in a way that has no exception of its own.

    It was cancelled by itself, or its exception could not be brought here from another process; then the message holds
    that exception's kind, words and traceback.
    """


class WorkerLost(RolloutError):
    """The process that a rollout ran in died under it, each time anew."""


@dataclass(slots=True)
class Rollout:
    """What became of one task.

    Args:
        task: The task.
        index: Its place among the tasks, from 0.
        result: What the function returned, or the `ChatResult`; None where it failed.
        error: Why it failed, after the last attempt; None where it didn't.
        attempts: How often it was tried.
        seconds: Wall time of all attempts, without the time in the queue.
        usage: Tokens and cost of all attempts.
        reward: What the scorer gave it; None without one, or where it failed.
        trajectory: Messages, model calls and tool calls of the last attempt, where they are kept.

    Example:
        >>> Rollout("2 + 2?", 0, result="4").ok
        True
    """

    task: Any
    index: int
    result: Any = None
    error: Exception | None = None
    attempts: int = 0
    seconds: float = 0.0
    usage: UsageLedger = field(default_factory=UsageLedger, repr=False)
    reward: float | None = None
    trajectory: Trajectory | None = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether it has a result."""
        return self.error is None


@dataclass(slots=True)
class Outcome:
    """What one attempt at a task left: the part of a `Rollout` that is made where the task runs."""

    result: Any = None
    error: Exception | None = None
    seconds: float = 0.0
    usage: UsageLedger = field(default_factory=UsageLedger)
    trajectory: Trajectory | None = None
    log: str = ""
