"""Replays: a run once more, with models, people and tools answering as they did when it was recorded.

Nothing is asked over the network. What the program itself does (prompts, tools on offer, who speaks next, how messages
are edited) is done anew and held against the record; the first thing that differs ends the replay with an error that
says where.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from ..core.errors import ReplayDiffers
from ..core.journal import Answered, Called, Closed, Opened, Record, Recovered, Replied, Said
from ..core.message import Message, ToolResult

_SHOWN = 300


class _Script:
    """How one conversation went."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.participants: tuple[str, ...] = ()
        self.messages: list[Message] = []
        self.results: dict[tuple[str, int], ToolResult] = {}
        self.replies: deque[tuple[int, Replied]] = deque()  # each with the number of messages before it
        self.answers: dict[str, deque[str]] = {}
        self.closed: Closed | None = None

    def take(self, record: Record) -> None:
        if isinstance(record, Opened):
            self.participants, self.closed = record.participants, None
            said = len(self.messages)  # what was begun and not said when the process ended was done once more
            self.replies = deque(reply for reply in self.replies if reply[0] < said)
        elif isinstance(record, Said):
            self.messages.append(record.message)
        elif isinstance(record, Replied):
            self.replies.append((len(self.messages), record))
        elif isinstance(record, Called) and record.result is not None:
            self.results[record.message, record.place] = record.result
        elif isinstance(record, Answered):
            self.answers.setdefault(record.agent, deque()).append(record.text)
        elif isinstance(record, Closed):
            self.closed = record


class Recording:
    """How a run went. As a ``store``, it lets the same program run again and holds it against that.

    Args:
        records: The run's records in order, each with its conversation's id.
        run_tools: Whether tools are run again, and what they return compared; otherwise they give what they gave then.

    Example:
        >>> from autogen_like import AssistantAgent, ScriptedModel
        >>> records = []
        >>> class Kept:
        ...     async def append(self, conversation, record): records.append((conversation, record))
        ...     async def recover(self, key): return None
        ...     async def release(self, reason=None): pass
        >>> class Records:
        ...     async def begin(self, run_id): return Kept()
        ...     async def resume(self, run_id): return Kept()
        >>> async def main() -> str:
        ...     ada = AssistantAgent("ada", llm_config=ScriptedModel(["Four."]))
        ...     await ada.run(message="2 + 2?", store=Records())
        ...     mute = AssistantAgent("ada", llm_config=ScriptedModel([]))
        ...     return (await mute.run(message="2 + 2?", store=Recording(records))).summary
        >>> import asyncio; asyncio.run(main())
        'Four.'
    """

    def __init__(self, records: Iterable[tuple[str, Record]], *, run_tools: bool = False) -> None:
        self._records = list(records)
        self.run_tools = run_tools

    async def begin(self, run_id: str) -> Replay:
        """A replay of the run, from its beginning."""
        return Replay(self._records, run_tools=self.run_tools)

    async def resume(self, run_id: str) -> Replay:
        """The same: a replay always goes from the beginning."""
        return await self.begin(run_id)


