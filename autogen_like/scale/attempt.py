"""One attempt at a task: the same on this loop and in another process."""

from __future__ import annotations

import asyncio
import inspect
import io
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..agents.conversable import ConversableAgent
from ..core.errors import ConfigError
from ..core.limits import Limits
from ..core.run import Run
from ..core.sync import in_worker
from ..observe.console import ConsolePrinter
from .rollout import Outcome

if TYPE_CHECKING:
    from .recorder import Recorder


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done with each task, and how.

    Args:
        factory: An async function of a task; or a function that gives an agent, or a result.
        message: What an agent is told, of a task.
        timeout: Seconds for an attempt.
        limits: Budgets of an attempt.
        log: Whether to keep what was said as text.
        record: Whether to keep the trajectory.
    """

    factory: Callable[..., Any]
    message: Callable[[Any], Any] | None = None
    timeout: float | None = None
    limits: Limits | None = None
    log: bool = False
    record: bool = False


class Attempt:
    """One attempt. What it has used and said so far can be read at any time, also when it is given up.

    Args:
        work: What to do.
        task: With what.
        index: The task's place.
    """

    def __init__(self, work: Work, task: Any, index: int) -> None:
        self._work, self._task = work, task
        self._began = time.perf_counter()
        self._log = io.StringIO() if work.log else None
        self._recorder: Recorder | None = None
        self._run: Run[Any] = Run(self._main, limits=work.limits, name=f"rollout {index}")
        if self._log is not None:
            self._run.subscribe(ConsolePrinter(self._log, color=False), deltas=False)
        if work.record:
            from .recorder import Recorder  # only where something is recorded

            self._recorder = Recorder()
            self._run.watchers = (*self._run.watchers, self._recorder)
            self._run.subscribe(self._recorder, deltas=False)

    async def outcome(self) -> Outcome:
        """Makes the attempt. What it raises is in the outcome, a time-out too; only cancellations are let through."""
        limit = asyncio.timeout(self._work.timeout)
        try:
            async with limit:
                result = await self._run
        except TimeoutError as error:
            return self.given_up(error if not limit.expired() else self.too_late())
        except Exception as error:  # noqa: BLE001 - it is in the outcome
            return self.given_up(error)
        return self._left(result, None)

    def too_late(self) -> TimeoutError:
        """The error of an attempt that isn't finished in time."""
        return TimeoutError(f"not finished after timeout={self._work.timeout} s")

    def given_up(self, error: Exception) -> Outcome:
        """What there is of it so far, and why there is no more."""
        if self._log is not None:
            self._log.write("".join(traceback.format_exception(error)))
        return self._left(None, error)

    def _left(self, result: Any, error: Exception | None) -> Outcome:
        trajectory = self._recorder.trajectory() if self._recorder is not None else None
        log = self._log.getvalue() if self._log is not None else ""
        return Outcome(result, error, time.perf_counter() - self._began, self._run.usage, trajectory, log)

    async def _main(self, _: Run[Any]) -> Any:
        factory, task = self._work.factory, self._task
        arguments = (task,) if takes_task(factory) else ()
        if inspect.iscoroutinefunction(factory) or inspect.iscoroutinefunction(type(factory).__call__):
            made = await factory(*arguments)
        else:
            made = await in_worker(factory, *arguments)
            if inspect.isawaitable(made):
                made = await made
        if isinstance(made, ConversableAgent):
            return await made.run(message=opening(self._work, task))
        return made


def takes_task(factory: Callable[..., Any]) -> bool:
    """Whether a factory takes the task: one of no parameters makes the same agent for each."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # a builtin that doesn't say
        return True
    return any(one.kind is not one.KEYWORD_ONLY and one.kind is not one.VAR_KEYWORD for one in parameters)


def opening(work: Work, task: Any) -> Any:
    """What an agent is told of a task.

    Raises:
        ConfigError: If the task is nothing that can be said, and nobody has told what of it is.
    """
    if work.message is not None:
        return work.message(task)
    if isinstance(task, str) or (isinstance(task, Mapping) and "content" in task):
        return task
    raise ConfigError(
        f"a task that is no text needs message=..., a function that makes the agent's message of it; got {task!r}"
    )
