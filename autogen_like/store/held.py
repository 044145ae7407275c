"""Runs that this process may write to, and the leases that say so.

A lease is a row of the run: an owner's name that is used once, and when it ends by the database's clock. Whoever writes
names itself in the same transaction; so a process that was stopped, and comes back after another has taken its run,
writes nothing. One that comes back before anybody has taken it goes on.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from . import _sqlalchemy  # noqa: F401  isort: skip
from sqlalchemy import Connection, Float, String, Text, bindparam, exists, func, insert, null, or_, select, update

from ..core.errors import ConfigError
from ..core.message import new_id
from .codec import dumped, plain
from .errors import Leased
from .prepared import Prepared
from .schema import conversations, now, openings, records, runs


@dataclass(slots=True)
class Known:
    """A conversation of a held run.

    Attributes:
        number: Its number in the database.
        messages: How many there are, those it shares included.
        key: The place of the run where it is open now.
    """

    number: int
    messages: int
    key: str | None = None


@dataclass(slots=True)
class Held:
    """A run that this process may write to. Only the writing thread changes it.

    Attributes:
        run: The run's number in the database.
        id: The run's id.
        owner: The name under which it is held.
        records: The number of its next record.
        known: Its conversations, by id.
        keys: The places at which any was opened.
    """

    run: int
    id: str
    owner: str
    records: int = 0
    known: dict[str, Known] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)


def new_owner() -> str:
    """A name to hold runs under, used once: host, process and something random."""
    return f"{socket.gethostname()}:{os.getpid()}:{new_id()}"


_NEW = select(
    bindparam("new_id", type_=String), bindparam("of", type_=Text), bindparam("about", type_=Text), now(), now(),
    bindparam("by", type_=String), now() + bindparam("lease", type_=Float(53)),
).where(~exists().where(runs.c.id == bindparam("new_id", type_=String)))  # fmt: skip
_BEGIN = Prepared(
    insert(runs)
    .from_select(["id", "title", "metadata", "started", "updated", "owner", "expires"], _NEW)
    .returning(runs.c.number)
)


def begin(connection: Connection, id: str, owner: str, lease: float, title: str, metadata: str) -> Held:  # noqa: A002
    """Makes a new run and holds it.

    Raises:
        ConfigError: If there is one with this id.
    """
    values = {"new_id": plain(id, "run's id"), "of": title, "about": metadata, "by": owner, "lease": lease}
    made = _BEGIN(connection, [values])
    if made:
        return Held(made[0][0], id, owner)
    found = _find(connection, id)
    if found.owner != owner:  # else it was written, and only the answer was lost
        raise ConfigError(f"there is a run {id!r} in this store: go on with it by resume, or take another id")
    return Held(found.number, id, owner)


def resume(connection: Connection, id: str, owner: str, lease: float) -> Held:  # noqa: A002
    """Holds a run that nobody else holds.

    Raises:
        ConfigError: If there is no such run.
        Leased: If another process holds it.
    """
    number = take(connection, id, owner, lease)
    last = connection.execute(select(func.max(records.c.number)).where(records.c.run == number)).scalar()
    held = Held(number, id, owner, 0 if last is None else max(last + 1, 0))
    found = connection.execute(
        select(
            conversations.c.id, conversations.c.number, conversations.c.shared,
            select(func.max(records.c.place)).where(records.c.conversation == conversations.c.number).scalar_subquery(),
        ).where(conversations.c.run == number)
    )  # fmt: skip
    by_number = {}
    for conversation, its_number, shared, place in found:
        known = held.known[conversation] = Known(its_number, shared if place is None else max(shared, place + 1))
        by_number[its_number] = known
    opened = select(openings.c.conversation, openings.c.key, openings.c.until).where(openings.c.run == number)
    for its_number, key, until in connection.execute(opened):
        held.keys.add(key)
        if until is None:
            by_number[its_number].key = key
    return held


def take(connection: Connection, id: str, owner: str | None, lease: float) -> int:  # noqa: A002
    """Takes a lease that nobody has, in one step.

    Args:
        connection: In a transaction that may write.
        id: The run's id.
        owner: Who takes it; None to take it from whoever let it run out, for this transaction alone.
        lease: For how many seconds.

    Returns:
        The run's number.
    """
    free = or_(runs.c.owner.is_(None), runs.c.owner == owner, runs.c.expires <= now())
    taken = connection.execute(
        update(runs)
        .where(runs.c.id == id, free)
        .values(owner=owner, expires=now() + lease, updated=now())
        .returning(runs.c.number)
    ).scalar()
    if taken is not None:
        return int(taken)
    found = _find(connection, id)
    if found is None:
        raise no_run(id)
    if found.owner is None:  # given back at this moment
        return take(connection, id, owner, lease)
    host, process, _ = found.owner.rsplit(":", 2)
    raise Leased(id, f"process {process} on {host}", datetime.fromtimestamp(found.expires, UTC).replace(tzinfo=None))


def no_run(id: str) -> ConfigError:  # noqa: A002
    """The error for a run that isn't there."""
    return ConfigError(f"there is no run {id!r} in this store")


def _find(connection: Connection, id: str) -> Any:  # noqa: A002
    return connection.execute(select(runs.c.number, runs.c.owner, runs.c.expires).where(runs.c.id == id)).first()


_RENEW = (
    update(runs)
    .where(runs.c.owner.in_(bindparam("owners", expanding=True)))
    .values(expires=now() + bindparam("lease"))
)  # fmt: skip


def renew(connection: Connection, held: list[Held], lease: float) -> None:
    """Makes leases last longer. One that was lost stays lost."""
    connection.execute(_RENEW, {"owners": [one.owner for one in held], "lease": lease})


_RELEASE = (
    update(runs)
    .where(runs.c.owner.in_(bindparam("owners", expanding=True)))
    .values(owner=None, expires=now())
)  # fmt: skip


def release_all(connection: Connection, held: list[Held]) -> None:
    """Gives runs back; none of them has ended."""
    connection.execute(_RELEASE, {"owners": [one.owner for one in held]})


_RELEASE_ONE = Prepared(
    update(runs)
    .where(runs.c.number == bindparam("of"), runs.c.owner == bindparam("by"))
    .values(owner=null(), expires=now())
)  # fmt: skip


def release(connection: Connection, held: Held, reason: Mapping[str, str] | None) -> None:
    """Gives a run back.

    Args:
        connection: In a transaction that may write.
        held: The run.
        reason: Why it ended, where that isn't what its outermost conversation said.
    """
    if reason is None:
        _RELEASE_ONE(connection, [{"of": held.run, "by": held.owner}])
        return
    ended = {"owner": None, "expires": now(), "stop": reason["kind"], "reason": dumped(reason)}
    connection.execute(update(runs).where(runs.c.number == held.run, runs.c.owner == held.owner).values(ended))
