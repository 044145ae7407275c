"""The picture of a training, with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .training_history import Point

_MARKS = {
    "start": ("o", "tab:gray"),
    "accepted": ("o", "tab:green"),
    "tie": ("s", "tab:olive"),
    "rolled back": ("x", "tab:red"),
}


def draw(points: Sequence[Point]) -> Figure:
    """Five panels, each over the modules that were tried.

    Args:
        points: What was tried.

    Raises:
        MissingExtra: If matplotlib isn't installed.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise MissingExtra("The picture of a training", "plot") from None
    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.subplots(2, 3)
    _losses(axes[0, 0], points)
    numbers = [point.number for point in points]
    tokens = {"agent": [one.tokens for one in points], "optimizer's prompts": [one.prompt_tokens for one in points]}
    calls = {"gave a result": [one.calls for one in points], "failed": [one.failed_calls for one in points]}
    _bars(axes[0, 1], numbers, "functions", {"functions": [one.functions for one in points]})
    _bars(axes[0, 2], numbers, "calls of functions", calls)
    _bars(axes[1, 0], numbers, "tokens", tokens)
    _bars(axes[1, 1], numbers, "cost in $", {"cost": [one.cost for one in points]})
    axes[1, 2].axis("off")
    for axis in axes.flat[:5]:
        axis.set_xlabel("module tried")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    axes[1, 2].legend(handles, labels, loc="center", frameon=False, title="first panel")
    return figure


def _losses(axis: Axes, points: Sequence[Point]) -> None:
    numbers = [point.number for point in points]
    axis.step(numbers, [point.best_loss for point in points], where="post", color="tab:blue", label="best so far")
    held = [(point.number, point.validation_loss) for point in points if point.validation_loss is not None]
    if held:
        axis.step(
            *zip(*held, strict=True), where="post", color="tab:orange", linestyle="--", label="validation, best so far"
        )
    for outcome, (marker, color) in _MARKS.items():
        tried = [(point.number, point.loss) for point in points if point.outcome == outcome and point.loss is not None]
        if tried:
            xs, ys = zip(*tried, strict=True)
            axis.scatter(xs, ys, marker=marker, color=color, label=outcome, zorder=3)
    axis.set_ylim(-0.03, 1.03)
    axis.set_title("loss: the share of tasks that fail")


def _bars(axis: Axes, numbers: Sequence[int], title: str, series: dict[str, list[Any]]) -> None:
    bottom = [0.0] * len(numbers)
    for name, values in series.items():
        axis.bar(numbers, values, bottom=bottom, label=name, width=0.7)
        bottom = [low + value for low, value in zip(bottom, values, strict=True)]
    axis.set_ylim(0, max(bottom, default=0) * 1.3 or 1)  # room for the legend
    axis.set_title(title)
    if len(series) > 1:
        axis.legend(frameon=False, fontsize="small", loc="upper left")
