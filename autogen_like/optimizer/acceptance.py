"""Rules that decide whether a new module takes the place of the best one, or is rolled back.

The paper's rule is strict improvement of the training loss (arXiv 2402.11359, algorithm 2). On few tasks that keeps
sets which were only lucky; the other rules ask for more, or for something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Protocol, runtime_checkable

from ..core.errors import ConfigError
from .evaluation import Evaluation

_EPSILON = 1e-9  # sums of scores in another order differ by that much


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule decided.

    Args:
        accepted: Whether the new one takes the place of the best.
        reason: Why, in a few words.
        improved: Whether that counts as progress; a tie may be accepted without being any.
    """

    accepted: bool
    reason: str
    improved: bool = True

    def __bool__(self) -> bool:
        return self.accepted


@runtime_checkable
class AcceptanceRule(Protocol):
    """Whatever decides whether a new module is kept.

    Attributes:
        needs_validation: Whether it looks at tasks that aren't trained on.
    """

    needs_validation: bool

    def judge(self, trial: Evaluation, best: Evaluation) -> Verdict:
        """Decides.

        Args:
            trial: The new one.
            best: The best so far, on the same tasks.
        """
        ...


class Strict:
    """The new one must fail less often: the paper's rule, and the default.

    Example:
        >>> from autogen_like.optimizer.evaluation import Record
        >>> best = Evaluation("a", (Record(0, [], 0.0),))
        >>> bool(Strict().judge(best, best)), bool(Strict().judge(Evaluation("b", (Record(0, [], 1.0),)), best))
        (False, True)
    """

    needs_validation = False

    def judge(self, trial: Evaluation, best: Evaluation) -> Verdict:
        """Accepts a smaller loss."""
        better = trial.loss < best.loss - _EPSILON
        return Verdict(better, f"loss {trial.loss:.3f} {'<' if better else 'is not below'} {best.loss:.3f}")


class Ties:
    """The new one must not fail more often. A tie takes the best one's place, and still counts as a failure.

    So training can cross a plateau, and still ends: a tie neither resets the count of failures nor forgets what failed.
    """

    needs_validation = False

    def judge(self, trial: Evaluation, best: Evaluation) -> Verdict:
        """Accepts a loss that is smaller or the same."""
        strict = Strict().judge(trial, best)
        if strict:
            return strict
        tie = trial.loss <= best.loss + _EPSILON
        return Verdict(tie, f"loss {trial.loss:.3f}, as before" if tie else strict.reason, improved=False)


class PairedTest:
    """The new one must win more tasks than it loses, by more than luck: a one-sided sign test on the tasks that differ.

    Args:
        alpha: How often luck alone may be taken for progress. With 0.05, five tasks won and none lost are enough.

    Raises:
        ConfigError: If it is no probability.

    Example:
        >>> from autogen_like.optimizer.evaluation import Record
        >>> best = Evaluation("a", tuple(Record(task, [], 0.0) for task in range(5)))
        >>> new = Evaluation("b", tuple(Record(task, [], 1.0) for task in range(5)))
        >>> PairedTest().judge(new, best).reason
        '5 tasks won, 0 lost: p = 0.031'
    """

    needs_validation = False

    def __init__(self, alpha: float = 0.05) -> None:
        if not 0 < alpha < 1:
            raise ConfigError(f"the alpha of PairedTest must lie between 0 and 1, not {alpha!r}")
        self.alpha = alpha

    def judge(self, trial: Evaluation, best: Evaluation) -> Verdict:
        """Accepts what wins by more than luck."""
        pairs = [(record.score, best.by_task[record.task].score) for record in trial.records]
        won = sum(new > old + _EPSILON for new, old in pairs)
        lost = sum(new < old - _EPSILON for new, old in pairs)
        p = sign_test(won, lost)
        return Verdict(p <= self.alpha and trial.loss < best.loss, f"{won} tasks won, {lost} lost: p = {p:.3f}")


class HoldOut:
    """The new one must fail less often in training, and not more often on the validation tasks.

    Each look at the validation tasks wears them out a little: keep a third set apart for what you report.

    Args:
        margin: By how much the validation loss may be worse.

    Raises:
        ConfigError: If the margin is negative.
    """

    needs_validation = True

    def __init__(self, margin: float = 0.0) -> None:
        if margin < 0:
            raise ConfigError(f"the margin of HoldOut must be at least 0, not {margin!r}")
        self.margin = margin

    def judge(self, trial: Evaluation, best: Evaluation) -> Verdict:
        """Accepts a smaller loss that the validation tasks confirm."""
        strict = Strict().judge(trial, best)
        if not strict:
            return strict
        if not trial.validation:  # asked before these were run: they are run for what is better in training only
            return strict
        new, old = trial.validation_loss or 0.0, best.validation_loss or 0.0
        confirmed = new <= old + self.margin + _EPSILON
        said = "confirmed by" if confirmed else "refuted by"
        return Verdict(confirmed, f"{strict.reason}, {said} validation loss {new:.3f} against {old:.3f}")


def sign_test(won: int, lost: int) -> float:
    """How probable it is to win that many of the tasks that differ, or more, by luck alone.

    Args:
        won: Tasks that went better.
        lost: Tasks that went worse.

    Example:
        >>> round(sign_test(9, 1), 4)
        0.0107
    """
    n = won + lost
    return sum(comb(n, k) for k in range(won, n + 1)) / float(2**n)
