"""Budgets of a whole run: they hold across nested chats and parallel branches."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from .errors import ConfigError
from .termination import StopReason

if TYPE_CHECKING:
    from .run import Run


def is_count(value: object) -> bool:
    """Whether a setting is a whole number of at least 1."""
    return isinstance(value, int) and value >= 1


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

    def exceeded(self, run: Run[Any]) -> StopReason | None:
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
