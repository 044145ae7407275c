"""How far rollouts are, in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .rollout import Rollout


@contextmanager
def progress_of(total: int | None, *, shown: bool) -> Iterator[Callable[[Rollout], None]]:
    """A bar that counts rollouts, those that failed, and tokens.

    Args:
        total: How many there will be, where that is known.
        shown: Whether to show it; otherwise nothing is loaded, and nothing printed.

    Yields:
        What is told of each rollout.
    """
    if not shown:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    counts = TextColumn("{task.fields[failed]} failed, {task.fields[tokens]} tokens")
    with Progress(TextColumn("rollouts"), BarColumn(), MofNCompleteColumn(), counts, TimeElapsedColumn()) as bar:
        at = bar.add_task("rollouts", total=total, failed=0, tokens=0)
        failed = tokens = 0

        def told(rollout: Rollout) -> None:
            nonlocal failed, tokens
            failed += not rollout.ok
            tokens += rollout.usage.total.total_tokens
            bar.update(at, advance=1, failed=failed, tokens=tokens)

        yield told
