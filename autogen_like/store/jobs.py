"""What the writing thread is asked to do, and how whoever asked, on any event loop, learns what came of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection


class Job:
    """Something to be written, and the coroutine that waits for it.

    Args:
        work: What to do in a transaction. May raise before it has written anything, and may be called again if the
            transaction was lost.
    """

    __slots__ = ("_begun", "_done", "_left", "loop", "work")

    def __init__(self, work: Callable[[Connection], Any] | None = None) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self._done: asyncio.Future[Any] = self.loop.create_future()
        self._begun = self._left = False

    def begin(self) -> bool:
        """Called by the writing thread: whether anybody still waits for it."""
        self._begun = True
        return not self._left

    async def wait(self) -> Any:
        """Waits until it is written.

        Who is cancelled meanwhile either takes it back, so that it is never written, or still gets its result; the
        cancellation then comes at the next wait. So what raises was not written.
        """
        try:
            return await self._done
        except asyncio.CancelledError:
            self._left = True  # in this order: either the thread sees this, or we see that it has begun
            if not self._begun:
                raise
        if self._done.cancelled():
            self._done = self.loop.create_future()
        while not self._done.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait((self._done,))
        self._cancel_later()
        return self._done.result()

    def _cancel_later(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - coroutines run in tasks
        task.uncancel()
        task.cancel()

    def settle(self, outcome: object) -> None:
        """Called on its loop, with the result or the error."""
        if self._done.cancelled():  # and whoever waited hasn't noticed yet
            self._done = self.loop.create_future()
        if isinstance(outcome, BaseException):
            self._done.set_exception(outcome)
        else:
            self._done.set_result(outcome)


def settle(outcomes: Iterable[tuple[Job, object]]) -> None:
    """Tells all who wait what came of their jobs, each event loop once.

    Args:
        outcomes: Jobs, with the result or the error.
    """
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Job, object]]] = {}
    for job, outcome in outcomes:
        by_loop.setdefault(job.loop, []).append((job, outcome))
    for loop, settled in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits there any more
            loop.call_soon_threadsafe(_settle_here, settled)


def _settle_here(outcomes: list[tuple[Job, object]]) -> None:
    for job, outcome in outcomes:
        job.settle(outcome)
