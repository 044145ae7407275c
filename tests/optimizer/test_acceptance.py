"""Rules that keep a module, or roll it back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autogen_like import ConfigError, HoldOut, PairedTest, Strict, Ties
from autogen_like.optimizer.acceptance import AcceptanceRule, sign_test
from autogen_like.optimizer.evaluation import Evaluation, Record


def evaluation(scores, validation=()):
    records, held = (
        tuple(Record(task, [], float(s)) for task, s in enumerate(given)) for given in (scores, validation)
    )
    return Evaluation("m", records, validation=held)


def test_every_rule_is_one():
    for rule in (Strict(), Ties(), PairedTest(), HoldOut()):
        assert isinstance(rule, AcceptanceRule)


def test_strict_takes_only_what_is_better():
    best = evaluation([0, 1, 0, 1])
    assert not Strict().judge(evaluation([1, 1, 0, 0]), best)
    assert Strict().judge(evaluation([1, 1, 0, 1]), best)
    assert Strict().judge(evaluation([0, 0, 0, 1]), best).reason == "loss 0.750 is not below 0.500"


def test_ties_takes_a_tie_as_no_progress():
    best = evaluation([0, 1])
    tie = Ties().judge(evaluation([1, 0]), best)
    assert (tie.accepted, tie.improved) == (True, False)
    better = Ties().judge(evaluation([1, 1]), best)
    assert (better.accepted, better.improved) == (True, True)
    assert not Ties().judge(evaluation([0, 0]), best)


@pytest.mark.parametrize(
    ("won", "lost", "kept"), [(4, 0, False), (5, 0, True), (7, 1, True), (6, 2, False), (0, 0, False)]
)
def test_a_paired_test_asks_for_more_than_luck(won, lost, kept):
    best = evaluation([0] * won + [1] * lost + [1] * 5)
    trial = evaluation([1] * won + [0] * lost + [1] * 5)
    assert PairedTest().judge(trial, best).accepted is kept


def test_the_sign_test_is_exact():
    assert sign_test(5, 0) == 1 / 32
    assert sign_test(0, 0) == 1.0
    assert sign_test(2, 2) == 11 / 16


def test_a_hold_out_must_not_be_worse():
    best = evaluation([0, 0], [1, 0, 0, 0])
    better = evaluation([1, 0])
    assert HoldOut().judge(better, best)  # so that the validation tasks are run at all
    assert HoldOut().judge(replace(better, validation=best.validation), best)
    worse = replace(better, validation=evaluation([0] * 4).records)
    assert not HoldOut().judge(worse, best)
    assert "refuted" in HoldOut().judge(worse, best).reason
    assert HoldOut(margin=0.25).judge(worse, best)
    assert not HoldOut().judge(evaluation([0, 0]), best)


def test_settings_that_can_not_be_are_refused():
    for make in (lambda: PairedTest(0), lambda: PairedTest(1), lambda: HoldOut(-1)):
        with pytest.raises(ConfigError):
            make()
