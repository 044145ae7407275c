"""Budgets of a whole run: they hold across nested chats and parallel branches."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, fields
from typing import Protocol

from .errors import ConfigError
from .termination import StopReason
from .usage import Usage, UsageLedger


def is_count(value: object) -> bool:
    """Whether a setting is a whole number of at least 1."""
    return isinstance(value, int) and value >= 1


class Spending(Protocol):
    """What a limit looks at: a run, or a process."""

    turns: int
    usage: UsageLedger


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run, with everything nested in it, may use. None is no limit.

    Args:
        turns: Replies of participants.
        requests: Model requests.
        tokens: Prompt and completion tokens.
        cost: US dollars.
        seconds: Wall time.

    Raises:
        ConfigError: If a limit is not positive.
    """

    turns: int | None = None
    requests: int | None = None
    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            if value is not None and value <= 0:
                raise ConfigError(f"Limits({spec.name}=...) must be more than 0, not {value}; None means no limit")

    def exceeded(self, run: Spending) -> StopReason | None:
        """The limit that the run has reached, if any; constant work. Wall time is enforced by the run itself."""
        total = run.usage.total
        if self.turns is not None and run.turns >= self.turns:
            return StopReason("budget", f"{run.turns} of {self.turns} turns taken")
        if self.requests is not None and total.requests >= self.requests:
            return StopReason("budget", f"{total.requests} of {self.requests} model requests made")
        if self.tokens is not None and total.total_tokens >= self.tokens:
            return StopReason("budget", f"{total.total_tokens} of {self.tokens} tokens used")
        if self.cost is not None and total.cost >= self.cost:
            return StopReason("budget", f"${total.cost:.4f} of ${self.cost} spent")
        return None


class _Process:
    """What all runs of this process spend together, while there is a limit to it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.turns = 0
        self.usage = UsageLedger()
        self._began = time.monotonic()
        self._lock = threading.Lock()  # runs may be on several threads' loops

    def add(self, model: str, usage: Usage, *, cached: bool) -> None:
        with self._lock:
            self.usage.add(model, usage, cached=cached)

    def add_turn(self) -> None:
        with self._lock:
            self.turns += 1

    def exceeded(self) -> StopReason | None:
        reason = self.limits.exceeded(self)
        seconds = self.limits.seconds
        if reason is None and seconds is not None and time.monotonic() - self._began >= seconds:
            reason = StopReason("budget", f"{seconds} s are over")
        return StopReason("budget", f"of the process: {reason.detail}") if reason is not None else None


process: _Process | None = None
"""What this process may spend; None for no limit."""


def limit_process(limits: Limits | None) -> None:
    """Limits what all runs of this process spend together, from now on. What is over ends each run after its turn.

    A run that ends so says "budget", and can be gone on with where it is kept, once there is a new limit.

    Args:
        limits: What they may spend; ``seconds`` count from now. None takes the limit back.

    Example:
        >>> limit_process(Limits(cost=5.0))
        >>> limit_process(None)
    """
    global process  # noqa: PLW0603 - one for the process
    process = _Process(limits) if limits is not None else None
