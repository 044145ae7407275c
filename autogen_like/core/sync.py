"""The one place where sync meets async.

Every operation is written once, as async. A synchronous method hands its coroutine to `run`: a background thread owns
one event loop for all of them, so it works in scripts, in notebooks (where a loop already runs) and inside callbacks of
a running chat. While the calling thread waits, it isn't idle: sync callbacks of that chat (a reply function, `input()`)
are run on it, by `in_place`. So they see the thread they expect, Ctrl-C reaches them, and they may call `run` again.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

_Job = Callable[[], None]
_waiting: contextvars.ContextVar[SimpleQueue[_Job | None] | None] = contextvars.ContextVar("waiting", default=None)


class _LoopThread:
    """An event loop on a daemon thread of its own."""

    def __init__(self, depth: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.depth = depth
        thread = threading.Thread(target=self._serve, name=f"autogen_like-loop-{depth}", daemon=True)
        thread.start()

    def _serve(self) -> None:
        _here.depth = self.depth
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


class _Here(threading.local):
    depth = -1  # of the loop that this thread runs; -1 where it runs none of ours


_here = _Here()
_lock = threading.Lock()
_loops: list[_LoopThread] = []


def _forget_loops() -> None:
    global _lock
    _lock = threading.Lock()
    _loops.clear()
    _here.depth = -1


# Threads do not survive a fork: the child starts its own.
os.register_at_fork(after_in_child=_forget_loops)


def _free_loop() -> asyncio.AbstractEventLoop:
    """A loop that the calling thread may wait for: the first, or, on a loop's own thread, the next one down."""
    depth = _here.depth + 1
    with _lock:
        while len(_loops) <= depth:
            _loops.append(_LoopThread(len(_loops)))
    return _loops[depth].loop


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end from synchronous code, wherever that runs.

    Args:
        coroutine: What to run.

    Returns:
        Its result. Its exceptions are raised here; Ctrl-C cancels it first.

    Example:
        >>> async def answer() -> int:
        ...     return 42
        >>> run(answer())
        42
    """
    loop = _free_loop()
    jobs: SimpleQueue[_Job | None] = SimpleQueue()
    context = contextvars.copy_context()
    context.run(_waiting.set, jobs)
    started: list[asyncio.Task[T]] = []

    def start() -> None:
        task = loop.create_task(coroutine, context=context)
        started.append(task)
        task.add_done_callback(lambda _: jobs.put(None))

    loop.call_soon_threadsafe(start)
    try:
        _work_off(jobs)
    except BaseException:  # Ctrl-C, or a callback that raised SystemExit: stop the coroutine, then let it through
        loop.call_soon_threadsafe(lambda: started[0].cancel() if started else None)
        _work_off(jobs)
        raise
    return started[0].result()


def _work_off(jobs: SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        job()


async def in_place(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a user's synchronous function without blocking the loop.

    Under the sync face it runs on the thread that called it and waits there; under async, on a worker thread.

    Args:
        function: What to call.
        *args: Its arguments.
        **kwargs: Its keyword arguments.

    Returns:
        What it returns; what it raises is raised here.
    """
    jobs = _waiting.get()
    if jobs is None:
        return await asyncio.to_thread(function, *args, **kwargs)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: T | None, error: Exception | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def job() -> None:
        if done.cancelled():
            return
        try:
            result = context.run(function, *args, **kwargs)
        except StopIteration as error:  # a future cannot carry it
            loop.call_soon_threadsafe(settle, None, RuntimeError(f"{function!r} raised {error!r}"))
        except Exception as error:
            loop.call_soon_threadsafe(settle, None, error)
        else:
            loop.call_soon_threadsafe(settle, result, None)

    jobs.put(job)
    return await done


def under_sync_face() -> bool:
    """Whether the running coroutine was started by `run`, with a thread that waits for it."""
    return _waiting.get() is not None


async def in_worker(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a synchronous function on a worker thread under either face; sync chats inside it work."""
    return await asyncio.to_thread(function, *args, **kwargs)
