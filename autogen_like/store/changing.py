"""What is done with whole runs: forking, answering, deleting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import _sqlalchemy  # noqa: F401  isort: skip
from sqlalchemy import Connection, Row, delete, func, insert, literal, select, update

from ..core.errors import ConfigError
from ..core.journal import Answered
from ..core.transcript import Transcript
from ..core.usage import UsageLedger
from .codec import ANSWERED, OPENED, dumped, encoded, loaded, plain
from .held import take
from .reading import conversation_number, messages_of, newest_state, place_of, stretches
from .schema import conversations, now, openings, records, runs

_WORDS = {True: "yes", False: "no"}


def fork(
    connection: Connection, conversation: str, at: int | str | None, in_run: str | None, id: str, title: str, new: str  # noqa: A002
) -> str:  # fmt: skip
    """Makes a run whose conversation begins with messages of another one; see `Store.fork`."""
    source = conversation_number(connection, conversation, in_run)
    opening = connection.execute(
        select(openings).where(openings.c.conversation == source).order_by(openings.c.record.desc()).limit(1)
    ).first()
    if opening is None:
        raise ConfigError(f"conversation {conversation!r} was never opened: nothing says who takes part in it")
    count = place_of(connection, source, at) + 1 if isinstance(at, str) else at
    past = Transcript(messages_of(connection, source, 0, None if count is None else max(count, 0) + 1))
    if count is not None and not 0 <= count <= len(past):
        raise ConfigError(f"conversation {conversation!r} has {len(past)} messages: none can be shared up to {count}")
    shared = past.boundary(len(past) if count is None else count)
    of = connection.execute(
        select(runs.c.id).join(conversations, conversations.c.run == runs.c.number).where(
            conversations.c.number == source
        )
    ).scalar_one()  # fmt: skip
    run = connection.execute(
        insert(runs)
        .values(
            id=_free(connection, id), title=title, metadata="{}", started=now(), updated=now(), expires=0.0,
            forked_from=dumped({"run": of, "conversation": conversation, "messages": shared}),
        )
        .returning(runs.c.number)
    ).scalar_one()  # fmt: skip
    _begin(connection, run, new, opening, _state(connection, opening, shared), _past(connection, source, shared))
    return id


def _free(connection: Connection, id: str) -> str:  # noqa: A002
    if connection.execute(select(runs.c.number).where(runs.c.id == plain(id, "run's id"))).scalar() is not None:
        raise ConfigError(f"there is a run {id!r} in this store: take another id")
    return id


def _past(connection: Connection, source: int, shared: int) -> tuple[int | None, int]:
    """Where the last of the shared messages stands: a fork of a fork may need nothing of the one between."""
    found = stretches(connection, source, 0, shared)
    return (found[-1].conversation if found else None), shared


def _begin(
    connection: Connection, run: int, id: str, opening: Row[Any], state: str, past: tuple[int | None, int]  # noqa: A002
) -> None:  # fmt: skip
    number = connection.execute(
        insert(conversations).values(run=run, id=id, past=past[0], shared=past[1]).returning(conversations.c.number)
    ).scalar_one()
    connection.execute(
        insert(openings).values(
            run=run, key="", conversation=number, participants=opening.participants, record=0, state=state
        )
    )


def _state(connection: Connection, opening: Row[Any], shared: int) -> str:
    """The state right after a message, for a run that has spent nothing yet."""
    state: Mapping[str, Any] | None = None
    for stretch in stretches(connection, opening.conversation, max(shared - 1, 0), shared):
        text = connection.execute(select(records.c.state).where(stretch.where())).scalar()
        state = loaded(text) if text is not None else None
    if state is None:  # of what was said before the first run of it that was stored, or nothing was said yet
        state = _first_state(connection, opening)
    fresh = {"turns": 0, "usage": UsageLedger().snapshot(), "usage_by_agent": {}}
    return dumped({**state, "paused": None, "run": fresh} if "run" in state else {**state, "paused": None})


def _first_state(connection: Connection, opening: Row[Any]) -> Any:
    opened = select(records.c.state).where(
        records.c.conversation == opening.conversation, records.c.place.is_(None), records.c.kind == OPENED
    )
    text = connection.execute(opened.order_by(records.c.number).limit(1)).scalar()
    return loaded(text if text is not None else opening.state)


def answer(connection: Connection, run: str, request: str, text: str | bool) -> None:
    """Writes what a person says to a paused run; see `Store.answer`."""
    number = take(connection, run, None, 0.0)
    waiting: dict[str, tuple[int, Mapping[str, Any]]] = {}
    paused = select(openings).where(openings.c.run == number, openings.c.closed.is_not(None))
    for opening in connection.execute(paused).all():
        _, state = newest_state(connection, opening)
        for asked in (state.get("paused") or {}).get("requests", ()):
            waiting[asked["id"]] = opening.conversation, asked
        for given in _answered_since(connection, opening):
            waiting.pop(given, None)
    if request not in waiting:
        raise ConfigError(f"no request {request!r} of run {run!r} waits for an answer; these do: {sorted(waiting)}")
    conversation, asked = waiting[request]
    said = text if isinstance(text, str) else _WORDS[text]
    record = encoded(Answered(request, asked["agent"], said, "call" in asked))
    last = connection.execute(select(func.max(records.c.number)).where(records.c.run == number)).scalar_one()
    connection.execute(
        insert(records).values(
            run=number, number=last + 1, conversation=conversation, kind=record.kind, at=now(), content=record.content
        )
    )


def _answered_since(connection: Connection, opening: Row[Any]) -> Iterable[str]:
    """Ids of requests that were answered after the conversation was closed."""
    given = select(records.c.content).where(
        records.c.conversation == opening.conversation, records.c.place.is_(None), records.c.kind == ANSWERED,
        records.c.number > opening.record,
    )  # fmt: skip
    return [loaded(content)["id"] for content in connection.execute(given).scalars()]


def remove(connection: Connection, id: str) -> None:  # noqa: A002
    """Deletes a run. Forks of its conversations get what they share with them; see `Store.delete`."""
    run = take(connection, id, None, 0.0)
    for conversation in connection.execute(select(conversations).where(conversations.c.run == run)).all():
        heirs = select(conversations).where(conversations.c.past == conversation.number, conversations.c.run != run)
        for heir in connection.execute(heirs).all():
            _inherit(connection, conversation, heir)
    connection.execute(update(conversations).where(conversations.c.run == run).values(past=None))
    connection.execute(delete(runs).where(runs.c.number == run))


def _inherit(connection: Connection, conversation: Row[Any], heir: Row[Any]) -> None:
    """Copies to a conversation what it shares with another one's own messages; what that shares, it then shares."""
    of_run = select(func.min(records.c.number)).where(records.c.run == heir.run)
    base = min(connection.execute(of_run).scalar() or 0, 0) - heir.shared  # before all that it has
    columns = [column for column in records.c if column.name not in ("run", "number", "conversation")]
    copied = select(
        literal(heir.run), literal(base) + records.c.place, literal(heir.number), *columns
    ).where(records.c.conversation == conversation.number, records.c.place < heir.shared)  # fmt: skip
    names = ["run", "number", "conversation", *(column.name for column in columns)]
    connection.execute(insert(records).from_select(names, copied))
    shared = min(conversation.shared, heir.shared) if conversation.past is not None else 0
    past = conversation.past if shared else None
    connection.execute(
        update(conversations).where(conversations.c.number == heir.number).values(past=past, shared=shared)
    )