class Replay:
    """The journal of a run that is a replay.

    Args:
        records: The recorded run's records in order, each with its conversation's id.
        run_tools: Whether tools are run again.
    """

    def __init__(self, records: Iterable[tuple[str, Record]], *, run_tools: bool = False) -> None:
        self._run_tools = run_tools
        self._scripts = _scripts(records)
        self._playing: dict[str, tuple[str, _Script, list[int]]] = {}  # by the id that a conversation has now
        self._then: dict[str, str] = {}  # ids of messages: now -> then
        self._first: ReplayDiffers | None = None

    async def recover(self, key: str) -> Recovered | None:
        """Nothing: a replay begins at the beginning."""
        return None

    async def release(self, reason: object = None) -> None:
        """Nothing is held."""

    async def append(self, conversation: str, record: Record) -> None:
        """Holds a record against the recorded run.

        Raises:
            ReplayDiffers: If it went another way then.
        """
        self._go_on()
        if isinstance(record, Opened):
            self._opened(conversation, record)
        elif isinstance(record, Said):
            self._said(conversation, record.message)
        elif isinstance(record, Closed):
            self._closed(conversation, record)

    def reply(self, conversation: str, agent: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the model said; see `ReplayJournal`."""
        self._go_on()
        _, script, at = self._playing[conversation]
        if not script.replies or script.replies[0][0] != at[0] or script.replies[0][1].agent != agent:
            then = script.replies[0][1].agent if script.replies and script.replies[0][0] == at[0] else "nobody"
            self._differs(conversation, f"then the model of {then} was asked, now that of {agent}")
        replied = script.replies.popleft()[1]
        found = differences(replied.request, request)
        if found:
            self._differs(conversation, f"the model of {agent} is asked otherwise: {'; '.join(found)}")
        return replied.reply

    def answer(self, conversation: str, agent: str) -> str:
        """What a person said; see `ReplayJournal`."""
        self._go_on()
        answers = self._playing[conversation][1].answers.get(agent)
        if not answers:
            self._differs(conversation, f"{agent} asks a person, which it didn't then")
            raise AssertionError  # for the type checker: the line above raises
        return answers.popleft()

    def result(self, conversation: str, message: str, place: int) -> ToolResult | None:
        """What came of a tool call; see `ReplayJournal`."""
        if self._run_tools:
            return None
        return self._playing[conversation][1].results.get((self._then[message], place))

    # --- what happens now, beside what happened then

    def _opened(self, conversation: str, record: Opened) -> None:
        script = self._scripts.get(record.key)
        where = _named(record.key, record.participants)
        if script is None:
            self._fail(ReplayDiffers(where, "then there was no such conversation"))
            return
        self._playing[conversation] = (where, script, [len(record.past)])
        if script.participants != record.participants:
            self._differs(conversation, _both("participants", script.participants, record.participants))
        for then, now in zip(script.messages, record.past, strict=False):
            self._then[now.id] = then.id

    def _said(self, conversation: str, message: Message) -> None:
        _, script, at = self._playing[conversation]
        if at[0] >= len(script.messages):
            self._differs(conversation, f"then it was over, now {message.speaker} says {_short(_shown(message))}")
        then = script.messages[at[0]]
        for what, before, now in (
            ("who speaks", then.speaker, message.speaker),
            ("what is called", _calls(then), _calls(message)),
            ("what tools gave", _results(then), _results(message)),
            ("what is said", then.content, message.content),
        ):
            if before != now:
                self._differs(conversation, _both(what, before, now))
        self._then[message.id] = then.id
        at[0] += 1

    def _closed(self, conversation: str, record: Closed) -> None:
        _, script, at = self._playing[conversation]
        if at[0] < len(script.messages):
            then = script.messages[at[0]]
            said = f"then {then.speaker} said {_short(_shown(then))}, now it is over ({record.reason})"
            self._differs(conversation, said)
        if script.closed is not None and script.closed.reason.kind != record.reason.kind:
            self._differs(conversation, _both("why it ended", script.closed.reason.kind, record.reason.kind))

    def _differs(self, conversation: str, what: str) -> None:
        where, _, at = self._playing[conversation]
        self._fail(ReplayDiffers(f"{where}, message {at[0]}", what))

    def _fail(self, error: ReplayDiffers) -> None:
        self._first = self._first or error
        raise self._first

    def _go_on(self) -> None:
        if self._first is not None:  # somebody has caught it: a tool, say
            raise self._first


def _scripts(records: Iterable[tuple[str, Record]]) -> dict[str, _Script]:
    by_id: dict[str, _Script] = {}
    by_key: dict[str, _Script] = {}
    for conversation, record in records:
        script = by_id.setdefault(conversation, _Script())
        if isinstance(record, Opened):
            by_key[record.key] = script
        script.take(record)
    return by_key


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """In words, what differs between two requests, as `Replied` describes them.

    Args:
        before: The one.
        now: The other.

    Example:
        >>> before, now = ({"system": "a", "tools": {"look": tool}} for tool in ("1", "2"))
        >>> differences(before, now)
        ["the tool 'look' is described otherwise"]
    """
    found = []
    for part, said in (
        ("system", "the system message differs"),
        ("tool_choice", "tool_choice differs"),
        ("constraint", "the form asked for differs"),
    ):
        if before.get(part) != now.get(part):
            found.append(said)
    for kind, one in (("tools", "the tool"), ("params", "the setting")):
        old, new = before.get(kind) or {}, now.get(kind) or {}
        found += [f"{one} {name!r} is new" for name in new if name not in old]
        found += [f"{one} {name!r} is gone" for name in old if name not in new]
        otherwise = "is described otherwise" if kind == "tools" else "differs"
        found += [f"{one} {name!r} {otherwise}" for name in new if name in old and old[name] != new[name]]
    return found


def _named(key: str, participants: Iterable[str]) -> str:
    who = " and ".join(participants)
    return f"the chat of {who}" if not key else f"the chat of {who} at {key}"


def _calls(message: Message) -> list[tuple[str, str]]:
    return [(call.name, call.arguments) for call in message.tool_calls]


def _results(message: Message) -> list[tuple[str, str]]:
    return [(result.name, result.content) for result in message.tool_results]


def _shown(message: Message) -> str:
    return message.text or str(_calls(message) or _results(message))


def _both(what: str, then: object, now: object) -> str:
    return f"{what} differs: then {_short(str(then))}, now {_short(str(now))}"


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
