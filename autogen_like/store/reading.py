"""What a store knows: conversations as they were, runs as they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _sqlalchemy  # noqa: F401  isort: skip
from sqlalchemy import ColumnElement, Connection, Row, and_, select

from ..core.errors import ConfigError
from ..core.journal import Answered, Called, Recovered
from ..core.message import Message, ToolResult
from ..core.snapshot import message_from_json
from .codec import ANSWERED, CALLED, REPLIED, decoded, loaded, reason_from_json
from .schema import conversations, openings, records, runs

CHUNK = 2000  # rows that are decoded at a time
FIRST = -(2**62)  # less than any record's number: what was inherited has negative ones


@dataclass(frozen=True, slots=True)
class Stretch:
    """Messages of a conversation that stand with one row of it.

    Args:
        conversation: The number under which they stand.
        start: Place of the first.
        stop: Place after the last; None for all there are.
    """

    conversation: int
    start: int
    stop: int | None

    def where(self) -> ColumnElement[bool]:
        """The condition that finds its messages."""
        inside = and_(records.c.conversation == self.conversation, records.c.place >= self.start)
        return inside if self.stop is None else and_(inside, records.c.place < self.stop)


def stretches(connection: Connection, number: int, start: int = 0, stop: int | None = None) -> list[Stretch]:
    """Where the messages of a conversation stand, from the first on: its own are behind those that it shares."""
    found: list[Stretch] = []
    current: int | None = number
    while current is not None and (stop is None or stop > start):
        row = connection.execute(select(conversations).where(conversations.c.number == current)).one()
        own = max(start, row.shared if row.past is not None else 0)
        if stop is None or stop > own:
            found.append(Stretch(current, own, stop))
        stop = row.shared if stop is None else min(stop, row.shared)
        current = row.past
    return found[::-1]


def messages_of(
    connection: Connection, number: int, start: int = 0, stop: int | None = None, before: int | None = None
) -> list[Message]:
    """Messages of a conversation.

    Args:
        connection: Where to read.
        number: The conversation's number.
        start: Place of the first.
        stop: Place after the last.
        before: Only those of its own whose record's number is less.
    """
    found: list[Message] = []
    for stretch in stretches(connection, number, start, stop):
        wanted = select(records.c.content).where(stretch.where()).order_by(records.c.place)
        wanted = wanted.execution_options(yield_per=CHUNK)
        if before is not None and stretch.conversation == number:
            wanted = wanted.where(records.c.number < before)
        for chunk in connection.scalars(wanted).partitions():
            found.extend(map(message_from_json, _loaded_all(chunk)))
    return found


def _loaded_all(texts: Sequence[str]) -> list[Any]:
    """Many JSON texts, parsed as one list."""
    return loaded(f"[{','.join(texts)}]")  # type: ignore[no-any-return]


def recover(connection: Connection, run: int, key: str) -> Recovered | None:
    """What is known of the conversation at a place of a run; see `core.journal.RunJournal`."""
    opening = connection.execute(
        select(openings, conversations.c.id)
        .join(conversations, conversations.c.number == openings.c.conversation)
        .where(openings.c.run == run, openings.c.key == key)
    ).first()
    if opening is None:
        return None
    record, state = newest_state(connection, opening)
    said = -1 if record is None else record
    calls: dict[tuple[str, int], ToolResult | None] = {}
    answers: dict[str, str] = {}
    human_input: list[str] = []
    for number, other in _others(connection, opening):
        if isinstance(other, Answered):
            answers[other.id] = other.text
            if other.text and not other.approval and number < said:  # what isn't said yet is said anew
                human_input.append(other.text)
        elif isinstance(other, Called) and number > said:
            calls[other.message, other.place] = other.result
    return Recovered(
        opening.id,
        tuple(loaded(opening.participants)),
        messages_of(connection, opening.conversation, before=opening.until),
        state,
        calls,
        answers,
        tuple(human_input),
        reason_from_json(loaded(opening.closed)) if opening.closed is not None else None,
        _summed_up(connection, opening, said) if opening.closed is not None else None,
    )


def _summed_up(connection: Connection, opening: Row[Any], said: int) -> Mapping[str, Any] | None:
    """What a model replied last, after the conversation had ended and nothing more was said."""
    wanted = select(records.c.content).where(
        records.c.conversation == opening.conversation, records.c.place.is_(None), records.c.kind == REPLIED,
        records.c.number > max(opening.record, said),
    )  # fmt: skip
    if opening.until is not None:
        wanted = wanted.where(records.c.number < opening.until)
    content = connection.execute(wanted.order_by(records.c.number.desc()).limit(1)).scalar()
    return loaded(content)["reply"] if content is not None else None


def newest_state(connection: Connection, opening: Row[Any]) -> tuple[int | None, Mapping[str, Any]]:
    """The number of the last message's record, and the state after whatever came last."""
    last = select(records.c.number, records.c.state).where(
        records.c.conversation == opening.conversation, records.c.place.is_not(None)
    )
    if opening.until is not None:
        last = last.where(records.c.number < opening.until)
    said = connection.execute(last.order_by(records.c.place.desc()).limit(1)).first()
    if said is None:
        return None, loaded(opening.state)
    later = opening.record > said.number or said.state is None
    return said.number, loaded(opening.state if later else said.state)


def _others(connection: Connection, opening: Row[Any]) -> Iterator[tuple[int, Any]]:
    """The conversation's records of calls and answers, in order."""
    wanted = (
        select(records.c.number, records.c.kind, records.c.content)
        .where(
            records.c.conversation == opening.conversation,
            records.c.place.is_(None),
            records.c.kind.in_((CALLED, ANSWERED)),
        )
        .order_by(records.c.number)
    )
    if opening.until is not None:
        wanted = wanted.where(records.c.number < opening.until)
    for number, kind, content in connection.execute(wanted):
        yield number, decoded(kind, loaded(content), None)


def conversation_number(connection: Connection, id: str, run: str | None) -> int:  # noqa: A002
    """The number of a conversation, as a run knows it; where none is named, that which had it last.

    Raises:
        ConfigError: If there is none.
    """
    newest = select(conversations.c.number).where(conversations.c.id == id).order_by(conversations.c.number.desc())
    if run is not None:
        newest = newest.join(runs, runs.c.number == conversations.c.run).where(runs.c.id == run)
    number = connection.execute(newest.limit(1)).scalar()
    if number is None:
        where = "this store" if run is None else f"run {run!r} of this store"
        raise ConfigError(f"there is no conversation {id!r} in {where}")
    return int(number)


def place_of(connection: Connection, number: int, message: str) -> int:
    """The place of a message.

    Raises:
        ConfigError: If the conversation hasn't got it.
    """
    for stretch in stretches(connection, number):
        wanted = select(records.c.place).where(stretch.where(), records.c.message == message)
        place = connection.execute(wanted).scalar()
        if place is not None:
            return int(place)
    raise ConfigError(f"the conversation has no message {message!r}")
