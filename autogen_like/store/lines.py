"""Runs as JSON Lines: a header, then one record a line. The format is told in docs/store.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import _sqlalchemy  # noqa: F401  isort: skip
from sqlalchemy import Connection, insert, select, update

from ..core.errors import ConfigError
from ..core.journal import Said
from ..core.message import new_id
from .appending import Appending
from .codec import OPENED, Encoded, dumped, encoded, encoded_message, loaded
from .held import Held, new_owner, release
from .jsonl import Line, header_line, read_runs, record_line
from .listing import number_of, rows_of
from .reading import stretches
from .schema import conversations, now, openings, records, runs

_Old = tuple[str, float, Encoded]


def header(connection: Connection, id: str) -> str:  # noqa: A002
    """The first line of an exported run."""
    run = connection.execute(select(runs).where(runs.c.number == number_of(connection, id))).one()
    reason = loaded(run.reason) if run.reason is not None else None
    return header_line(run.id, run.title, loaded(run.metadata), run.started, reason)


def past_lines(connection: Connection, id: str) -> list[str]:  # noqa: A002
    """What the run's conversations share with those of other runs, as lines that need no other run."""
    run = number_of(connection, id)
    found = []
    sharing = select(conversations).where(conversations.c.run == run, conversations.c.past.is_not(None))
    for conversation in connection.execute(sharing.order_by(conversations.c.number)).all():
        for stretch in stretches(connection, conversation.number, 0, conversation.shared):
            wanted = select(records).where(stretch.where()).order_by(records.c.place)
            found += [_line(conversation.id, row) for row in connection.execute(wanted)]
    return found + _forked_lines(connection, run)


def _forked_lines(connection: Connection, run: int) -> list[str]:
    """Conversations of a fork that nobody has gone on with: no record says that they were opened."""
    wanted = (
        select(openings, conversations.c.id, runs.c.started)
        .join(conversations, conversations.c.number == openings.c.conversation)
        .join(runs, runs.c.number == openings.c.run)
        .where(openings.c.run == run, openings.c.record == 0)
        .where(~select(records).where(records.c.run == run, records.c.number >= 0).exists())
    )
    found = []
    for row in connection.execute(wanted):
        content = {"key": row.key, "participants": loaded(row.participants)}
        line = {"conversation": row.id, "at": row.started, "kind": OPENED, "content": content}
        found.append(dumped({**line, "state": loaded(row.state)}))
    return found


def lines(connection: Connection, id: str, after: int, limit: int) -> tuple[list[str], int]:  # noqa: A002
    """Records of a run as lines, from behind a number on; and the number of the last."""
    rows = rows_of(connection, id, after, limit)
    return [_line(row.id, row) for row in rows], rows[-1].number if rows else after


def _line(conversation: str, row: Any) -> str:
    return record_line(conversation, row.at, row.kind, row.content, row.state)


def parsed(texts: Iterable[str]) -> tuple[Mapping[str, Any], Sequence[_Old]]:
    """The header and the records of exported lines.

    Raises:
        ConfigError: If a line is damaged, or there is more than one run; names the line.
    """
    (head, found), *more = read_runs(texts)
    if more:
        raise ConfigError(f"there are {len(more) + 1} runs in it: give one at a time")
    return head, [(line.conversation, line.at, _written(line)) for line in found]


def _written(line: Line) -> Encoded:
    if not isinstance(line.record, Said):
        return encoded(line.record)
    state = line.raw.get("state")
    return encoded_message(line.record.message, None if state is None else dumped(state))


def insert_run(connection: Connection, head: Mapping[str, Any], old: Sequence[_Old]) -> str:
    """Writes an exported run. Ids that are taken are replaced.

    Returns:
        The run's id.
    """
    taken = connection.execute(select(runs.c.number).where(runs.c.id == head["id"])).scalar() is not None
    id, owner = new_id() if taken else head["id"], new_owner()  # noqa: A001
    number = connection.execute(
        insert(runs)
        .values(
            id=id, title=head["title"], metadata=dumped(head["metadata"]), started=float(head["started"]),
            updated=now(), owner=owner, expires=now(),
        )
        .returning(runs.c.number)
    ).scalar_one()  # fmt: skip
    held = Held(number, id, owner)
    names = {name: _free_name(connection, name) for name in {name for name, *_ in old}}
    appending = Appending(connection)
    appending.write_old(held, ((names[name], at, record) for name, at, record in old))
    reason = head.get("reason")
    release(connection, held, reason)
    last = max((at for _, at, _ in old), default=float(head["started"]))
    connection.execute(update(runs).where(runs.c.number == number).values(updated=last))
    return id


def _free_name(connection: Connection, conversation: str) -> str:
    known = connection.execute(select(conversations.c.number).where(conversations.c.id == conversation).limit(1))
    return conversation if known.scalar() is None else new_id()
