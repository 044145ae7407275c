"""Whether registering is worth it: the estimate, before a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from .costs import Bill, Chain, Layout, Prices, Step, Workload, listing, registering

LARGER = 1.25  # than expected, for the decision to be on the safe side


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a task is expected to cost, both ways.

    Args:
        tools: How many tools there are.
        schemas: Tokens of all their schemas.
        names: Tokens of the meta-tools, with the names.
        listing: The bill where all schemas are listed.
        registering: The bill where tools are registered.
        prices: At which prices.
        break_even: From how many such tools on registering is cheaper; None if it never is.
        register: Whether to register: it is cheaper, also for a task with a quarter more calls and tools.
    """

    tools: int
    schemas: int
    names: int
    listing: Bill
    registering: Bill
    prices: Prices
    break_even: int | None
    register: bool

    @property
    def saved(self) -> float:
        """The share of the cost that registering saves; negative where it costs more."""
        full = self.listing.cost(self.prices)
        return 1 - self.registering.cost(self.prices) / full if full else 0.0

    def __str__(self) -> str:
        full, less = self.listing.cost(self.prices), self.registering.cost(self.prices)
        even = f"from {self.break_even} such tools on" if self.break_even is not None else "with no number of them"
        return (
            f"{self.tools} tools, {self.schemas:,} tokens of schemas, {self.names:,} of names and meta-tools\n"
            f"listing all:  {self.listing.sent:9,.0f} tokens sent a task, ${full:.5f}\n"
            f"registering:  {self.registering.sent:9,.0f} tokens sent a task, ${less:.5f} ({self.saved:+.0%} saved)\n"
            f"registering is cheaper {even}"
        )


def forecast(
    sizes: Sequence[int], names: int, empty: int, workload: Workload, prices: Prices, layout: Layout
) -> Forecast:
    """The estimate for one task.

    The tools with the longest schemas are taken to be the ones that are used: where few of them hold most of the
    tokens, registering just those saves nothing, and it isn't known beforehand which are needed.

    Args:
        sizes: Tokens of each schema.
        names: Tokens of the meta-tools, with the names.
        empty: Tokens of the meta-tools where there are no names.
        workload: What a task is like.
        prices: The prices; where all are 0, what matters is decided as at the usual ones.
        layout: Where registered schemas go.
    """
    tools, schemas = len(sizes), sum(sizes)
    each, name = schemas / max(tools, 1), (names - empty) / max(tools, 1)
    most = max(1, math.ceil(workload.tools))
    used = sum(sorted(sizes, reverse=True)[:most]) / most
    # What registering costs grows faster than the number of tools that are used, so the mean task is too good a guess.
    larger = replace(workload, calls=workload.calls * LARGER, tools=workload.tools * LARGER)
    expected, careful = tuple(workload.chains()), tuple(larger.chains())

    def bills(number: int, chains: Sequence[tuple[float, Chain]] = expected) -> tuple[Bill, Bill]:
        return (
            _mean((weight, listing(chain, round(number * each))) for weight, chain in chains),
            _mean(
                (weight, registering(chain, round(empty + number * name), _sizes(chain, used), layout=layout))
                for weight, chain in chains
            ),
        )

    weighed = prices if prices.input or prices.output else Prices()  # what costs nothing still takes room and time

    def cheaper(number: int) -> bool:
        full, less = bills(number)
        return less.cost(weighed) < full.cost(weighed)

    full, less = bills(tools)
    even = _first(cheaper) if each > name else None
    both = (full, less), bills(tools, careful)
    costs = [(listed.cost(weighed), registered.cost(weighed)) for listed, registered in both]
    return Forecast(tools, schemas, names, full, less, prices, even, all(one > other for one, other in costs))


def _sizes(chain: Chain, each: float) -> dict[str, int]:
    return {use.tool: round(each) for use in chain.uses}


def _mean(weighted: Iterable[tuple[float, list[Step]]]) -> Bill:
    total = Bill(0, 0, 0, 0)
    for weight, steps in weighted:
        total += Bill.of(steps) * weight
    return total


def _first(holds: Callable[[int], bool], most: int = 1 << 20) -> int | None:
    """The smallest number from which on something holds, by halving."""
    low, high = 0, 1
    while not holds(high):
        low, high = high, high * 2
        if high > most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
