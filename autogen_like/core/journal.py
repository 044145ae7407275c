"""The write barrier: what the loop awaits before it emits or acts, and what is written there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

from .message import Message, ToolCall, ToolResult
from .termination import StopReason


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation begins, or goes on in another run.

    Args:
        key: Its place in the run: the same whenever the same program runs again. Empty for the outermost one.
        participants: Their names.
        state: What it needs to go on beside its messages, as JSON: the rule's state, counters, usage.
        past: What was said in it before. A conversation that goes on in a second run keeps its id, and the first run
            may have had no journal.
    """

    key: str
    participants: tuple[str, ...]
    state: Mapping[str, Any]
    past: Sequence[Message] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """A message is about to be added.

    Args:
        message: The message.
        state: The conversation's state with it, as in `Opened`.
    """

    message: Message
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Called:
    """A tool call is about to run, or has run.

    Args:
        message: Id of the message that made the call.
        place: Its place among the calls of that message, from 0.
        call: The call.
        result: What came of it; None before it runs.
        state: The conversation's state with the result, as in `Opened`, since a chat inside the tool may have spent
            something; None before it runs.
    """

    message: str
    place: int
    call: ToolCall
    result: ToolResult | None = None
    state: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Replied:
    """A model has answered; what it said is acted on next.

    Args:
        agent: On whose behalf it was asked.
        request: What tells this request from another, as JSON: digests of the system message and of each tool.
        reply: The answer, as JSON.
    """

    agent: str
    request: Mapping[str, Any]
    reply: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """A person has answered.

    Args:
        id: The request's id.
        agent: Who asked.
        text: What the person said.
        approval: Whether it was about a tool call, and not a part of the conversation.
    """

    id: str
    agent: str
    text: str
    approval: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """A conversation ends, or pauses.

    Args:
        reason: Why.
        state: Its state, as in `Opened`; also whom it waits for.
    """

    reason: StopReason
    state: Mapping[str, Any]


Record: TypeAlias = Opened | Said | Replied | Called | Answered | Closed


@runtime_checkable
class Journal(Protocol):
    """Where a run is written before it is acted on. Runs have none by default, which costs nothing.

    The loop awaits `append` before any listener, tool or agent acts on the record: an implementation returns when
    the record is durable.
    """

    async def append(self, conversation: str, record: Record) -> Any:
        """Writes one record; what it returns is ignored.

        Args:
            conversation: The conversation's id.
            record: What is about to happen.
        """
        ...


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a journal knows of a conversation that was under way when its process ended.

    Args:
        id: The conversation's id.
        participants: Names of those who took part.
        messages: All that was said.
        state: Its last state.
        calls: Tool calls by message id and place: with the result, or None where it isn't known whether they ran.
        answers: What people said, by the request's id.
        human_input: What they said as a part of the conversation, in order.
        closed: Why it ended; None where it didn't.
        summed_up: What a model replied, as JSON, after it had ended and nothing more was said: its summary.
    """

    id: str
    participants: Sequence[str]
    messages: Sequence[Message]
    state: Mapping[str, Any]
    calls: Mapping[tuple[str, int], ToolResult | None] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    human_input: Sequence[str] = ()
    closed: StopReason | None = None
    summed_up: Mapping[str, Any] | None = None


@runtime_checkable
class RunJournal(Journal, Protocol):
    """The journal of one run, which may have begun in another process."""

    async def recover(self, key: str) -> Recovered | None:
        """What is known of the conversation at a place of the run; None where it hadn't begun.

        Args:
            key: The place, as in `Opened`.
        """
        ...

    async def release(self, reason: StopReason | None = None) -> None:
        """Called when the run is over, or has ended here: another process may go on with it.

        Args:
            reason: Why it is over, where that is no conversation's end: a queue of chats has none of its own.
        """
        ...


@runtime_checkable
class ReplayJournal(Journal, Protocol):
    """A journal that knows how it went: it answers for models, people and tools, and none of them is asked."""

    def reply(self, conversation: str, agent: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the model said at this point, as in `Replied`.

        Args:
            conversation: The conversation's id.
            agent: On whose behalf it would be asked.
            request: What tells this request from another.

        Raises:
            ReplayDiffers: If it was asked something else then, or nothing.
        """
        ...

    def answer(self, conversation: str, agent: str) -> str:
        """What the person said when this agent asked at this point.

        Args:
            conversation: The conversation's id.
            agent: Who asks.

        Raises:
            ReplayDiffers: If nobody was asked then.
        """
        ...

    def result(self, conversation: str, message: str, place: int) -> ToolResult | None:
        """What came of a tool call; None where the tool is to be run.

        Args:
            conversation: The conversation's id.
            message: Id of the message that makes the call.
            place: Its place among the calls of that message.
        """
        ...


@runtime_checkable
class JournalStore(Protocol):
    """Where runs are kept."""

    async def begin(self, run_id: str) -> RunJournal:
        """A journal for a new run.

        Args:
            run_id: The run's id.
        """
        ...

    async def resume(self, run_id: str) -> RunJournal:
        """The journal of a run that ended before its time, for this process alone.

        Args:
            run_id: The run's id.

        Raises:
            ConfigError: If there is no such run, or another process holds it.
        """
        ...
