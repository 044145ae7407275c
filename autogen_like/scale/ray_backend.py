"""Rollouts on a Ray cluster: some worker processes, each with many attempts under way on its event loop.

Ray places the workers, starts them anew when they die, and carries bytes. What is here is who gets which task, and what
becomes of tasks whose process died.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from ..core.errors import ConfigError
from ..core.sync import in_worker
from .attempt import Work
from .backend import GRACE, Lost
from .pickling import dumps, dumps_code, loads
from .ray_cluster import GONE, answer, connect, cpus, disconnect, end, start
from .ray_worker import Worker
from .rollout import Outcome, RolloutError

ALONE = 2  # deaths of the process under a task before it gets a process to itself
_COMING_BACK = 0.2  # seconds between two looks at a worker that is started anew
_PATIENCE = 120.0  # seconds for it to come


class _Lane:
    """A worker, and how much it has to do."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.load = 0


class RayBackend:
    """Makes attempts in the processes of a cluster.

    Args:
        work: What to do.
        on: Which cluster.
        workers: How many processes; None is one for each CPU.
        concurrency: How many attempts there are at once at most.

    Raises:
        ConfigError: If the work can't be pickled, or would take a secret along.
    """

    def __init__(self, work: Work, on: str, workers: int | None, concurrency: int) -> None:
        self._work = dumps_code(work, "the factory")
        self._timeout = work.timeout
        self._on, self._workers, self._concurrency = on, workers, concurrency
        self._lanes: list[_Lane] = []
        self._owned = False
        self._alone: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def prepare(self, tasks: Sequence[Any]) -> None:
        """Checks that the tasks can travel, connects, and waits until the workers are there.

        Raises:
            ConfigError: If a task can't, no Ray answers, or the workers can't load the factory.
        """
        for index, task in enumerate(tasks):
            dumps(task, f"task {index}")
        if self._lanes or not tasks:
            return
        self._owned = await in_worker(connect, self._on) or self._owned
        count = min(self._workers or cpus(), self._concurrency)
        lanes = [_Lane(self._started(restarts=-1)) for _ in range(count)]
        try:
            for lane in lanes:
                await answer(lane.actor.ready.remote(), GRACE)
        except GONE as error:
            raise ConfigError(f"the workers on {self._on} can't load the factory: {error}") from None
        self._lanes = lanes

    def _started(self, *, restarts: int) -> Any:
        return start(Worker, self._work, restarts=restarts, concurrency=self._concurrency + 8)

    async def attempt(self, task: Any, index: int, losses: int) -> Outcome:
        """One attempt, with the worker that has least to do.

        A process that dies takes all attempts in it along, and nobody knows whose fault it was. Who was there twice
        runs in a process to itself: should that die, it is known.

        Raises:
            Lost: If the process died.
        """
        data = dumps(task, f"task {index}")
        if losses >= ALONE:
            async with self._one_alone():
                actor = self._started(restarts=0)
                try:
                    return await self._made(actor, data, index)
                finally:
                    end(actor)
        lane = min(self._lanes, key=lambda lane: lane.load)
        lane.load += 1
        try:
            return await self._made(lane.actor, data, index)
        except Lost:
            await self._come_back(lane)
            raise
        finally:
            lane.load -= 1

    def _one_alone(self) -> asyncio.Semaphore:
        """As many processes for single tasks as there are workers; a semaphore belongs to a loop."""
        return self._alone.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(len(self._lanes)))

    async def _made(self, actor: Any, data: bytes, index: int) -> Outcome:
        began = time.perf_counter()
        # The worker keeps the time. Where it doesn't answer long after, its loop is blocked, and nothing else helps.
        limit = None if self._timeout is None else self._timeout + 3 * GRACE
        try:
            packed = await asyncio.wait_for(answer(actor.attempt.remote(data, index), GRACE), limit)
        except TimeoutError:
            end(actor, again=True)
            error = TimeoutError(
                f"its worker didn't answer {3 * GRACE} s after timeout={self._timeout} s, and was ended"
            )
            return Outcome(error=error, seconds=time.perf_counter() - began)
        except GONE as error:
            raise Lost(str(error)) from None
        except Exception as error:  # noqa: BLE001 - what Ray raises for our own worker's code: a task it can't load, say
            return Outcome(error=RolloutError(f"the worker failed: {error}"), seconds=time.perf_counter() - began)
        outcome: Outcome = loads(packed)
        return outcome

    async def _come_back(self, lane: _Lane) -> None:
        """Waits until a worker that died is there again, so that the next attempt doesn't meet a dead one."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            try:
                await asyncio.wait_for(answer(lane.actor.ready.remote(), GRACE), until - time.monotonic())
            except GONE:
                await asyncio.sleep(_COMING_BACK)
            except TimeoutError:
                return
            else:
                return

    async def aclose(self) -> None:
        """Ends the workers, and the Ray that was started for them."""
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            end(lane.actor)
        if self._owned:
            self._owned = False
            await in_worker(disconnect)
