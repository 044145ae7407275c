"""Runs as a person looks at them: what they are about, how far they are, what they have cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, get_args

from . import _sqlalchemy  # noqa: F401  isort: skip
from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from ..core.errors import ConfigError
from ..core.journal import Record
from ..core.termination import StopReason
from ..core.usage import Tally, UsageLedger
from .codec import decoded, loaded, reason_from_json
from .held import no_run
from .reading import messages_of, newest_state
from .schema import conversations, now, openings, records, runs

Status: TypeAlias = Literal["running", "interrupted", "paused", "ended"]
TITLE = 80  # characters of the first message that stand for a title


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run as it stands.

    Args:
        id: Its id.
        title: What it was called, or else how its first message begins.
        metadata: What was given with it.
        started: When it began.
        updated: When something was last written to it.
        status: "running" while a process holds it; "interrupted" where none does and it hasn't ended; "paused" while it
            waits for a person; "ended".
        reason: Why it ended or paused.
        participants: Who took part in its outermost conversations.
        conversations: How many conversations there are, nested ones included.
        messages: How many messages they have, those before a fork included.
        tokens: Tokens it has used.
        cost: Dollars it has spent.
        forked_from: Run, conversation and number of messages where it was forked.
        held_by: Host, process and a unique name of who holds it, while it is running.
    """

    id: str
    title: str
    metadata: Mapping[str, Any]
    started: datetime
    updated: datetime
    status: Status
    reason: StopReason | None
    participants: Sequence[str]
    conversations: int
    messages: int
    tokens: int
    cost: float
    forked_from: Mapping[str, Any] | None
    held_by: str | None


