"""Everything that happens in a run, as events. Printing, saving, tracing and web pages listen to this one stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from .message import Message, ToolCall, ToolResult
from .usage import Usage

if TYPE_CHECKING:
    from .termination import StopReason


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Args:
        conversation: Id of the conversation it happened in (nested chats have their own).
    """

    conversation: str


@dataclass(frozen=True, slots=True)
class ConversationStarted(Event):
    """A conversation began, or goes on.

    Args:
        participants: Names.
        parent: Id of the run that it is nested in.
        silent: Whether it asked not to be printed.
    """

    participants: tuple[str, ...] = ()
    parent: str | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class ConversationEnded(Event):
    """A conversation came to its end."""

    reason: StopReason | None = None


@dataclass(frozen=True, slots=True)
class TurnStarted(Event):
    """A participant is about to answer."""

    speaker: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True)
class TextDelta(Event):
    """A piece of a model's reply, as it is generated.

    Args:
        speaker: Who is speaking.
        text: The new text.
        kind: "text", "reasoning", or "tool" for a piece of a tool call.
        name: The tool's name, at the first piece of a call.
    """

    speaker: str = ""
    text: str = ""
    kind: str = "text"
    name: str | None = None


@dataclass(frozen=True, slots=True)
class MessageAdded(Event):
    """A message is in the transcript.

    Args:
        message: The message.
        recipient: Whom it is addressed to: the other agent, or the group's manager.
    """

    message: Message = Message("")
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class ToolStarted(Event):
    """A tool is about to run."""

    speaker: str = ""
    call: ToolCall = ToolCall(None, "", "")


@dataclass(frozen=True, slots=True)
class ToolProgress(Event):
    """A running tool reports how far it is."""

    call: ToolCall = ToolCall(None, "", "")
    progress: Any = None


@dataclass(frozen=True, slots=True)
class ToolFinished(Event):
    """A tool has run."""

    speaker: str = ""
    call: ToolCall = ToolCall(None, "", "")
    result: ToolResult = ToolResult(None, "", "")
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class CodeStarted(Event):
    """Code blocks are about to run."""

    speaker: str = ""
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeOutput(Event):
    """Code that runs has printed something."""

    speaker: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class CodeFinished(Event):
    """Code blocks have run."""

    speaker: str = ""
    exit_code: int = 0
    output: str = ""


@dataclass(frozen=True, slots=True)
class SpeakerSelected(Event):
    """It was decided who speaks next.

    Args:
        speaker: The name.
        method: How: "auto", "round_robin", "only one", "fallback", ...
        attempts: Questions that were put to a model or person.
    """

    speaker: str = ""
    method: str = ""
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class SelectionAttempt(Event):
    """A model was asked who speaks next.

    Args:
        attempt: From 1.
        answer: What it answered.
        chosen: The names of members found in the answer.
    """

    attempt: int = 1
    answer: str = ""
    chosen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HumanRequested(Event):
    """A person is asked for something. Any process that knows the id may answer: ``run.answer(id, text)``.

    Args:
        id: The request's id.
        agent: Who asks.
        prompt: What it asks.
    """

    id: str = ""
    agent: str = ""
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalRequested(HumanRequested):
    """A person is asked whether a tool may be run: "yes", or anything else as the reason why not.

    Args:
        call: The call, its arguments as the model wrote them.
    """

    call: ToolCall = ToolCall(None, "", "")


@dataclass(frozen=True, slots=True)
class HumanAnswered(Event):
    """A person answered."""

    id: str = ""
    agent: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class UsageReported(Event):
    """A model request was answered.

    Args:
        agent: Who asked.
        model: The model that answered.
        usage: Tokens, cost and time.
        cached: Whether this program's own cache answered.
    """

    agent: str = ""
    model: str = ""
    usage: Usage = Usage()
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something that a person should know, and that ends nothing.

    Args:
        agent: Whom it concerns.
        text: What.
        kind: "auto_reply", "no_human_input", "repeated_text", "nested", "info" or "warning".
    """

    agent: str = ""
    text: str = ""
    kind: str = "info"


@dataclass(frozen=True, slots=True)
class EventsDropped(Event):
    """A slow listener missed deltas.

    Args:
        count: How many.
    """

    count: int = 0


Listener: TypeAlias = Callable[[Event], None]

PIECES = (TextDelta, CodeOutput)
"""Events that tell a part of what is told whole later: those that a slow listener may miss."""
