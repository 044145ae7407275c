"""Writes the records of many runs in one transaction: three statements, whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from . import _sqlalchemy  # noqa: F401  isort: skip
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from ..core.message import Message
from .codec import CLOSED, OPENED, SAID, Encoded, encoded_message
from .errors import LeaseLost
from .held import Held, Known
from .jobs import Job
from .prepared import Prepared
from .schema import conversations, now, openings, records, runs


class Append(Job):
    """A record to be written to a held run.

    Args:
        held: The run.
        conversation: The conversation's id.
        record: The record.
    """

    __slots__ = ("conversation", "held", "record")

    def __init__(self, held: Held, conversation: str, record: Encoded) -> None:
        super().__init__()
        self.held, self.conversation, self.record = held, conversation, record


@dataclass(slots=True)
class _Planned:
    """What a held run will be once the transaction is committed."""

    at: float
    records: int
    known: dict[str, Known]
    keys: set[str]


# One row for each lease that is ours, with the time there. PostgreSQL locks the rows, so that nobody takes a run over
# before this is committed; SQLite has locked the whole file.
_HELD = select(runs.c.owner, now()).with_for_update(key_share=True)
_FENCE = _HELD.where(
    runs.c.number.in_(bindparam("numbers", expanding=True)), runs.c.owner.in_(bindparam("owners", expanding=True))
)
_FENCE_ONE = _HELD.where(runs.c.number == bindparam("run_number"), runs.c.owner == bindparam("run_owner"))
_FENCE_OF_ONE = Prepared(_FENCE_ONE)
_INSERT = Prepared(insert(records))
_OPEN = Prepared(insert(openings))


class Appending:
    """Appends of one transaction. Nothing of what this process knows changes before `committed`.

    Args:
        connection: In a transaction that may write.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._planned: dict[str, tuple[Held, _Planned]] = {}
        self._rows: list[dict[str, Any]] = []
        self._opened: list[dict[str, Any]] = []
        self._made: dict[tuple[int, str], int] = {}  # numbers of new conversations, by run and id

    def write(self, appends: Sequence[Append]) -> list[LeaseLost | None]:
        """Writes them, in their order.

        Returns:
            For each one None, or why it may not be written.
        """
        self._fence({append.held.owner: append.held for append in appends})
        self._make(appends)
        outcomes: list[LeaseLost | None] = []
        for append in appends:
            planned = self._planned.get(append.held.owner)
            if planned is None:
                outcomes.append(LeaseLost(append.held.id))
            else:
                self._add(*planned, append.conversation, append.record, planned[1].at)
                outcomes.append(None)
        self._insert()
        return outcomes

    def write_old(self, held: Held, old: Iterable[tuple[str, float, Encoded]]) -> None:
        """Writes records of another store: the conversation, when it was written, and what.

        Raises:
            LeaseLost: If the run isn't held.
        """
        self._fence({held.owner: held})
        if held.owner not in self._planned:
            raise LeaseLost(held.id)
        for conversation, at, record in old:
            self._add(*self._planned[held.owner], conversation, record, at)
        self._insert()
        self.committed()

    def _insert(self) -> None:
        if self._rows:
            _INSERT(self._connection, self._rows)
        self._insert_openings()

    def _insert_openings(self) -> None:
        if self._opened:
            _OPEN(self._connection, self._opened)
            self._opened = []

    def _make(self, appends: Sequence[Append]) -> None:
        """Makes the conversations that begin here, all at once."""
        new = {
            (append.held.run, append.conversation): {
                "run": append.held.run, "id": append.conversation, "past": None, "shared": 0,
            }
            for append in appends
            if append.held.owner in self._planned
            and append.conversation not in append.held.known
            and not append.record.past
        }  # fmt: skip
        if len(new) > 1:
            made = insert(conversations).returning(conversations.c.run, conversations.c.id, conversations.c.number)
            for run, id, number in self._connection.execute(made, list(new.values())):  # noqa: A001
                self._made[run, id] = number

    def is_written(self, connection: Connection) -> bool:
        """Whether all of it is in the database, where nobody saw whether it was committed."""
        wrote = [(held, planned) for held, planned in self._planned.values() if planned.records > held.records]
        last = select(func.max(records.c.number)).where(records.c.run == bindparam("of"))
        return bool(wrote) and all(
            (connection.execute(last, {"of": held.run}).scalar() or 0) >= planned.records - 1 for held, planned in wrote
        )

    def committed(self) -> None:
        """Takes over the new counts."""
        for held, planned in self._planned.values():
            held.records = planned.records
            held.known.update(planned.known)
            held.keys |= planned.keys

    def _fence(self, held: dict[str, Held]) -> None:
        found: Iterable[Any]
        if len(held) == 1:
            ((owner, run),) = held.items()
            found = _FENCE_OF_ONE(self._connection, [{"run_number": run.run, "run_owner": owner}])
        else:
            names = {"owners": list(held), "numbers": [run.run for run in held.values()]}
            found = self._connection.execute(_FENCE, names)
        for owner, at in found:
            self._planned[owner] = held[owner], _Planned(at, held[owner].records, {}, set())

    def _add(self, held: Held, planned: _Planned, conversation: str, record: Encoded, at: float) -> None:
        known = planned.known.get(conversation)
        if known is None:
            before = held.known.get(conversation)
            known = planned.known[conversation] = (
                Known(before.number, before.messages, before.key)
                if before is not None
                else self._new(held.run, conversation, record.past)
            )
        for message in record.past[known.messages :]:
            self._row(held, planned, known, encoded_message(message, None), at)
        number = self._row(held, planned, known, record, at)
        if record.kind == OPENED:
            self._open(held, planned, known, number, record)
        elif record.kind == CLOSED:
            self._close(held.run, known, number, record)

    def _row(self, held: Held, planned: _Planned, known: Known, record: Encoded, at: float) -> int:
        number, place = planned.records, None
        planned.records += 1
        if record.kind == SAID:
            place = known.messages
            known.messages += 1
        self._rows.append(
            {
                "run": held.run, "number": number, "conversation": known.number, "place": place, "kind": record.kind,
                "at": at, "message": record.message, "content": record.content, "state": record.state,
            }
        )  # fmt: skip
        return number

    def _new(self, run: int, id: str, past: Sequence[Message]) -> Known:  # noqa: A002
        """A conversation that the run hasn't had. What another run of this store had of it is shared, not copied."""
        made = self._made.get((run, id))
        if made is not None:
            return Known(made, 0)
        before, shared = self._shared(id, past) if past else (None, 0)
        number = self._connection.execute(
            insert(conversations).values(run=run, id=id, past=before, shared=shared).returning(conversations.c.number)
        ).scalar_one()
        return Known(number, shared)

    def _shared(self, id: str, past: Sequence[Message]) -> tuple[int | None, int]:  # noqa: A002
        """The conversation of another run that begins like this past, and how far it does."""
        before = self._connection.execute(
            select(conversations).where(conversations.c.id == id).order_by(conversations.c.number.desc()).limit(1)
        ).first()
        if before is None:
            return None, 0
        own = records.c.conversation == before.number
        last = self._connection.execute(select(func.max(records.c.place)).where(own)).scalar()
        count = min(len(past), before.shared if last is None else max(last + 1, before.shared))
        if count <= before.shared:  # nothing of its own is needed
            return (before.past, count) if count == before.shared else (None, 0)
        found = select(records.c.message).where(own, records.c.place == count - 1)
        same = self._connection.execute(found).scalar() == past[count - 1].id
        return (before.number, count) if same else (None, 0)

    def _open(self, held: Held, planned: _Planned, known: Known, number: int, record: Encoded) -> None:
        run, execute = held.run, self._connection.execute
        if known.key is not None:  # it was open elsewhere
            self._insert_openings()
            mine = openings.c.conversation == known.number
            execute(update(openings).where(mine, openings.c.until.is_(None)).values(until=number))
        if record.key in held.keys or record.key in planned.keys:
            self._insert_openings()
            execute(delete(openings).where(openings.c.run == run, openings.c.key == record.key))
            if not record.key:
                execute(update(runs).where(runs.c.number == run).values(stop=None, reason=None))
        self._opened.append(
            {
                "run": run, "key": record.key, "conversation": known.number, "participants": record.participants,
                "record": number, "state": record.state, "closed": None, "until": None,
            }
        )  # fmt: skip
        known.key = record.key
        planned.keys.add(record.key)

    def _close(self, run: int, known: Known, number: int, record: Encoded) -> None:
        self._insert_openings()
        self._connection.execute(
            update(openings)
            .where(openings.c.conversation == known.number, openings.c.until.is_(None))
            .values(record=number, state=record.state, closed=record.content)
        )
        if known.key == "":
            ended = update(runs).where(runs.c.number == run)
            self._connection.execute(ended.values(stop=record.stop, reason=record.content))
