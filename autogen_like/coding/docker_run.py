"""One program in a container, followed from a loop: its output as it comes, its time-out, its cancellation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from ..core.errors import ExecutorUnavailable
from ..core.sync import in_worker
from .docker_container import BEGUN, Container, Execution
from .docker_engine import Gone
from .output import Output

T = TypeVar("T")
P = ParamSpec("P")

_ENDING = 5.0  # seconds that code which was killed may take to be gone
_AHEAD = 16  # pieces of output that may wait for the loop: there may be more than memory holds
_SIGNALLED = 128


class NotBegun(Exception):
    """The container was gone before the program began."""


class Run:
    """A program in a container.

    Args:
        container: The container.
        command: The program and its arguments; nothing to write the file only.
        path: A file to write first.
        content: What to write.

    Attributes:
        begun: Whether the file was written and the program started.
        refusal: What was said instead, where it wasn't.
        broken: Whether the container can't be used any more.
    """

    def __init__(self, container: Container, command: Sequence[str], path: str, content: bytes) -> None:
        self.begun = False
        self.refusal = ""
        self.broken = False
        self._container = container
        self._command = command
        self._path = path
        self._content = content
        self._execution: Execution | None = None
        self._stopping = threading.Event()

    async def follow(self, seconds: float, output: Output) -> int | None:
        """Runs it to its end. Cancelled, it is killed before this returns.

        Args:
            seconds: How long it may take.
            output: Takes what it prints.

        Returns:
            The exit code; None on a time-out.

        Raises:
            NotBegun: If the container isn't there.
            ExecutorUnavailable: If the engine doesn't answer.
        """
        work = asyncio.ensure_future(in_worker(self._work, _feeder(output)))
        try:
            done, _ = await asyncio.wait([work], timeout=seconds)
        except asyncio.CancelledError:
            await uninterrupted_task(asyncio.ensure_future(self._stop(work)))
            raise
        if done:
            return work.result()
        await uninterrupted_task(asyncio.ensure_future(self._stop(work)))
        return None

    def _work(self, feed: Callable[[bytes], None]) -> int:
        """Starts it and listens to its end; on a worker thread."""
        try:
            execution = self._execution = self._container.run(self._command, path=self._path, content=self._content)
        except Gone as error:
            raise NotBegun(str(error)) from None
        if self._stopping.is_set():  # it waits for a word from us, which it won't get
            execution.close()
            return _SIGNALLED
        try:
            for data in execution:
                if self.begun:
                    feed(data)
                elif data.startswith(BEGUN):
                    self.begun = True
                    feed(data.removeprefix(BEGUN))
                else:
                    self.refusal += data.decode("utf-8", "replace")
            code = execution.exit_code()
            if code > _SIGNALLED:
                self._container.sweep()  # who was to do it may have been killed itself
        except Gone:
            self.broken = True
            return _SIGNALLED + 9
        return code

    async def _stop(self, work: asyncio.Future[int]) -> None:
        """Kills it, with the container if it must be."""
        self._stopping.set()
        if self._execution is not None:
            self._execution.stop()
        try:
            await asyncio.wait([work], timeout=_ENDING)
            if not work.done():  # who was to kill it has been killed by it
                async with asyncio.timeout(_ENDING):
                    await in_worker(self._container.sweep)
                    await asyncio.wait([work])
        except (TimeoutError, Gone, ExecutorUnavailable):
            self.broken = True
            if self._execution is not None:
                self._execution.cut()
        if work.done() and not work.cancelled():
            work.exception()  # seen, so that asyncio doesn't complain


def _feeder(output: Output) -> Callable[[bytes], None]:
    """What a worker thread hands output to; it waits there while the loop is behind."""
    loop = asyncio.get_running_loop()
    room = threading.Semaphore(_AHEAD)

    def take(data: bytes) -> None:
        room.release()
        output.feed(data)

    def feed(data: bytes) -> None:
        room.acquire()
        loop.call_soon_threadsafe(take, data)

    return feed


async def uninterrupted(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a function on a worker thread to its end, also where it is cancelled meanwhile.

    Args:
        function: What to call.
        *args: Its arguments.
        **kwargs: Its keyword arguments.
    """
    return await uninterrupted_task(asyncio.ensure_future(in_worker(function, *args, **kwargs)))


async def uninterrupted_task(task: asyncio.Future[T]) -> T:
    """Waits for a task to its end, also where the waiting is cancelled meanwhile; then the cancellation goes on.

    Args:
        task: The task.
    """
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen: the cancellation goes first
        raise
