"""What rooms know of each other. Anything that fits a protocol here can be plugged in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from .conversation import Turn
    from .message import Message, ToolCall, ToolResult
    from .termination import StopReason

Reply: TypeAlias = "Message | StopReason | None"
P = TypeVar("P")


_members: dict[type, tuple[str, ...]] = {}


def fits(value: object, protocol: type[P]) -> TypeIs[P]:
    """Whether a value has all the methods and properties that a protocol asks for.

    That is what ``isinstance`` says, too; but up to Python 3.11 it collects the protocol's members at each call.

    Args:
        value: Anything.
        protocol: A protocol of methods and properties.

    Example:
        >>> fits("text", Tool)
        False
    """
    members = _members.get(protocol)
    if members is None:
        members = _members[protocol] = tuple(name for name in dir(protocol) if not name.startswith("_"))
    return all(hasattr(value, name) for name in members)


@runtime_checkable
class Participant(Protocol):
    """Whoever can take a turn in a conversation."""

    @property
    def name(self) -> str:
        """Unique within a conversation."""
        ...

    async def reply(self, turn: Turn) -> Reply:
        """Answers: a message, a reason to stop, or None when there is nothing to say (which ends the conversation)."""
        ...


@runtime_checkable
class Tool(Protocol):
    """A function that a model may call."""

    @property
    def name(self) -> str:
        """Unique within a toolbox; what the model calls it."""
        ...

    @property
    def description(self) -> str:
        """What it does, for the model."""
        ...

    @property
    def schema(self) -> Mapping[str, Any]:
        """The whole OpenAI tool dict: ``{"type": "function", "function": {...}}``."""
        ...

    async def call(self, call: ToolCall) -> ToolResult:
        """Runs it. Never raises for what a model can mend: the result then has ``error=True``."""
        ...


@runtime_checkable
class Snapshot(Protocol):
    """Whatever has state that must outlive the process."""

    def snapshot(self) -> dict[str, Any]:
        """The state as JSON, with a ``version``."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state that `snapshot` gave."""
        ...


@dataclass(frozen=True, slots=True)
class PrefixHint:
    """Tells a model client whose prompt this is, so that it can keep the computed prefix of that prompt.

    Args:
        conversation: The conversation's id.
        agent: The agent's name.
        life: Gives what is there until the conversation is dropped, or the agent forgets it; then None. Watch what it
            gives with `weakref.finalize` to be told.
    """

    conversation: str
    agent: str
    life: Callable[[], object | None] | None = field(default=None, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return PrefixHint, (self.conversation, self.agent)  # the conversation lives here, not where a copy goes
