"""The thread that writes: whatever waits is written in one transaction, so many conversations share one commit.

A database's connection belongs to one thread at a time, and an async one to one event loop; conversations run on
several. So there is one thread with one connection, and every loop hands it its jobs. While a commit is under way the
next jobs gather, and are the next transaction: the more is written at once, the less each record costs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from sqlalchemy import Connection

from ..core.errors import AutogenLikeError
from .appending import Append, Appending
from .database import Database
from .held import Held, release_all, renew
from .jobs import Job, settle

T = TypeVar("T")
MOST = 500  # jobs of one transaction
PAUSE = 0.1  # seconds between attempts to reach a server that is away


class Writer:
    """Writes jobs to a database until it is closed.

    Args:
        database: An open one.
        lease: Seconds that leases last; they are renewed three times as often.
        patience: Seconds to wait for a server that is away.
    """

    def __init__(self, database: Database, lease: float, patience: float) -> None:
        self._database, self._lease, self._patience = database, lease, patience
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._connection: Connection | None = None
        self.held: dict[str, Held] = {}  # by owner; only this thread changes it
        self._thread = threading.Thread(target=self._serve, name="autogen_like-store", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Does something in a transaction; see `Job`."""
        job = Job(work)
        self._jobs.put(job)
        return await job.wait()  # type: ignore[no-any-return]

    async def append(self, append: Append) -> None:
        """Writes a record."""
        self._jobs.put(append)
        await append.wait()

    def close(self) -> None:
        """Ends the thread, after what was asked before is written."""
        self._jobs.put(None)
        self._thread.join()

    def _serve(self) -> None:
        due = time.monotonic() + self._lease / 3
        open_ = True
        while open_:
            jobs, open_ = self._next(max(0.0, due - time.monotonic()))
            if jobs:
                settle(self._written(jobs))
            if time.monotonic() >= due:
                due = time.monotonic() + self._lease / 3
                self._quietly(partial(renew, lease=self._lease))
        self._quietly(release_all)
        self._disconnect()

    def _next(self, seconds: float) -> tuple[list[Job], bool]:
        """What waits, or comes within a time; and whether more may come."""
        jobs: list[Job] = []
        try:
            job = self._jobs.get(timeout=seconds)
            while job is not None:
                if job.begin():
                    jobs.append(job)
                if len(jobs) == MOST:
                    return jobs, True
                job = self._jobs.get_nowait()
        except Empty:
            return jobs, True
        return jobs, False

    def _quietly(self, work: Callable[[Connection, list[Held]], None]) -> None:
        """Does something with all that is held. Nobody waits for it: where it fails, who writes next learns why."""
        held = list(self.held.values())
        if held:
            try:
                self._transaction(lambda connection: work(connection, held))
            except self._database.errors:
                self._disconnect()

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._database.writing()
        with self._connection.begin():
            return work(self._connection)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _written(self, jobs: Sequence[Job]) -> Sequence[tuple[Job, object]]:
        """What came of each job: its result, or an error."""
        try:
            return self._patiently(jobs)
        except self._database.errors as error:
            self._disconnect()
            if len(jobs) > 1 and not self._database.is_its_own(error) and not self._database.passes(error):
                return [outcome for job in jobs for outcome in self._written([job])]  # one of them can't be written
            return [(job, _caused(self._database.explanation(error), error)) for job in jobs]
        except Exception as error:  # noqa: BLE001 - raised where it is awaited; the thread goes on
            self._disconnect()
            return [(job, error) for job in jobs]

    def _patiently(self, jobs: Sequence[Job]) -> Sequence[tuple[Job, object]]:
        """Writes them, and again where the server went away meanwhile, unless they were written after all."""
        until = time.monotonic() + self._patience
        tried, attempt = False, _Attempt(jobs)
        while True:
            try:
                if not (tried and self._transaction(attempt.is_written)):
                    tried, attempt = True, _Attempt(jobs)
                    self._transaction(attempt.write)
            except self._database.errors as error:
                self._disconnect()
                if not self._database.passes(error) or time.monotonic() >= until:
                    raise
                time.sleep(PAUSE)
            else:
                return attempt.taken_over()


class _Attempt:
    """Writing some jobs in one transaction, of which it may not be known whether it was committed.

    Args:
        jobs: The jobs.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._outcomes: list[tuple[Job, object]] = []
        self._appending: Appending | None = None

    def write(self, connection: Connection) -> None:
        """Writes them all."""
        for job in self._jobs:
            if job.work is not None:
                self._outcomes.append((job, _tried(job.work, connection)))
        appends = [job for job in self._jobs if isinstance(job, Append)]
        if appends:
            self._appending = Appending(connection)
            self._outcomes.extend(zip(appends, self._appending.write(appends), strict=True))

    def is_written(self, connection: Connection) -> bool:
        """Whether all is there, after an attempt whose end nobody saw."""
        return self._appending is not None and self._appending.is_written(connection)

    def taken_over(self) -> Sequence[tuple[Job, object]]:
        """What came of each job; called once it is committed."""
        if self._appending is not None:
            self._appending.committed()
        return self._outcomes


def _tried(work: Callable[[Connection], object], connection: Connection) -> object:
    """The result, or the error that it raised before it wrote anything."""
    try:
        return work(connection)
    except AutogenLikeError as error:
        return error


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error
