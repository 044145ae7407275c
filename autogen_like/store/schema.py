"""The tables. How they came to be is in `migrations/`; a test holds the two together.

Records are written once and never changed. All else can be found from them, and is there so that opening a
conversation, however long, takes as much as its messages.
"""

from __future__ import annotations

from typing import Any

from . import _sqlalchemy  # noqa: F401  isort: skip
from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)  # fmt: skip
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

PREFIX = "autogen_like_"
VERSION_TABLE = PREFIX + "version"

metadata = MetaData()
_Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself in INTEGER columns only

# A run: one thing that was started, with all that is nested in it. Who may write to it is here too.
runs = Table(
    PREFIX + "runs",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("started", Float(53), nullable=False),
    Column("updated", Float(53), nullable=False),  # beside its records, which have their own times
    Column("forked_from", Text),  # JSON: run, conversation, messages
    Column("stop", String),  # the kind of the reason why it ended or paused; NULL while it hasn't
    Column("reason", Text),  # the whole reason, as JSON
    Column("owner", String),  # who may write to it, a name that is used once
    Column("expires", Float(53), nullable=False),
    sqlite_autoincrement=True,
)

# A conversation, as one run knows it. Its first messages may be those of another one, up to a place of it.
conversations = Table(
    PREFIX + "conversations",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("run", _Number, ForeignKey(runs.c.number, ondelete="CASCADE"), nullable=False),
    Column("id", String, nullable=False),
    Column("past", _Number, ForeignKey(PREFIX + "conversations.number")),
    Column("shared", Integer, nullable=False),  # how many messages are those of `past`
    UniqueConstraint("run", "id"),
    Index(PREFIX + "conversations_by_id", "id"),
    Index(PREFIX + "conversations_by_past", "past"),
    sqlite_autoincrement=True,
)

# Places of a run at which a conversation was opened. One conversation may be opened at several, one after another.
openings = Table(
    PREFIX + "openings",
    metadata,
    Column("run", _Number, ForeignKey(runs.c.number, ondelete="CASCADE"), primary_key=True),
    Column("key", String, primary_key=True),
    Column("conversation", _Number, ForeignKey(conversations.c.number, ondelete="CASCADE"), nullable=False),
    Column("participants", Text, nullable=False),
    Column("record", _Number, nullable=False),  # the number of the record with `state`
    Column("state", Text, nullable=False),  # what it was when it was opened or closed, whichever was later
    Column("closed", Text),  # the reason, as JSON
    Column("until", _Number),  # the number of the record with which it was opened elsewhere
    Index(PREFIX + "openings_by_conversation", "conversation"),
)

# What happened, in order. Messages have a place in their conversation, which is the index in its transcript.
records = Table(
    PREFIX + "records",
    metadata,
    Column("run", _Number, ForeignKey(runs.c.number, ondelete="CASCADE"), primary_key=True),
    Column("number", _Number, primary_key=True, autoincrement=False),
    Column("conversation", _Number, ForeignKey(conversations.c.number, ondelete="CASCADE"), nullable=False),
    Column("place", Integer),
    Column("kind", String, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("message", String),  # the message's id
    Column("content", Text, nullable=False),
    Column("state", Text),
    UniqueConstraint("conversation", "place"),
)


class now(FunctionElement[float]):  # noqa: N801 - a function of SQL
    """Seconds since 1970 by the database's clock, at this moment: the only clock that leases know."""

    type = Float(53)
    inherit_cache = True


@compiles(now, "sqlite")
def _now_in_sqlite(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _now_in_postgresql(*_: Any, **__: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"
