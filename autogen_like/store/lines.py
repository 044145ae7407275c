"""Runs as JSON Lines: a header, then one record a line. The format is told in docs/store.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from . import _sqlalchemy  # noqa: F401  isort: skip
from sqlalchemy import Connection, insert, select, update

from ..core.errors import AutogenLikeError, ConfigError
from ..core.journal import Said
from ..core.message import new_id
from .appending import Appending, Statements
from .codec import KINDS, OPENED, Encoded, decoded, dumped, encoded, encoded_message, loaded, plain, reason_from_json
from .held import Held, new_owner, release
from .listing import number_of, time_of
from .reading import stretches
from .schema import conversations, now, openings, records, runs

FORMAT, VERSION = "autogen_like run", 1
_Old = tuple[str, float, Encoded]


def header(connection: Connection, id: str) -> str:  # noqa: A002
    """The first line of an exported run."""
    run = connection.execute(select(runs).where(runs.c.number == number_of(connection, id))).one()
    return dumped(
        {
            "format": FORMAT, "version": VERSION, "id": run.id, "title": run.title, "metadata": loaded(run.metadata),
            "started": run.started, "reason": loaded(run.reason) if run.reason is not None else None,
        }
    )  # fmt: skip


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
    wanted = (
        select(records, conversations.c.id)
        .join(conversations, conversations.c.number == records.c.conversation)
        .where(records.c.run == number_of(connection, id), records.c.number > after)
        .order_by(records.c.number)
        .limit(limit)
    )
    rows = connection.execute(wanted).all()
    return [_line(row.id, row) for row in rows], rows[-1].number if rows else after


def _line(conversation: str, row: Any) -> str:
    """Content and state are JSON already: they are put in as they are."""
    envelope = dumped({"conversation": conversation, "at": row.at, "kind": row.kind})[:-1]
    state = f',"state":{row.state}' if row.state is not None else ""
    return f'{envelope},"content":{row.content}{state}}}'


def parsed(texts: Iterable[str]) -> tuple[Mapping[str, Any], Sequence[_Old]]:
    """The header and the records of exported lines.

    Raises:
        ConfigError: If a line is damaged; names it.
    """
    head: Mapping[str, Any] | None = None
    found: list[_Old] = []
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        if head is None:
            head = _at(number, text, _header)
        else:
            found.append(_at(number, text, _record))
    if head is None:
        raise ConfigError("there is no line in it: an exported run begins with a header")
    return head, found


def _at(number: int, text: str, read: Callable[[Mapping[str, Any]], Any]) -> Any:
    try:
        raw = loaded(text)
        if not isinstance(raw, dict):
            raise TypeError("it is no JSON object")
        return read(raw)
    except KeyError as error:
        raise ConfigError(f"line {number} is damaged: {error} is missing: {text.strip()[:100]}") from error
    except (AutogenLikeError, ValueError, TypeError, OverflowError, OSError, RecursionError) as error:
        raise ConfigError(f"line {number} is damaged: {error}: {text.strip()[:100]}") from error


def _header(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    if raw.get("format") != FORMAT:
        raise ValueError(f'no exported run begins like this; its "format" would be {FORMAT!r}')
    if raw["version"] != VERSION:
        raise ValueError(f"it is of version {raw['version']!r}, this release reads {VERSION}")
    if not isinstance(raw["title"], str) or not isinstance(raw["metadata"], dict) or not isinstance(raw["id"], str):
        raise TypeError("id and title must be text, and metadata an object")
    _time(raw["started"])
    plain(raw["id"], "run's id")
    if raw["reason"] is not None:
        reason_from_json(raw["reason"])
    return raw


def _time(seconds: Any) -> float:
    time_of(seconds)  # raises what is no time
    return float(seconds)


def _record(raw: Mapping[str, Any]) -> _Old:
    kind, content, state = raw["kind"], raw["content"], raw.get("state")
    if kind not in KINDS or not isinstance(content, dict) or not isinstance(raw["conversation"], str):
        raise TypeError(f"a record has a conversation, a kind of {', '.join(KINDS)}, and an object as content")
    record = decoded(kind, content, state)
    if isinstance(record, Said):
        written = encoded_message(record.message, None if state is None else dumped(state))
    else:
        written = encoded(record)
    return plain(raw["conversation"], "conversation's id"), _time(raw["at"]), written


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
    appending = Appending(connection, 0.0, Statements(connection.dialect))
    appending.write_old(held, ((names[name], at, record) for name, at, record in old))
    reason = head.get("reason")
    release(connection, held, reason)
    last = max((at for _, at, _ in old), default=float(head["started"]))
    connection.execute(update(runs).where(runs.c.number == number).values(updated=last))
    return id


def _free_name(connection: Connection, conversation: str) -> str:
    known = connection.execute(select(conversations.c.number).where(conversations.c.id == conversation).limit(1))
    return conversation if known.scalar() is None else new_id()
