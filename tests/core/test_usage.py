"""Tokens and money add up, by model, with and without what a cache answered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autogen_like.core.usage import Tally, Usage, UsageLedger, combined

numbers = st.integers(0, 10**6)
usages = st.builds(Usage, numbers, numbers, numbers, st.integers(0, 1000).map(float), st.just(0.0), st.booleans())
Made = list[tuple[str, Usage, bool]]
requests = st.lists(st.tuples(st.sampled_from(["m", "n"]), usages, st.booleans()), max_size=10)


def ledger(made: Made) -> UsageLedger:
    filled = UsageLedger()
    for model, usage, cached in made:
        filled.add(model, usage, cached=cached)
    return filled


def sums(tally: Tally) -> tuple[float, ...]:
    return tally.requests, tally.prompt_tokens, tally.completion_tokens, tally.total_tokens, tally.cost, tally.seconds


@given(requests)
def test_what_a_cache_answered_counts_in_the_total_alone(made: Made) -> None:
    filled = ledger(made)
    assert filled.total.total_tokens == sum(usage.total_tokens for _, usage, _ in made)
    assert filled.actual.total_tokens == sum(usage.total_tokens for _, usage, cached in made if not cached)
    assert filled.total.requests == len(made)
    assert filled.actual.requests == sum(not cached for *_, cached in made)
    assert sum(tally.cost for tally in filled.total_by_model.values()) == filled.total.cost


@given(requests, requests)
def test_ledgers_combine_as_if_all_had_been_written_in_one(one: Made, two: Made) -> None:
    parts = ledger(one), ledger(two)
    both, together = combined(parts), ledger(one + two)
    assert sums(both.total) == sums(together.total)
    assert sums(both.actual) == sums(together.actual)
    assert both.summary() == together.summary()
    assert both.summary(actual=True) == together.summary(actual=True)
    assert sums(parts[0].total) == sums(ledger(one).total), "what was combined is left as it was"


def test_the_summary_is_the_one_that_scripts_know() -> None:
    filled = ledger([("m", Usage(10, 5, cost=0.5), False), ("n", Usage(1, 1, cost=0.25), True)])
    assert filled.summary() == {
        "total_cost": 0.75,
        "m": {"cost": 0.5, "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        "n": {"cost": 0.25, "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    assert filled.summary(actual=True) == {
        "total_cost": 0.5,
        "m": {"cost": 0.5, "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
    assert UsageLedger().summary() == {"total_cost": 0.0}
