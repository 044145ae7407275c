"""The database behind a store: its address, its connections, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from . import _sqlalchemy  # noqa: F401  isort: skip
from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from ..core.errors import ConfigError, MissingExtra
from .errors import StoreError
from .migrations.apply import is_current, migrate

Durability: TypeAlias = Literal["process", "power"]

_SYNCHRONOUS = {"process": "NORMAL", "power": "FULL"}
_SQLITE = {
    sqlite3.SQLITE_FULL: "the disk is full: make room, then resume",
    sqlite3.SQLITE_BUSY: "another process has locked it for longer than {patience:g} s: try again, or let that one end",
    sqlite3.SQLITE_READONLY: "it is read-only, for this process at least: what is in it can be read",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: put a copy in its place, or save what can be read with "
    "`sqlite3 FILE .recover`",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database: name another one",
    sqlite3.SQLITE_CANTOPEN: "the file can't be opened: is its folder there, and may it be written to?",
    sqlite3.SQLITE_IOERR: "the file can't be read or written: is the disk full or gone, or the file too large?",
}
_POSTGRES = {
    "55P03": "another process has locked it for longer than {patience:g} s: try again, or let that one end",
    "53100": "the server's disk is full: make room, then resume",
    "28P01": "the server doesn't take this password",
    "3D000": "there is no such database on the server: create it",
    "42501": "this user may not do that there",
}
_AWAY = ("08", "57P", "53300", "40")  # PostgreSQL's classes of errors that pass: connections, shut-downs, conflicts


class Database:
    """An address, and connections to what is there. Nothing is opened before it is used.

    Args:
        url: SQLAlchemy's URL of SQLite or PostgreSQL.
        durability: What a commit survives, on SQLite.
        patience: Seconds to wait for another process's lock.

    Attributes:
        read_only: Whether nothing can be written to it.
        name: The address without its password, for people.

    Raises:
        ConfigError: If the address isn't one.
    """

    def __init__(self, url: str, durability: Durability, patience: float) -> None:
        if durability not in _SYNCHRONOUS:
            raise ConfigError(f'durability must be "process" or "power", not {durability!r}')
        self._url = _checked(url)
        self._durability, self._patience = durability, patience
        self._engine: Engine | None = None
        self._driver: Any = sqlite3
        self.read_only = False
        self.name = self._url.set(query={}).render_as_string(hide_password=True)

    def open(self) -> None:
        """Connects, and makes the tables or brings them to this release's version.

        Raises:
            StoreError: If it can't be opened.
            ConfigError: If a newer release wrote it.
        """
        engine = self._connect()
        self._driver = engine.dialect.loaded_dbapi
        try:
            with self.explained():
                with engine.connect() as connection, connection.begin():
                    done = is_current(connection)
                if not done and not self.read_only:
                    with engine.connect().execution_options(writes=True) as connection, connection.begin():
                        migrate(connection)
                elif not done:
                    raise StoreError(f"{self.name}: there is no store in it, and none can be made: it is read-only")
        except BaseException:
            engine.dispose()
            raise
        self._engine = engine

    def _connect(self) -> Engine:
        if self._url.get_backend_name() == "sqlite":
            return self._sqlite(Path(str(self._url.database)))
        return self._postgres()

    def _postgres(self) -> Engine:
        limits = {"connect_timeout": max(2, round(self._patience))}
        try:
            engine = create_engine(self._url, pool_pre_ping=True, hide_parameters=True, connect_args=limits)
        except ModuleNotFoundError:
            raise MissingExtra("a store on PostgreSQL", "postgres") from None

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _: Any) -> None:
            connection.execute(f"SET lock_timeout = {round(self._patience * 1000)}")
            connection.commit()

        return engine

    def _sqlite(self, path: Path) -> Engine:
        self.read_only = path.exists() and not (_may_write(path) and _may_write(path.parent))
        url = self._url
        if self.read_only:
            log = Path(f"{path}-wal")
            still = "" if log.exists() and log.stat().st_size else "&immutable=1"  # a log needs a file beside it
            url = url.set(database=f"file:{quote(str(path))}?mode=ro{still}", query={"uri": "true"})
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": self._patience})

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _: Any) -> None:
            connection.isolation_level = None  # transactions begin where we say so
            if not self.read_only:
                connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={_SYNCHRONOUS[self._durability]}")
            connection.execute("PRAGMA foreign_keys=ON")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # Who means to write says so at once: a reader that turns writer may find that it can't.
            writes = connection.get_execution_options().get("writes")
            connection.connection.cursor().execute("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    @property
    def dialect(self) -> Dialect:
        """The words that it knows."""
        assert self._engine is not None  # noqa: S101 - it was opened
        return self._engine.dialect

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What is raised where it fails."""
        return SQLAlchemyError, self._driver.Error

    @property
    def is_postgres(self) -> bool:
        """Whether it is PostgreSQL."""
        return self._url.get_backend_name() == "postgresql"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database, whatever is written meanwhile."""
        assert self._engine is not None  # noqa: S101 - it was opened
        with self.explained(), self._engine.connect() as connection:
            if self.is_postgres:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    def writing(self) -> Connection:
        """A connection that may write; whoever takes it closes it."""
        assert self._engine is not None  # noqa: S101 - it was opened
        if self.read_only:
            raise StoreError(f"{self.name}: {_SQLITE[sqlite3.SQLITE_READONLY]}")
        return self._engine.connect().execution_options(writes=True)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turns errors of the database that are raised inside into `StoreError`."""
        try:
            yield
        except self.errors as error:
            raise self.explanation(error) from error

    def explanation(self, error: Exception) -> StoreError:
        """What an error of the database means, without what was being written."""
        origin = getattr(error, "orig", None) or error
        code = getattr(origin, "sqlite_errorcode", None)
        said = _SQLITE.get(code & 0xFF) if code is not None else _POSTGRES.get(getattr(origin, "sqlstate", None) or "")
        detail = (str(origin).strip() or type(origin).__name__).splitlines()[0]
        meaning = f"{said.format(patience=self._patience)} ({detail})" if said else detail
        return StoreError(f"{self.name}: {meaning}")

    def passes(self, error: Exception) -> bool:
        """Whether an error is one of a server that is away, or busy with others, and may be back in a moment."""
        origin = getattr(error, "orig", None) or error
        if not self.is_postgres or not isinstance(origin, self._driver.OperationalError | self._driver.InterfaceError):
            return False
        state = getattr(origin, "sqlstate", None)
        return state is None or state.startswith(_AWAY)

    def is_its_own(self, error: Exception) -> bool:
        """Whether an error is the database's, which nothing can be written to, and not that of one record."""
        origin = getattr(error, "orig", None) or error
        code = getattr(origin, "sqlite_errorcode", None)
        return code is not None and (code & 0xFF) in _SQLITE

    def close(self) -> None:
        """Closes its connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def abandon(self) -> None:
        """Forgets its connections, which are those of the process that this one was forked from."""
        if self._engine is not None:
            self._engine.dispose(close=False)
            self._engine = None


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _checked(url: str) -> URL:
    """The address as SQLAlchemy takes it, with the driver that we use and an absolute path."""
    advice = "write 'sqlite:///chats.db' for a file, or 'postgresql+psycopg://user@host/database'"
    try:
        parsed = make_url(url)
        backend, driver = parsed.get_backend_name(), parsed.drivername.partition("+")[2]
    except (ArgumentError, ValueError, AttributeError):
        raise ConfigError(f"a store's address must be a URL: {advice}") from None  # it may hold a password
    if backend == "postgres":
        backend = "postgresql"
    if backend == "postgresql" and driver in ("", "psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and driver in ("", "pysqlite", "aiosqlite"):
        if parsed.database in (None, "", ":memory:") or str(parsed.database).startswith("file:"):
            raise ConfigError(f"a store in memory ends with its process, and keeps nothing: {advice}")
        return parsed.set(drivername="sqlite", database=str(Path(str(parsed.database)).absolute()))
    raise ConfigError(f"a store can't be kept in {parsed.drivername}: {advice}")
