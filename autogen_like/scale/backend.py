"""Where attempts are made: on this event loop, or elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any, Protocol

from .attempt import Attempt, Work
from .rollout import Outcome, RolloutError

log = logging.getLogger("autogen_like.scale")
GRACE = 10.0  # seconds for a cancelled attempt to end in before it is left to itself


class Lost(Exception):
    """The process that an attempt was made in is gone; it may be made again."""


class Backend(Protocol):
    """Makes attempts, as many at once as it is asked for."""

    async def prepare(self, tasks: Sequence[Any]) -> None:
        """Checks that the tasks can be taken there, and gets ready.

        Raises:
            ConfigError: If one can't.
        """
        ...

    async def attempt(self, task: Any, index: int, losses: int) -> Outcome:
        """One attempt.

        Args:
            task: The task.
            index: Its place.
            losses: How often a process was lost under it.

        Raises:
            Lost: If the process is gone.
        """
        ...

    async def aclose(self) -> None:
        """Frees what it holds."""
        ...


class Here:
    """This process, and the loop that runs.

    Args:
        work: What to do.
    """

    def __init__(self, work: Work) -> None:
        self._work = work

    async def prepare(self, tasks: Sequence[Any]) -> None:
        """Nothing is to be done."""

    async def attempt(self, task: Any, index: int, losses: int) -> Outcome:
        """One attempt, in a task of its own: what cancels itself, or doesn't heed its time-out, harms nobody else."""
        attempt = Attempt(self._work, task, index)
        running = asyncio.get_running_loop().create_task(attempt.outcome())
        limit = None if self._work.timeout is None else self._work.timeout + GRACE
        try:
            await asyncio.wait({running}, timeout=limit)
        finally:
            if not running.done():  # we are cancelled, or it doesn't end
                running.cancel()
                await asyncio.wait({running}, timeout=GRACE)
        if not running.done():
            log.warning("task %d doesn't end although it is cancelled; it is left to itself", index)
            return attempt.given_up(attempt.too_late())
        with contextlib.suppress(asyncio.CancelledError):
            return running.result()
        return attempt.given_up(RolloutError("it was cancelled from within, not by its caller"))

    async def aclose(self) -> None:
        """Nothing is to be freed."""
