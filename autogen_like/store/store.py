"""The store: where runs are kept, and gone on with in another process."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from . import _sqlalchemy  # noqa: F401  isort: skip
from sqlalchemy import Connection

from ..core.errors import ConfigError
from ..core.journal import Record
from ..core.message import Message, new_id
from ..core.sync import in_worker
from ..core.termination import StopReason
from . import changing, lines, listing, reading
from . import held as leases
from .appending import Append
from .codec import dumped, encoded, reason_to_json
from .database import Database, Durability
from .held import Held
from .listing import ConversationInfo, Entry, RunInfo, Status
from .reading import FIRST
from .stored_run import StoredRun
from .writer import Writer

T = TypeVar("T")
PAGE = 1000  # records that are read at a time


class Store:
    """Runs in a database: a SQLite file, or PostgreSQL. Nothing is opened before it is used.

    One store serves any number of runs at once, on any event loops; several processes may share a database.

    Args:
        url: ``sqlite:///chats.db`` for a file, or ``postgresql+psycopg://user@host/database``.
        durability: What a written record survives on SQLite: "process" the death of the process, "power" that of the
            machine too, which costs an fsync a commit. PostgreSQL has its own setting.
        lease: Seconds for which a run is a process's own unless that renews it, as it does while it lives.
        patience: Seconds to wait for another process's lock, or for a server that is away, before that is an error.

    Raises:
        ConfigError: If an argument can't be right.

    Example:
        >>> import asyncio, tempfile
        >>> from autogen_like.core.journal import Opened, Said
        >>> async def main(folder: str) -> None:
        ...     async with Store(f"sqlite:///{folder}/chats.db") as store:
        ...         async with await store.begin("run 1") as run:
        ...             await run.append("c1", Opened("", ("ada", "bob"), {}))
        ...             await run.append("c1", Said(Message("ada", "Hello"), {}))
        ...         for info in await store.runs():
        ...             print(info.id, info.title, info.status)
        ...         print([message.text for message in await store.messages("c1")])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     asyncio.run(main(folder))
        run 1 Hello interrupted
        ['Hello']
    """

    def __init__(
        self,
        url: str = "sqlite:///chats.db",
        *,
        durability: Durability = "process",
        lease: float = 30.0,
        patience: float = 10.0,
    ) -> None:
        if lease <= 0 or patience <= 0:
            raise ConfigError(f"lease and patience must be more than 0 seconds, not {lease} and {patience}")
        self._database = Database(url, durability, patience)
        self._lease, self._patience = lease, patience
        self._writer: Writer | None = None
        self._lock, self._process = threading.Lock(), os.getpid()

    # --- runs of this process

    async def begin(
        self, run_id: str | None = None, *, title: str = "", metadata: Mapping[str, Any] | None = None
    ) -> StoredRun:
        """A new run, held by this process.

        Args:
            run_id: Its id; a new one by default.
            title: What to call it in lists; by default they show how its first message begins.
            metadata: Anything that is JSON, to be kept with it.

        Raises:
            ConfigError: If there is a run with this id.
            StoreError: If the database failed.
        """
        id, about = run_id or new_id(), dumped(dict(metadata or {}))  # noqa: A001
        return await self._hold(
            lambda connection, owner: leases.begin(connection, id, owner, self._lease, title, about)
        )

    async def resume(self, run_id: str) -> StoredRun:
        """A run that ended before its time, held by this process from now on.

        Raises:
            ConfigError: If there is no such run.
            Leased: If another process holds it.
            StoreError: If the database failed.
        """
        return await self._hold(lambda connection, owner: leases.resume(connection, run_id, owner, self._lease))

    async def _hold(self, take: Callable[[Connection, str], Held]) -> StoredRun:
        writer, owner = await self._opened(), leases.new_owner()
        held = await writer.write(lambda connection: take(connection, owner))
        writer.held[owner] = held
        return StoredRun(self, held)

    async def append(self, held: Held, conversation: str, record: Record) -> None:
        """Writes a record of a held run; see `StoredRun.append`."""
        append = Append(held, conversation, encoded(record))
        await (await self._opened()).append(append)

    async def release(self, held: Held, reason: StopReason | None) -> None:
        """Gives a held run back; see `StoredRun.release`."""
        writer = await self._opened()
        writer.held.pop(held.owner, None)
        why = reason_to_json(reason) if reason is not None else None
        await writer.write(lambda connection: leases.release(connection, held, why))

    # --- looking

    async def runs(self, limit: int = 50, before: str | None = None, status: Status | None = None) -> list[RunInfo]:
        """Runs, the newest first, a page at a time.

        Args:
            limit: How many, at most.
            before: The id of the last run of the page before.
            status: Only those that are "running", "interrupted", "paused" or "ended".

        Raises:
            ConfigError: If an argument can't be right.
        """
        return await self.read(lambda connection: listing.page(connection, limit, before, status))

    async def run(self, run_id: str) -> RunInfo:
        """A run as it stands.

        Raises:
            ConfigError: If there is no such run.
        """
        return await self.read(lambda connection: listing.one(connection, run_id))

    async def conversations(self, run_id: str) -> list[ConversationInfo]:
        """The conversations of a run, nested ones included, in the order in which they began.

        Raises:
            ConfigError: If there is no such run.
        """
        return await self.read(lambda connection: listing.conversations_of(connection, run_id))

    async def messages(
        self, conversation_id: str, start: int = 0, limit: int | None = None, *, in_run: str | None = None
    ) -> list[Message]:
        """What was said in a conversation, before it was forked too.

        Args:
            conversation_id: Its id.
            start: How many messages to leave out.
            limit: How many, at most.
            in_run: A run's id: the conversation as that run left it, where it went on in others; the newest by default.

        Raises:
            ConfigError: If there is no such conversation, or a number is negative.
        """
        if start < 0 or (limit is not None and limit < 0):
            raise ConfigError(f"start and limit must not be negative; they are {start} and {limit}")
        stop = None if limit is None else start + limit

        def read(connection: Connection) -> list[Message]:
            number = reading.conversation_number(connection, conversation_id, in_run)
            return reading.messages_of(connection, number, start, stop)

        return await self.read(read)

    async def records(self, run_id: str) -> AsyncIterator[Entry]:
        """What happened in a run, in order.

        Raises:
            ConfigError: If there is no such run.
        """
        after = FIRST
        while page := await self.read(partial(listing.entries, id=run_id, after=after, limit=PAGE)):
            for entry in page:
                yield entry
            after = page[-1].number

    # --- whole runs

    async def fork(
        self,
        conversation_id: str,
        at: int | str | None = None,
        *,
        in_run: str | None = None,
        run_id: str | None = None,
        title: str = "",
    ) -> str:
        """A new run that goes on from a message of a conversation. Its past is shared, not copied.

        A tool call is never parted from its result: where it would be, the fork begins before the call. The run has
        spent nothing yet; all else is as it was after that message. Go on with it by `resume`.

        Args:
            conversation_id: The conversation's id.
            at: How many of its messages, or the id of the last one; all by default.
            in_run: A run's id: the conversation as that run left it, where it went on in others; the newest by default.
            run_id: The id of the new run; a new one by default.
            title: What to call it in lists.

        Returns:
            The id of the new run.

        Raises:
            ConfigError: If there is no such conversation or message, or the run's id is taken.
        """
        new_run, new_conversation = run_id or new_id(), new_id()
        return await self.write(
            lambda connection: changing.fork(connection, conversation_id, at, in_run, new_run, title, new_conversation)
        )

    async def answer(self, run_id: str, request_id: str, text: str | bool) -> None:
        """Says what a paused run waits for, from any process; the run goes on with it when it is resumed.

        Args:
            run_id: The run's id.
            request_id: The request's id.
            text: What the person says; True and False for yes and no.

        Raises:
            ConfigError: If the run doesn't wait for that, or it was answered already.
            Leased: If a process holds the run.
        """
        await self.write(lambda connection: changing.answer(connection, run_id, request_id, text))

    async def delete(self, run_id: str) -> None:
        """Deletes a run. Forks of it keep what they share with it.

        Raises:
            ConfigError: If there is no such run.
            Leased: If a process holds it.
        """
        await self.write(lambda connection: changing.remove(connection, run_id))

    async def export_lines(self, run_id: str) -> AsyncIterator[str]:
        """A run as JSON Lines, without line ends: a header, then a record a line. Needs no other run.

        Raises:
            ConfigError: If there is no such run.
        """
        yield await self.read(lambda connection: lines.header(connection, run_id))
        for line in await self.read(lambda connection: lines.past_lines(connection, run_id)):
            yield line
        after, more = FIRST, True
        while more:
            page, after = await self.read(partial(lines.lines, id=run_id, after=after, limit=PAGE))
            for line in page:
                yield line
            more = bool(page)

    async def import_lines(self, exported: Iterable[str] | AsyncIterable[str]) -> str:
        """Takes in an exported run, or nothing of it where a line is damaged.

        Args:
            exported: Its lines.

        Returns:
            The run's id: its own, or a new one where that is taken.

        Raises:
            ConfigError: If a line is damaged; names it.
        """
        texts: Sequence[str] | Iterable[str]
        texts = [text async for text in exported] if isinstance(exported, AsyncIterable) else exported
        head, old = await in_worker(lines.parsed, texts)
        return await self.write(lambda connection: lines.insert_run(connection, head, old))

    # --- the database

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Reads on a thread of its own, from one moment of the database."""
        await self._opened()

        def reads() -> T:
            with self._database.reading() as connection:
                return work(connection)

        return await in_worker(reads)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Does something in a transaction of the writing thread."""
        return await (await self._opened()).write(work)

    async def _opened(self) -> Writer:
        writer = self._writer
        if writer is None or self._process != os.getpid():
            writer = await in_worker(self._open)
        return writer

    def _open(self) -> Writer:
        with self._lock:
            if self._process != os.getpid():  # forked: neither threads nor connections came along
                self._database.abandon()
                self._writer, self._process = None, os.getpid()
            if self._writer is None:
                self._database.open()
                self._writer = Writer(self._database, self._lease, self._patience)
            return self._writer

    def close(self) -> None:
        """Closes it, after what is being written is written. Runs that are still held are given back."""
        with self._lock:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()
                self._database.close()

    async def aclose(self) -> None:
        """Closes it without keeping the event loop waiting."""
        await in_worker(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Store({self._database.name!r})"
