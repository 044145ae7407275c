"""A run as people read it: who said what and when, for how much, and what went on inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from ..core.errors import ConfigError
from ..core.journal import Answered, Called, Closed, Opened, Said
from ..core.message import Message, ToolCall
from ..core.usage import Tally, UsageLedger
from .codec import decoded, loaded
from .listing import RunInfo
from .store import Store

DEEPEST = 30  # how deep chats are shown inside others; what is deeper stands at the end


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message, as it stands in a conversation.

    Args:
        number: Which one it is, from 1: what `Store.fork` takes.
        message: The message.
        at: When it was written down.
        seconds: Time since what came before it; None for the first.
        tokens: What was used meanwhile, by chats inside too.
        cost: Dollars for it.
        took: Seconds that each of its tool results took, where that is known.
    """

    number: int
    message: Message
    at: datetime
    seconds: float | None
    tokens: int
    cost: float
    took: Mapping[str | None, float]


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that happened to a conversation, and is no message of it.

    Args:
        kind: What happened.
        at: When; None where nobody wrote it down.
        text: The rest of it, in words.
    """

    kind: Literal["forked", "resumed", "answered", "unfinished", "ended", "paused"]
    at: datetime | None
    text: str


@dataclass(slots=True)
class Talk:
    """A conversation, from where it was opened.

    Args:
        id: Its id.
        number: Which one of the run it is, from 1.
        participants: Who takes part.
        depth: How many others it is inside of.
        steps: What happened in it, in order; chats that were held meanwhile are where they began.
    """

    id: str
    number: int
    participants: Sequence[str] = ()
    depth: int = 0
    steps: list[Step] = field(default_factory=list)


Step: TypeAlias = Spoken | Noted | Talk


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a paused run waits for.

    Args:
        id: The request's id: what `Store.answer` takes.
        agent: Who asks.
        prompt: What the person is asked.
    """

    id: str
    agent: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What an agent used of a model.

    Args:
        agent: Its name.
        model: The model's.
        tally: How much.
    """

    agent: str
    model: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run.

    Args:
        info: The run as it stands.
        talks: Its outermost conversations.
        spent: What it used, by agent and model.
        total: The sum, what no agent asked for included.
        waiting: What it waits for, where it is paused.
    """

    info: RunInfo
    talks: Sequence[Talk]
    spent: Sequence[Spent]
    total: Tally
    waiting: Sequence[Waiting]


async def report(store: Store, run_id: str) -> Report:
    """Reads a run.

    Args:
        store: Where it is.
        run_id: Its id.

    Raises:
        ConfigError: If there is no such run, or what is there was written by something else.
    """
    reading = _Reading(await store.run(run_id))
    lines = store.export_lines(run_id)
    await anext(lines)  # the header, which says less than the run's info
    try:
        async for line in lines:
            raw = loaded(line)
            record = decoded(raw["kind"], raw["content"], raw.get("state"))
            reading.take(raw["conversation"], datetime.fromtimestamp(raw["at"], UTC), record)
        return reading.done()
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ConfigError(
            f"run {run_id!r} wasn't written by a store of ours ({type(error).__name__}: {error})"
        ) from error


class _Reading:
    """Puts records, in order, where people look for them."""

    def __init__(self, info: RunInfo) -> None:
        self._info = info
        self._roots: list[Talk] = []
        self._count = 0
        self._current: dict[str, _Under] = {}  # conversations, as they were opened last
        self._by_key: dict[str, Talk] = {}
        self._used: dict[str, Mapping[str, Any]] = {}  # by key: what the run there has used

    def take(self, conversation: str, at: datetime, record: object) -> None:
        """One record."""
        if isinstance(record, Opened):
            self._opened(conversation, at, record)
            return
        under = self._current.get(conversation)
        if under is None:  # said before it was opened here: in the run that it was forked from, say
            under = self._current[conversation] = _Under(self._new(conversation))
        if isinstance(record, Said):
            under.said(at, record)
        elif isinstance(record, Called):
            under.called(at, record)
        elif isinstance(record, Answered):
            under.answered(at, record)
        elif isinstance(record, Closed):
            under.closed(at, record)
        self._spend(under, getattr(record, "state", None))

    def _new(self, conversation: str) -> Talk:
        self._count += 1
        return Talk(conversation, self._count)

    def _opened(self, conversation: str, at: datetime, record: Opened) -> None:
        under = self._current.get(conversation)
        if under is None or under.key not in (None, record.key):  # new, or it goes on at another place
            said = under.messages if under is not None else 0
            under = self._current[conversation] = _Under(self._new(conversation), said)
        if under.key is None:
            under.key = record.key
            self._place(under.talk, record)
            if under.talk.steps:
                under.talk.steps.append(Noted("forked", at, self._origin()))
        else:
            under.talk.steps.append(Noted("resumed", at, ""))
        under.opened(at)
        self._spend(under, record.state)

    def _origin(self) -> str:
        origin = self._info.forked_from
        return f"from run {origin['run']}" if origin is not None else "from an earlier run"

    def _place(self, talk: Talk, record: Opened) -> None:
        talk.participants = record.participants
        around, key = None, record.key
        for _ in range(4 * DEEPEST):
            if around is not None or "/" not in key:
                break
            key = key.rpartition("/")[0]
            around = self._by_key.get(key)
        self._by_key[record.key] = talk
        if around is None or around.depth >= DEEPEST:
            self._roots.append(talk)
        else:
            talk.depth = around.depth + 1
            around.steps.append(talk)

    def _spend(self, under: _Under, state: Mapping[str, Any] | None) -> None:
        run = state.get("run") if state else None
        if run and under.key is not None:
            self._used[under.key] = run

    def done(self) -> Report:
        """All of it."""
        for under in self._current.values():
            under.finish()
            if under.key is None:
                self._roots.append(under.talk)
        spent, total = _spent(self._used)
        waiting = [request for under in self._current.values() for request in under.waiting]
        return Report(self._info, self._roots, spent, total, waiting)


