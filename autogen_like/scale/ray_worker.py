"""What runs in a process of a Ray cluster."""

from __future__ import annotations

import contextlib
import traceback
from typing import Any

from ..core.errors import ConfigError
from .attempt import Work
from .backend import Here
from .pickling import dumps, loads
from .rollout import Outcome, RolloutError


class Worker:
    """Makes attempts on its own event loop, many at once.

    Args:
        work: What to do, pickled.
    """

    def __init__(self, work: bytes) -> None:
        what: Work = loads(work)
        self._here = Here(what)

    async def ready(self) -> None:
        """Answers once it is there."""

    async def attempt(self, task: bytes, index: int) -> bytes:
        """One attempt.

        Args:
            task: The task, pickled.
            index: Its place.

        Returns:
            The outcome, pickled. What can't be pickled is told of in words.
        """
        return packed(await self._here.attempt(loads(task), index, 0))


def packed(outcome: Outcome) -> bytes:
    """An outcome as bytes, whatever it holds."""
    if outcome.error is not None:
        outcome.error = portable(outcome.error)
    try:
        return dumps(outcome, "a rollout's result")
    except ConfigError as error:
        outcome.result, outcome.error, outcome.trajectory = None, error, None
        return dumps(outcome, "a rollout's error")


def portable(error: Exception) -> Exception:
    """An exception that another process can read: itself, or one that says the same in words."""
    with contextlib.suppress(Exception):  # of a class that pickles, but can't be made again: told in words then
        again: Any = loads(dumps(error, "an exception"))
        if isinstance(again, Exception):
            return error
    return RolloutError("".join(traceback.format_exception(error)))
