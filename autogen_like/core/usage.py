"""Tokens and money: what was spent, by which model, and what of it came from a cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Usage:
    """What one model request cost.

    Args:
        prompt_tokens: Tokens sent.
        completion_tokens: Tokens received.
        cached_tokens: Those of the prompt that the endpoint had in its own prefix cache.
        cost: In US dollars.
        seconds: Time spent generating, where it is known; 0 otherwise.
        estimated: Whether the token counts were estimated, not reported by the endpoint.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """Tokens sent and received."""
        return self.prompt_tokens + self.completion_tokens


class Tally:
    """A running sum of usages of one model."""

    __slots__ = ("completion_tokens", "cost", "prompt_tokens", "requests", "seconds")

    def __init__(self) -> None:
        self.requests = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.cost = 0.0
        self.seconds = 0.0

    @property
    def total_tokens(self) -> int:
        """Tokens sent and received."""
        return self.prompt_tokens + self.completion_tokens

    def figures(self) -> list[float]:
        """The sums, in the order of `of`."""
        return [self.requests, self.prompt_tokens, self.completion_tokens, self.cost, self.seconds]

    @classmethod
    def of(cls, figures: Sequence[Any]) -> Tally:
        """The sum with these figures."""
        tally = cls()
        tally.requests, tally.prompt_tokens, tally.completion_tokens, tally.cost, tally.seconds = figures
        return tally

    def add(self, usage: Usage, requests: int = 1) -> None:
        """Adds one usage."""
        self.requests += requests
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        self.cost += usage.cost
        self.seconds += usage.seconds

    def merge(self, other: Tally) -> None:
        """Adds another sum."""
        self.requests += other.requests
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.cost += other.cost
        self.seconds += other.seconds


def _tally(tallies: dict[str, Tally], model: str) -> Tally:
    tally = tallies.get(model)
    if tally is None:
        tally = tallies[model] = Tally()
    return tally


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.merge(tally)
    return total


class UsageLedger:
    """Usage by model, with and without what a local cache answered.

    Example:
        >>> ledger = UsageLedger()
        >>> ledger.add("m", Usage(10, 5, cost=0.5))
        >>> ledger.add("m", Usage(10, 5, cost=0.5), cached=True)
        >>> ledger.total.total_tokens, ledger.actual.total_tokens
        (30, 15)
    """

    __slots__ = ("actual_by_model", "cached_by_model")

    def __init__(self) -> None:
        self.actual_by_model: dict[str, Tally] = {}
        self.cached_by_model: dict[str, Tally] = {}

    @property
    def total_by_model(self) -> dict[str, Tally]:
        """The sums by model, as they stand now."""
        if not self.cached_by_model:
            return self.actual_by_model
        total: dict[str, Tally] = {}
        for tallies in (self.actual_by_model, self.cached_by_model):
            for model, tally in tallies.items():
                _tally(total, model).merge(tally)
        return total

    @property
    def total(self) -> Tally:
        """The sum over all models, as it stands now."""
        return _sum((*self.actual_by_model.values(), *self.cached_by_model.values()))

    @property
    def actual(self) -> Tally:
        """The sum over all models without what a local cache answered, as it stands now."""
        return _sum(self.actual_by_model.values())

    def add(self, model: str, usage: Usage, *, cached: bool = False) -> None:
        """Records one request; `cached` when this program's own cache answered it."""
        _tally(self.cached_by_model if cached else self.actual_by_model, model).add(usage)

    def merge(self, other: UsageLedger) -> None:
        """Adds all that another ledger holds."""
        for mine, theirs in (
            (self.actual_by_model, other.actual_by_model),
            (self.cached_by_model, other.cached_by_model),
        ):
            for model, tally in theirs.items():
                _tally(mine, model).merge(tally)

    def snapshot(self) -> dict[str, Any]:
        """The sums as JSON, by model."""
        return {
            "actual": {model: tally.figures() for model, tally in self.actual_by_model.items()},
            "cached": {model: tally.figures() for model, tally in self.cached_by_model.items()},
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> UsageLedger:
        """The ledger that `snapshot` described."""
        ledger = cls()
        for kind, by_model in (("actual", ledger.actual_by_model), ("cached", ledger.cached_by_model)):
            by_model.update((model, Tally.of(figures)) for model, figures in state[kind].items())
        return ledger

    def summary(self, *, actual: bool = False) -> dict[str, Any]:
        """The sums in AutoGen 0.2's form: ``{"total_cost": .., <model>: {"cost": .., "prompt_tokens": .., ..}}``."""
        tallies = self.actual_by_model if actual else self.total_by_model
        summary: dict[str, Any] = {"total_cost": sum([tally.cost for tally in tallies.values()], 0.0)}
        for model, tally in tallies.items():
            summary[model] = {
                "cost": tally.cost,
                "prompt_tokens": tally.prompt_tokens,
                "completion_tokens": tally.completion_tokens,
                "total_tokens": tally.total_tokens,
            }
        return summary


def combined(ledgers: Iterable[UsageLedger]) -> UsageLedger:
    """One ledger that holds the sums of several."""
    total = UsageLedger()
    for ledger in ledgers:
        total.merge(ledger)
    return total