@dataclass(frozen=True, slots=True)
class ConversationInfo:
    """A conversation of a run.

    Args:
        id: Its id.
        key: The place of the run where it was opened last; None where it never was.
        participants: Who takes part.
        messages: How many messages it has.
        reason: Why it ended; None where it hasn't.
    """

    id: str
    key: str | None
    participants: Sequence[str]
    messages: int
    reason: StopReason | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it was written.

    Args:
        number: Its number in the run; they ascend.
        conversation: The conversation's id.
        at: When it was written, by the database's clock.
        record: What it says.
    """

    number: int
    conversation: str
    at: datetime
    record: Record


_HELD = and_(runs.c.owner.is_not(None), runs.c.expires > now())
_STATUS: Mapping[str, ColumnElement[bool]] = {
    "running": _HELD,
    "interrupted": and_(~_HELD, runs.c.stop.is_(None)),
    "paused": and_(~_HELD, runs.c.stop == "paused"),
    "ended": and_(~_HELD, runs.c.stop != "paused"),
}


def page(connection: Connection, limit: int, before: str | None, status: Status | None) -> list[RunInfo]:
    """Runs, the newest first.

    Raises:
        ConfigError: If an argument can't be right.
    """
    if limit < 1:
        raise ConfigError(f"limit must be at least 1, not {limit}")
    wanted = select(runs, now().label("now")).order_by(runs.c.number.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(runs.c.number < number_of(connection, before))
    if status is not None:
        if status not in _STATUS:
            raise ConfigError(f"status must be one of {', '.join(get_args(Status))}, not {status!r}")
        wanted = wanted.where(_STATUS[status])
    return [_info(connection, row) for row in connection.execute(wanted).all()]


def one(connection: Connection, id: str) -> RunInfo:  # noqa: A002
    """A run.

    Raises:
        ConfigError: If there is none with this id.
    """
    row = connection.execute(select(runs, now().label("now")).where(runs.c.id == id)).first()
    if row is None:
        raise no_run(id)
    return _info(connection, row)


def number_of(connection: Connection, id: str) -> int:  # noqa: A002
    """The number of a run.

    Raises:
        ConfigError: If there is none with this id.
    """
    number = connection.execute(select(runs.c.number).where(runs.c.id == id)).scalar()
    if number is None:
        raise no_run(id)
    return int(number)


def _info(connection: Connection, row: Row[Any]) -> RunInfo:
    outermost = _outermost(connection, row.number)
    used = Tally()
    for opening in outermost:
        used.merge(_usage(newest_state(connection, opening)[1]))
    counts = [count for *_, count in _counts(connection, row.number)]
    held = row.owner is not None and row.expires > row.now
    return RunInfo(
        row.id,
        row.title or _title(connection, outermost),
        loaded(row.metadata),
        time_of(row.started),
        time_of(max(row.updated, _last(connection, row.number))),
        _status(held, row.stop),
        reason_from_json(loaded(row.reason)) if row.reason is not None else None,
        tuple(dict.fromkeys(name for opening in outermost for name in loaded(opening.participants))),
        len(counts),
        sum(counts),
        int(used.total_tokens),
        used.cost,
        loaded(row.forked_from) if row.forked_from is not None else None,
        row.owner if held else None,
    )


def _last(connection: Connection, run: int) -> float:
    """When the newest record was written."""
    newest = select(records.c.at).where(records.c.run == run).order_by(records.c.number.desc()).limit(1)
    return connection.execute(newest).scalar() or 0.0


def _status(held: bool, stop: str | None) -> Status:
    if held:
        return "running"
    if stop is None:
        return "interrupted"
    return "paused" if stop == "paused" else "ended"


def _outermost(connection: Connection, run: int) -> Sequence[Row[Any]]:
    """The openings that aren't inside others: that of the run itself, or those of a queue's chats."""
    found = connection.execute(select(openings).where(openings.c.run == run).order_by(openings.c.record)).all()
    least = min((opening.key.count("/") for opening in found), default=0)
    return [opening for opening in found if opening.key.count("/") == least]


def _usage(state: Mapping[str, Any]) -> Tally:
    run = state.get("run")
    return UsageLedger.restored(run["usage"]).total if run else Tally()


def _title(connection: Connection, outermost: Iterable[Row[Any]]) -> str:
    for opening in outermost:
        for message in messages_of(connection, opening.conversation, 0, 1):
            line = " ".join(message.text.split())
            return line if len(line) <= TITLE else line[: TITLE - 1] + "…"
    return ""


def _counts(connection: Connection, run: int) -> Sequence[tuple[int, str, int]]:
    """Number, id and number of messages of each conversation."""
    last = select(func.max(records.c.place)).where(records.c.conversation == conversations.c.number).scalar_subquery()
    wanted = select(conversations.c.number, conversations.c.id, conversations.c.shared, last)
    found = connection.execute(wanted.where(conversations.c.run == run).order_by(conversations.c.number))
    return [(number, its_id, shared if place is None else place + 1) for number, its_id, shared, place in found]


def conversations_of(connection: Connection, id: str) -> list[ConversationInfo]:  # noqa: A002
    """The conversations of a run, in the order in which they began."""
    run = number_of(connection, id)
    newest = select(openings).where(openings.c.run == run, openings.c.until.is_(None))
    by_number = {opening.conversation: opening for opening in connection.execute(newest)}
    found = []
    for number, its_id, count in _counts(connection, run):
        opening = by_number.get(number)
        if opening is None:
            found.append(ConversationInfo(its_id, None, (), count, None))
            continue
        reason = reason_from_json(loaded(opening.closed)) if opening.closed is not None else None
        found.append(ConversationInfo(its_id, opening.key, tuple(loaded(opening.participants)), count, reason))
    return found


def rows_of(connection: Connection, id: str, after: int, limit: int) -> Sequence[Row[Any]]:  # noqa: A002
    """Records of a run whose numbers are greater, in order, each with the id of its conversation."""
    wanted = (
        select(records, conversations.c.id)
        .join(conversations, conversations.c.number == records.c.conversation)
        .where(records.c.run == number_of(connection, id), records.c.number > after)
        .order_by(records.c.number)
        .limit(limit)
    )
    return connection.execute(wanted).all()


def entries(connection: Connection, id: str, after: int, limit: int) -> list[Entry]:  # noqa: A002
    """Records of a run whose numbers are greater, in order."""
    return [
        Entry(
            row.number, row.id, time_of(row.at),
            decoded(row.kind, loaded(row.content), loaded(row.state) if row.state is not None else None),
        )
        for row in rows_of(connection, id, after, limit)
    ]  # fmt: skip


def time_of(seconds: float) -> datetime:
    """A time as the database has it."""
    return datetime.fromtimestamp(seconds, UTC)
