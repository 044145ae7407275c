"""How far a training is, in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bars:
    """What is told while a training runs.

    Args:
        begin: That so many tasks are about to be run, and why.
        task: That one of them is done.
        point: That a module was judged: epochs so far, failures in a row, and the best loss.
    """

    begin: Callable[[str, int], None] = lambda *_: None
    task: Callable[[object], None] = lambda *_: None
    point: Callable[[int, int, float], None] = lambda *_: None


@contextmanager
def bars(epochs: int, patience: int, *, shown: bool) -> Iterator[Bars]:
    """A bar for the epochs, and one for the tasks that are run now.

    Args:
        epochs: How many there may be.
        patience: How many failures in a row end it.
        shown: Whether to show them; otherwise nothing is loaded, and nothing printed.
    """
    if not shown:
        yield Bars()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as progress:
        whole = progress.add_task("epochs", total=epochs, said="")
        part = progress.add_task("tasks", total=None, said="")

        def point(done: int, failed: int, loss: float) -> None:
            progress.update(
                whole, completed=done, said=f"best loss {loss:.3f}, {failed} of {patience} failures in a row"
            )

        yield Bars(
            begin=lambda what, total: progress.reset(part, total=total, said=what),
            task=lambda _: progress.advance(part),
            point=point,
        )
