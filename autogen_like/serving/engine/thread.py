"""One thread that owns an engine, so that any number of asynchronous callers, in any number of loops, can share it."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import AsyncGenerator, Callable, Hashable, Iterator
from queue import SimpleQueue
from typing import Any, Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")
E = TypeVar("E")

_END = object()


class _Job(Generic[E, T]):
    """A piece of work, and the loop that waits for what it gives."""

    def __init__(self, work: Callable[[E], Iterator[T]], name: Hashable = None) -> None:
        self.work = work
        self.name = name
        self.cancelled = threading.Event()
        self._loop = asyncio.get_running_loop()
        self.items: asyncio.Queue[Any] = asyncio.Queue()

    def put(self, item: object) -> None:
        """Hands an item over to the loop; a loop that is closed wants nothing any more."""
        try:
            self._loop.call_soon_threadsafe(self.items.put_nowait, item)
        except RuntimeError:
            self.cancelled.set()


class _Unwatched(_Job[E, T]):
    """Work whose items nobody waits for; if it fails, so will the request that it was for, which can say so."""

    def put(self, item: object) -> None:
        pass


class _Note(Generic[E]):
    """Something short to do, that gives nothing."""

    def __init__(self, work: Callable[[E], object]) -> None:
        self.work = work


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class EngineThread(Generic[E]):
    """Runs jobs side by side, in a thread of its own that loads the engine at the first.

    Each round takes one item of each job: an engine's iterators share the work of a round between them.

    Args:
        load: Makes the engine (whatever jobs need); called in the thread, once. If it raises, the first job gets the
            error and the next job tries again.
        name: Of the thread.

    Example:
        >>> async def main():
        ...     thread = EngineThread(lambda: [1, 2, 3])
        ...     return [item async for item in thread.stream(lambda engine: iter(engine))]
        >>> asyncio.run(main())
        [1, 2, 3]
    """

    def __init__(self, load: Callable[[], E], name: str = "autogen_like-engine") -> None:
        self._load = load
        self._name = name
        self._engine: E | None = None
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[_Job[E, Any] | _Note[E] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._named: dict[Hashable, _Job[E, Any]] = {}

    @property
    def engine(self) -> E | None:
        """The engine; None until the first job."""
        return self._engine

    async def stream(self, work: Callable[[E], Iterator[T]], *, name: Hashable = None) -> AsyncGenerator[T, None]:
        """What a generator gives that runs in the thread. Leaving the stream early closes it before its next item.

        Args:
            work: Makes the generator.
            name: What `cancel` may call it.
        """
        job = _Job(work, name)
        if name is not None:
            self._named[name] = job
        self._start()
        self._jobs.put(job)
        try:
            while (item := await job.items.get()) is not _END:
                if isinstance(item, _Failure):
                    raise item.error
                yield item
        finally:
            job.cancelled.set()
            self._forget(job)

    def background(self, work: Callable[[E], Iterator[T]], *, name: Hashable) -> None:
        """Runs a generator that nobody waits for, instead of the one of the same name that may still run."""
        self.cancel(name)
        job = self._named[name] = _Unwatched(work, name)
        self._start()
        self._jobs.put(job)

    def tell(self, work: Callable[[E], object]) -> None:
        """Has the thread do something short, which can't fail, behind what it was given before.

        Nothing is done where there is no engine. It takes no lock and waits for nothing: any thread may call it, also
        while it collects garbage.
        """
        if self._thread is not None:
            self._jobs.put(_Note(work))

    def cancel(self, name: Hashable) -> bool:
        """Ends the stream of this name before its next item; False where there is none."""
        job = self._named.get(name)
        if job is None:
            return False
        job.cancelled.set()
        return True

    def close(self) -> None:
        """Ends what the thread is doing, and frees the engine. A later job starts it again."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None:
            return
        self._jobs.put(None)
        if thread is not threading.current_thread():
            thread.join()
        self._engine = None

    def _forget(self, job: _Job[E, Any]) -> None:
        if job.name is not None and self._named.get(job.name) is job:
            self._named.pop(job.name, None)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # not alive: this is a forked child
                self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._thread.start()
                _threads.add(self)

    def _serve(self) -> None:
        working: dict[_Job[E, Any], Iterator[Any]] = {}
        open_ = True
        while open_ or working:
            while open_ and (not working or not self._jobs.empty()):
                job = self._jobs.get()
                if job is None:
                    open_ = False
                elif isinstance(job, _Note):
                    if self._engine is not None:
                        job.work(self._engine)
                elif job.cancelled.is_set():
                    job.put(_END)
                    self._forget(job)
                else:
                    self._begin(job, working)
                del job  # or the thread would hold what the last job held until the next comes
            for job, items in list(working.items()):
                if not open_:
                    job.cancelled.set()
                if not self._goes_on(job, items):
                    del working[job]
                    self._forget(job)
                del job, items

    def _begin(self, job: _Job[E, Any], working: dict[_Job[E, Any], Iterator[Any]]) -> None:
        try:
            if self._engine is None:
                self._engine = self._load()
            working[job] = job.work(self._engine)
        except BaseException as error:  # noqa: BLE001 - it is the caller's to handle
            job.put(_Failure(error))
            self._forget(job)

    def _goes_on(self, job: _Job[E, Any], items: Iterator[Any]) -> bool:
        """Takes a job's next item; False where there is none any more, or nobody wants it."""
        try:
            if not job.cancelled.is_set():
                job.put(next(items))
                return True
            close = getattr(items, "close", None)
            if close is not None:
                close()
            job.put(_END)
        except StopIteration:
            job.put(_END)
        except BaseException as error:  # noqa: BLE001 - it is the caller's to handle
            job.put(_Failure(error))
        return False


_threads: WeakSet[EngineThread[Any]] = WeakSet()


@atexit.register
def _close_all() -> None:
    """A thread inside torch must not see the interpreter go."""
    for thread in list(_threads):
        thread.close()