class _Under:
    """A conversation that is being read."""

    def __init__(self, talk: Talk, messages: int = 0) -> None:
        self.talk, self.messages = talk, messages
        self.key: str | None = None
        self.waiting: list[Waiting] = []
        self._last: datetime | None = None
        self._used = Tally()
        self._running: dict[tuple[str, int], tuple[datetime, ToolCall]] = {}
        self._took: dict[str | None, float] = {}
        self._unsaid: list[Noted] = []

    def opened(self, at: datetime) -> None:
        """It begins, or goes on."""
        self._last, self.waiting = at, []

    def said(self, at: datetime, record: Said) -> None:
        """A message."""
        message = record.message
        used = _total(record.state)
        tokens, cost = 0, 0.0
        if used is not None:
            tokens = max(used.total_tokens - self._used.total_tokens, 0)
            cost = max(used.cost - self._used.cost, 0.0)
            self._used = used
        seconds = (at - self._last).total_seconds() if self._last is not None and self.messages else None
        answers = {result.call_id for result in message.tool_results}
        took = {call: self._took[call] for call in answers if call in self._took}
        self._running = {place: run for place, run in self._running.items() if run[1].id not in answers}
        self._took = {call: took for call, took in self._took.items() if call not in answers}
        self.messages += 1
        self.talk.steps.append(Spoken(self.messages, message, at, seconds, tokens, cost, took))
        self._last, self._unsaid = at, []

    def called(self, at: datetime, record: Called) -> None:
        """A tool begins, or has finished."""
        place = record.message, record.place
        if record.result is None:
            self._running[place] = at, record.call
        elif place in self._running:
            began, call = self._running.pop(place)
            self._took[call.id] = (at - began).total_seconds()

    def answered(self, at: datetime, record: Answered) -> None:
        """A person answers; what is no approval is said next, unless nobody has gone on yet."""
        note = Noted("answered", at, f"{record.agent}: {record.text}")
        self.waiting = [request for request in self.waiting if request.id != record.id]
        if record.approval:
            self.talk.steps.append(note)
        else:
            self._unsaid.append(note)

    def closed(self, at: datetime, record: Closed) -> None:
        """It ends, or pauses."""
        reason = record.reason
        by = f" (by {reason.by})" if reason.by and reason.by not in reason.detail else ""
        if reason.kind == "paused":
            self.talk.steps.append(Noted("paused", at, f"{reason.detail}{by}"))
        else:
            self.talk.steps.append(Noted("ended", at, f"{reason}{by}"))
        asked = (record.state.get("paused") or {}).get("requests", ()) if reason.kind == "paused" else ()
        self.waiting = [Waiting(str(one["id"]), str(one["agent"]), str(one["prompt"])) for one in asked]

    def finish(self) -> None:
        """Nothing more is known."""
        for at, call in self._running.values():
            text = f"{call.name} was called, and no result was written down: whether it ran isn't known"
            self.talk.steps.append(Noted("unfinished", at, text))
        self.talk.steps += self._unsaid


def _total(state: Mapping[str, Any] | None) -> Tally | None:
    run = state.get("run") if state else None
    return UsageLedger.restored(run["usage"]).total if run else None


def _spent(used: Mapping[str, Mapping[str, Any]]) -> tuple[list[Spent], Tally]:
    """What the outermost of these runs have used: they count what those inside have."""
    outermost = min((key.count("/") for key in used), default=0)
    agents: dict[tuple[str, str], Tally] = {}
    total = Tally()
    for key, run in used.items():
        if key.count("/") > outermost:
            continue
        total.merge(UsageLedger.restored(run["usage"]).total)
        for agent, state in run["usage_by_agent"].items():
            for model, tally in UsageLedger.restored(state).total_by_model.items():
                agents.setdefault((agent, model), Tally()).merge(tally)
    return [Spent(agent, model, tally) for (agent, model), tally in agents.items()], total
