"""Budgets of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autogen_like.core.errors import ConfigError
from autogen_like.core.limits import Limits, limit_process
from autogen_like.core.run import Run
from autogen_like.core.usage import Usage


def run_with(limits: Limits | None = None) -> Run[None]:
    async def main(run: Run[None]) -> None: ...

    return Run(main, limits=limits)


def test_without_limits_nothing_is_over() -> None:
    run = run_with(Limits())
    for _ in range(1000):
        run.record_turn()
        run.record_usage("ada", "m", Usage(10**6, 10**6, cost=10.0))
    assert run.over_budget() is None
    assert run_with().over_budget() is None


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(turns=2), "2 of 2 turns taken"),
        (Limits(requests=2), "2 of 2 model requests made"),
        (Limits(tokens=30), "30 of 30 tokens used"),
        (Limits(cost=0.5), "$0.5000 of $0.5 spent"),
    ],
)
def test_each_limit_is_named_when_it_is_reached(limits: Limits, words: str) -> None:
    run = run_with(limits)
    for last in (False, True):
        assert run.over_budget() is None
        run.record_turn()
        run.record_usage("ada", "m", Usage(10, 5, cost=0.25), cached=last)
    reason = run.over_budget()
    assert reason is not None
    assert (reason.kind, reason.detail) == ("budget", words)


@pytest.mark.parametrize("name", ["turns", "requests", "tokens", "cost", "seconds"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_that_allows_nothing_is_refused(name: str, value: int) -> None:
    with pytest.raises(ConfigError, match=rf"Limits\({name}=...\) must be more than 0"):
        Limits(**{name: value})  # type: ignore[arg-type]


@pytest.fixture
def no_limit_left() -> Iterator[None]:
    yield
    limit_process(None)


@pytest.mark.usefixtures("no_limit_left")
@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(turns=2), "of the process: 2 of 2 turns taken"),
        (Limits(requests=2), "of the process: 2 of 2 model requests made"),
        (Limits(tokens=30), "of the process: 30 of 30 tokens used"),
        (Limits(cost=0.5), "of the process: $0.5000 of $0.5 spent"),
    ],
)
def test_a_limit_of_the_process_holds_for_all_its_runs_together(limits: Limits, words: str) -> None:
    limit_process(limits)
    one, other = run_with(), run_with()
    for run in (one, other):
        assert one.over_budget() is None
        run.record_turn()
        run.record_usage("ada", "m", Usage(10, 5, cost=0.25))
    for run in (one, other, run_with()):
        reason = run.over_budget()
        assert reason is not None
        assert (reason.kind, reason.detail) == ("budget", words)
    limit_process(None)
    assert one.over_budget() is None


@pytest.mark.usefixtures("no_limit_left")
def test_the_time_of_a_process_is_counted_from_when_it_was_limited() -> None:
    limit_process(Limits(seconds=1000))
    assert run_with().over_budget() is None
    limit_process(Limits(seconds=1e-9))
    assert run_with().over_budget() is not None
