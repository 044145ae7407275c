"""Many conversations at once: an agent, or any function, over tasks."""

from __future__ import annotations

import asyncio
import inspect
import math
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from ..agents.conversable import ConversableAgent
from ..core.errors import ConfigError, ModelError
from ..core.limits import Limits, is_count
from ..core.sync import in_place
from ..core.sync import run as run_sync
from .attempt import Work
from .backend import Backend, Here, Lost
from .progress import progress_of
from .rollout import Outcome, Rollout, WorkerLost

Scorer: TypeAlias = Callable[[Rollout], float | Awaitable[float]]

FIRST_WAIT, LONGEST_WAIT = 0.1, 10.0  # seconds before the second attempt, doubled each time; and before any
LOSSES = 3  # deaths of the process under a task before the task is blamed


class Rollouts:
    """Maps an agent factory, or any function, over tasks, a bounded number of them at once.

    Args:
        factory: An async function of a task, whose result is kept; or a function that makes an agent (of the task, or
            of nothing), which is then asked. A plain function that does the work itself runs on a thread.
        concurrency: How many tasks are under way at once, results that nobody has taken yet included.
        on: None for this process's event loop; "ray" for a local Ray, which is started where none runs;
            "ray://host:10001" for a cluster.
        retries: How often a task that failed is tried again. Settings that can't be (`ConfigError`) aren't.
        timeout: Seconds for an attempt; those in the queue don't count.
        message: What an agent is told of a task; tasks that are texts or chat dicts need none.
        scorer: Gives a finished rollout its reward, here in this process; may be async.
        limits: Budgets of each attempt.
        logs: A folder in which each task gets a file of what was said, and what it failed with.
        trajectories: A file to which the trajectory of each rollout is added, as a line of JSON.
        progress: Whether to show a bar in the terminal.
        workers: On Ray, how many processes share the tasks; one for each CPU of the cluster by default.

    Raises:
        ConfigError: If an argument can't be right.
        MissingExtra: If Ray isn't installed.

    Example:
        >>> from autogen_like import AssistantAgent, ScriptedModel
        >>> def agent():
        ...     return AssistantAgent("ada", llm_config=ScriptedModel(["Four."]))
        >>> [rollout] = Rollouts(agent, concurrency=8).map(["2 + 2?"])
        >>> rollout.result.summary
        'Four.'
    """

    def __init__(
        self,
        factory: Callable[..., Any],
        *,
        concurrency: int = 16,
        on: str | None = None,
        retries: int = 0,
        timeout: float | None = None,
        message: Callable[[Any], Any] | None = None,
        scorer: Scorer | None = None,
        limits: Limits | None = None,
        logs: str | Path | None = None,
        trajectories: str | Path | None = None,
        progress: bool = False,
        workers: int | None = None,
    ) -> None:
        _check(factory, concurrency, on, retries, timeout, workers)
        self._concurrency, self._retries = concurrency, retries
        self._scorer = scorer
        self._logs = Path(logs) if logs is not None else None
        self._trajectories = Path(trajectories) if trajectories is not None else None
        self._progress = progress
        work = Work(factory, message, timeout, limits, logs is not None, trajectories is not None)
        self._backend = _backend(work, on, workers, concurrency)

    async def run(self, tasks: Iterable[Any]) -> list[Rollout]:
        """Does all tasks.

        Args:
            tasks: The tasks; any objects. On Ray, they are pickled.

        Returns:
            A rollout for each, in the tasks' order. What failed is in them, not raised.

        Raises:
            ConfigError: If a task can't be taken to where it is to run; nothing has begun then.
        """
        async with aclosing(self.stream(tasks)) as rollouts:
            done = [rollout async for rollout in rollouts]
        return sorted(done, key=lambda rollout: rollout.index)

    def map(self, tasks: Iterable[Any]) -> list[Rollout]:
        """`run` for synchronous code."""
        return run_sync(self.run(tasks))

    async def stream(self, tasks: Iterable[Any]) -> AsyncGenerator[Rollout, None]:
        """The rollouts as they come, whichever is done first.

        No more than ``concurrency`` tasks are taken before a rollout is: who is slow to take them slows the work down.
        Leaving the iteration cancels what is under way; inside ``contextlib.aclosing``, at once.

        Args:
            tasks: The tasks. Without ``on``, they may be an iterator without an end.
        """
        known = tasks if self._here and isinstance(tasks, Iterator) else list(tasks)
        if isinstance(known, list):
            await self._backend.prepare(known)
        with progress_of(len(known) if isinstance(known, list) else None, shown=self._progress) as told:
            async with aclosing(self._as_they_come(enumerate(known))) as rollouts:
                async for rollout in rollouts:
                    told(rollout)
                    yield rollout

    async def _as_they_come(self, tasks: Iterator[tuple[int, Any]]) -> AsyncGenerator[Rollout, None]:
        finished: asyncio.Queue[asyncio.Task[Rollout]] = asyncio.Queue()
        under_way: set[asyncio.Task[Rollout]] = set()

        def start() -> None:
            for index, task in tasks:
                running = asyncio.get_running_loop().create_task(self._rollout(task, index))
                under_way.add(running)
                running.add_done_callback(finished.put_nowait)
                if len(under_way) >= self._concurrency:
                    return

        try:
            start()
            while under_way:
                done = await finished.get()
                under_way.discard(done)
                rollout = done.result()
                start()
                yield rollout
        finally:
            for running in under_way:
                running.cancel()
            if under_way:
                await asyncio.wait(under_way)

    async def _rollout(self, task: Any, index: int) -> Rollout:
        rollout = Rollout(task, index)
        losses = 0
        while True:
            rollout.attempts += 1
            try:
                outcome = await self._backend.attempt(task, index, losses)
            except Lost as lost:
                losses += 1
                if losses < LOSSES:
                    continue
                outcome = Outcome(error=WorkerLost(f"its process died {losses} times, last: {lost}"))
            self._take(rollout, outcome)
            if rollout.error is None or not self._again(rollout.error, rollout.attempts - losses):
                break
            await asyncio.sleep(_wait(rollout.error, rollout.attempts - losses))
        if rollout.error is None and self._scorer is not None:
            await self._score(rollout, self._scorer)
        if self._trajectories is not None and rollout.trajectory is not None:
            from .trajectory import append_line

            append_line(self._trajectories, rollout)
        return rollout

    def _take(self, rollout: Rollout, outcome: Outcome) -> None:
        rollout.result, rollout.error, rollout.trajectory = outcome.result, outcome.error, outcome.trajectory
        rollout.seconds += outcome.seconds
        rollout.usage.merge(outcome.usage)
        if self._logs is not None:
            self._logs.mkdir(parents=True, exist_ok=True)
            with (self._logs / f"{rollout.index:06}.log").open("a", encoding="utf-8") as file:
                file.write(f"attempt {rollout.attempts} at task {rollout.index}\n{outcome.log}")

    def _again(self, error: Exception, failures: int) -> bool:
        return failures <= self._retries and not isinstance(error, ConfigError | WorkerLost)

    async def _score(self, rollout: Rollout, scorer: Scorer) -> None:
        try:
            if inspect.iscoroutinefunction(scorer):
                reward = await scorer(rollout)
            else:
                reward = await in_place(scorer, rollout)
                if inspect.isawaitable(reward):
                    reward = await reward
            rollout.reward = float(reward)
            if not math.isfinite(rollout.reward):
                raise ConfigError(f"the scorer must give a finite number, not {reward!r}")
        except Exception as error:  # noqa: BLE001 - it is in the rollout, as whatever else it failed with
            rollout.reward, rollout.error = None, error

    @property
    def _here(self) -> bool:
        return isinstance(self._backend, Here)

    async def aclose(self) -> None:
        """Ends the worker processes, and the local Ray where this started it. On one event loop nothing is held."""
        await self._backend.aclose()

    def close(self) -> None:
        """`aclose` for synchronous code."""
        run_sync(self.aclose())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _wait(error: Exception, failures: int) -> float:
    """Seconds before the next attempt: what the endpoint asked for, or twice as long each time, unevenly."""
    if isinstance(error, ModelError) and error.retry_after is not None:
        return error.retry_after
    return min(FIRST_WAIT * 2.0 ** (failures - 1), LONGEST_WAIT) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _backend(work: Work, on: str | None, workers: int | None, concurrency: int) -> Backend:
    if on is None:
        return Here(work)
    from .ray_backend import RayBackend  # with Ray behind it: only where it is asked for

    return RayBackend(work, on, workers, concurrency)


def _check(
    factory: object, concurrency: object, on: object, retries: object, timeout: float | None, workers: object
) -> None:
    if isinstance(factory, ConversableAgent):
        raise ConfigError(
            f"factory must be a function: Rollouts(lambda: {factory.name}), or one that makes a new agent"
        )
    if not callable(factory):
        raise ConfigError(f"factory must be a function of a task, or one that makes an agent, not {factory!r}")
    if not is_count(concurrency):
        raise ConfigError(f"concurrency must be a whole number of at least 1, not {concurrency!r}")
    if on is not None and not (isinstance(on, str) and (on == "ray" or on.startswith("ray://"))):
        raise ConfigError(f'on must be None (this event loop), "ray" or "ray://host:port", not {on!r}')
    if not isinstance(retries, int) or retries < 0:
        raise ConfigError(f"retries must be a whole number of at least 0, not {retries!r}")
    if timeout is not None and not timeout > 0:
        raise ConfigError(f"timeout must be seconds above 0, or None for no limit; it is {timeout!r}")
    if workers is not None and (on is None or not is_count(workers)):
        raise ConfigError(f'workers must be a whole number of at least 1, and goes with on="ray"; it is {workers!r}')
