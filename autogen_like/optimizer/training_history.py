"""What happened in training: a point for each module that was tried, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .evaluation import Evaluation, Module

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Point:
    """One module that was tried.

    Args:
        number: From 0, which is the module that training began with.
        outcome: "start", "accepted", "tie" (accepted without being better), "rolled back", or "nothing new" where the
            optimizer proposed nothing that had not been tried; then nothing was run.
        reason: What the acceptance rule said.
        loss: Its training loss; None where nothing was run.
        best_loss: The training loss of the best one, after this.
        validation_loss: The loss of the best one on the validation tasks; None where there are none.
        functions: How many functions the best one has, after this.
        calls: Calls of its functions that gave a result.
        failed_calls: Calls of its functions that failed.
        tokens: Tokens that its tasks took.
        cost: What its tasks and the optimizer's step before it cost, in US dollars.
        prompt_tokens: Tokens of the optimizer's prompts of the step before it.
        changes: What changed from the best one before, as a person reads it.
        rejected: Why invalid actions were refused in that step.
    """

    number: int
    outcome: str
    reason: str
    loss: float | None
    best_loss: float
    validation_loss: float | None = None
    functions: int = 0
    calls: int = 0
    failed_calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    prompt_tokens: int = 0
    changes: str = ""
    rejected: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingHistory:
    """What `Trainer.fit` gives.

    Args:
        points: What was tried, in order.
        evaluation: The best module, and what came of the tasks with it.
        stop_reason: "epochs" where there were enough of them, "patience" where too many failed in a row.

    Example:
        >>> start = Point(0, "start", "", loss=0.5, best_loss=0.5)
        >>> history = TrainingHistory((start,), Evaluation("Be brief.", ()), "epochs")
        >>> print(history)
        number  outcome  loss   best   validation  functions  calls  tokens  cost
             0  start    0.500  0.500  -                   0      0       0  $0.0000
    """

    points: Sequence[Point]
    evaluation: Evaluation = field(repr=False)
    stop_reason: str

    @property
    def best(self) -> Module:
        """The best module."""
        return self.evaluation.module

    @property
    def best_loss(self) -> float:
        """Its training loss."""
        return self.points[-1].best_loss

    def to_dict(self) -> dict[str, Any]:
        """The points as JSON."""
        return {"stop_reason": self.stop_reason, "points": [asdict(point) for point in self.points]}

    def __str__(self) -> str:
        head = ("number", "outcome", "loss", "best", "validation", "functions", "calls", "tokens", "cost")
        rows = [head, *map(_row, self.points)]
        widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
        right = {"number", "functions", "calls", "tokens"}
        lines = []
        for row in rows:
            cells = zip(row, widths, head, strict=True)
            lines.append("  ".join(c.rjust(w) if h in right else c.ljust(w) for c, w, h in cells).rstrip())
        return "\n".join(lines)

    def plot(self, path: str | Path | None = None) -> Figure:
        """A picture of the training: losses, functions, calls, tokens and cost of each module that was tried.

        Args:
            path: Where to save it; the ending says as what (.png, .svg, .pdf).

        Raises:
            MissingExtra: If matplotlib isn't installed.
        """
        from .plotting import draw

        figure = draw(self.points)
        if path is not None:
            figure.savefig(path, dpi=120)
        return figure


def _row(point: Point) -> tuple[str, ...]:
    def loss(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    return (
        str(point.number), point.outcome, loss(point.loss), loss(point.best_loss), loss(point.validation_loss),
        str(point.functions), str(point.calls), str(point.tokens), f"${point.cost:.4f}",
    )  # fmt: skip
