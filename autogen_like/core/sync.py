"""The one place where sync meets async.

Every operation is written once, as async. A synchronous method hands its coroutine to `run`: a background thread owns
one event loop for all of them, so it works in scripts, in notebooks (where a loop already runs) and inside callbacks of
a running chat. While the calling thread waits, it isn't idle: sync callbacks of that chat (a reply function, `input()`)
are run on it, by `in_place`. So they see the thread they expect, Ctrl-C reaches them, and they may call `run` again.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

_Job = Callable[[], None]


class _Caller:
    """A thread that waits in `run`, and what it is asked to do meanwhile."""

    __slots__ = ("gone", "jobs")

    def __init__(self) -> None:
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self.gone = False  # set on the coroutine's loop, so that whoever looks there knows

    def leave(self) -> None:
        self.gone = True
        self.jobs.put(None)

    def work_off(self) -> None:
        while (job := self.jobs.get()) is not None:
            job()


_waiting: contextvars.ContextVar[_Caller | None] = contextvars.ContextVar("waiting", default=None)


class _LoopThread:
    """An event loop on a daemon thread of its own."""

    def __init__(self, number: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.blocked = 0  # how many `run`s its own thread waits in; only that thread changes it
        thread = threading.Thread(target=self._serve, name=f"autogen_like-loop-{number}", daemon=True)
        thread.start()

    def _serve(self) -> None:
        _here.serving = self
        asyncio.set_event_loop(self.loop)
        while True:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt):  # a task raised it; its caller gets it, the others go on
                continue


class _Here(threading.local):
    serving: _LoopThread | None = None  # the loop of ours that this thread runs


_here = _Here()
_lock = threading.Lock()
_loops: list[_LoopThread] = []
_idle: list[SimpleQueue[_Job]] = []  # of the worker threads that wait for a job
IDLE = 10.0  # seconds that a worker thread waits for a job before it ends


def _forget_loops() -> None:
    global _lock  # noqa: PLW0603 - one for the process
    _lock = threading.Lock()
    _loops.clear()
    _idle.clear()
    _here.serving = None


# Threads do not survive a fork: the child starts its own.
os.register_at_fork(after_in_child=_forget_loops)


def _free_loop() -> asyncio.AbstractEventLoop:
    """A loop that may be waited for: the first whose thread doesn't wait itself, perhaps for the calling thread."""
    with _lock:
        for served in _loops:
            if not served.blocked:
                return served.loop
        _loops.append(_LoopThread(len(_loops)))
        return _loops[-1].loop


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
    if not asyncio.iscoroutine(coroutine):
        raise TypeError(f"run takes a coroutine, not {coroutine!r}: call the async function first")
    serving = _here.serving
    if serving is None:
        return _run_on(_free_loop(), coroutine)
    serving.blocked += 1
    try:
        return _run_on(_free_loop(), coroutine)
    finally:
        serving.blocked -= 1


def _run_on(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    caller = _Caller()
    context = contextvars.copy_context()
    context.run(_waiting.set, caller)
    started: list[asyncio.Task[T]] = []

    def start() -> None:
        task = loop.create_task(coroutine, context=context)
        started.append(task)
        task.add_done_callback(lambda _: caller.leave())

    loop.call_soon_threadsafe(start)
    try:
        caller.work_off()
    except BaseException:  # Ctrl-C, or a callback that raised SystemExit: stop the coroutine, then let it through
        loop.call_soon_threadsafe(lambda: started[0].cancel())  # noqa: PLW0108 - it is started by then, not now
        caller.work_off()
        if not started[0].cancelled():
            started[0].exception()  # seen, so that asyncio doesn't complain
        raise
    finally:
        caller.gone = True
    return started[0].result()


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
    caller = _waiting.get()
    if caller is None or caller.gone:
        return await in_worker(function, *args, **kwargs)
    done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    caller.jobs.put(partial(_deliver, _own_context(), partial(function, *args, **kwargs), done))
    return await done


def under_sync_face() -> bool:
    """Whether the running coroutine was started by `run`, with a thread that waits for it."""
    caller = _waiting.get()
    return caller is not None and not caller.gone


async def in_worker(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a synchronous function on a worker thread under either face; sync chats inside it work.

    Each call has a daemon thread to itself, an idle one or a new one: in a pool of a few threads, functions that wait
    for functions (a sync chat in a tool, whose tools are sync too) would wait for ever, and one that hangs would keep
    the program from ending.
    """
    done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    work = partial(_deliver_all, _own_context(), partial(function, *args, **kwargs), done)
    try:
        _idle.pop().put(work)
    except IndexError:
        jobs: SimpleQueue[_Job] = SimpleQueue()
        jobs.put(work)
        threading.Thread(target=_work, args=(jobs,), name="autogen_like-worker", daemon=True).start()
    return await done


def _work(jobs: SimpleQueue[_Job]) -> None:
    """What a worker thread does: job after job, until none comes for a while."""
    job = jobs.get()
    while True:
        job()
        del job  # what it held is not kept while the thread waits
        _idle.append(jobs)
        try:
            job = jobs.get(timeout=IDLE)
        except Empty:
            try:
                _idle.remove(jobs)
            except ValueError:  # somebody took it at this moment, and puts a job in
                job = jobs.get()
            else:
                return


def _own_context() -> contextvars.Context:
    """The context for a function on another thread: nobody waits there to run callbacks of what it starts."""
    context = contextvars.copy_context()
    context.run(_waiting.set, None)
    return context


def _deliver(context: contextvars.Context, function: Callable[[], T], done: asyncio.Future[T]) -> None:
    """Calls a function, and hands what it returns or raises to a future of another thread's loop."""
    if done.cancelled():
        return
    try:
        result = context.run(function)
    except StopIteration as error:  # a future cannot carry it
        _settle(done, None, RuntimeError(f"{function!r} raised {error!r}"))
    except Exception as error:  # noqa: BLE001 - raised where it is awaited
        _settle(done, None, error)
    else:
        _settle(done, result, None)


def _deliver_all(context: contextvars.Context, function: Callable[[], T], done: asyncio.Future[T]) -> None:
    """The same on a thread of its own, where SystemExit and the like would reach nobody."""
    try:
        _deliver(context, function, done)
    except BaseException as error:  # noqa: BLE001 - raised where it is awaited
        _settle(done, None, error)


def _settle(done: asyncio.Future[T], result: T | None, error: BaseException | None) -> None:
    def settle() -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
        done.get_loop().call_soon_threadsafe(settle)
