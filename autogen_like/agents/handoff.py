"""Handoffs: tools with which an agent says who speaks next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from ..core.conversation import Turn
from ..core.errors import ConfigError
from ..core.message import Message, ToolCall, ToolResult
from ..core.protocols import Tool, fits
from ..tools.toolbox import ToolSource

_LONGEST = 64  # what endpoints take as a tool's name
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


def tool_name(text: str) -> str:
    """A name made into one that endpoints take for a tool: letters, digits, "_" and "-".

    Example:
        >>> tool_name("transfer to the billing team!")
        'transfer_to_the_billing_team'
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_")[:_LONGEST]


class Handoff:
    """A tool that hands the conversation to another member of the group: that one speaks next, and nobody selects.

    It is given to the agent that may hand over: ``AssistantAgent("triage", tools=[Handoff(billing)])``. It takes no
    arguments, since everybody in a group hears everything.

    Args:
        to: Who speaks next: an agent, or a name, which is looked up in the group.
        name: What the model calls it; "transfer_to_<name>" by default.
        description: When to call it, for the model; made of the agent's name and description by default.

    Raises:
        ConfigError: If `to` is neither, or its name can't be made into a tool's.

    Example:
        >>> Handoff("billing").name
        'transfer_to_billing'
    """

    def __init__(self, to: Any, name: str | None = None, description: str | None = None) -> None:
        target = to if isinstance(to, str) else getattr(to, "name", None)
        if not isinstance(target, str) or not target:
            raise ConfigError(f"a Handoff is to an agent or an agent's name, not to {to!r}")
        if name is None and not re.search("[A-Za-z0-9]", target):
            raise ConfigError(
                f"endpoints take no tool name made of {target!r}: give one in Latin letters, Handoff(..., name=...)"
            )
        self.to = to
        self.target = target
        self._name = name or tool_name(f"transfer_to_{target}")
        about = "" if isinstance(to, str) else str(getattr(to, "description", "") or "").strip()
        self._description = description or f"Hands the conversation over to {target}, who speaks next. {about}".strip()
        self._schema = {
            "type": "function",
            "function": {"name": self._name, "description": self._description, "parameters": _NO_PARAMETERS},
        }

    def __repr__(self) -> str:
        return f"Handoff({self.target!r}, name={self._name!r})"

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self._name

    @property
    def description(self) -> str:
        """When to call it."""
        return self._description

    @property
    def schema(self) -> Mapping[str, Any]:
        """The OpenAI tool dict."""
        return self._schema

    def among(self, agents: Iterable[Any]) -> Any:
        """The one of the agents that this hands over to, or None."""
        if isinstance(self.to, str):
            return next((agent for agent in agents if agent.name == self.target), None)
        return next((agent for agent in agents if agent is self.to), None)

    async def call(self, call: ToolCall) -> ToolResult:
        """Says that there is nobody to hand over to: in a group, `Handoffs` answers."""
        return _failed(call, f"there is no group here in which {self.target} could speak next. Answer yourself.")


@runtime_checkable
class Floor(Protocol):
    """A rule for who speaks next under which a conversation can be handed over."""

    def eligible(self, speaker: str) -> Sequence[Any]:
        """To whom a speaker may hand it over."""
        ...


class Handoffs:
    """The tools of the agent that runs the calls of a message, with the handoffs of the one who made them.

    A handoff touches nothing, so whoever runs the other calls of the message answers it too.

    Args:
        tools: The tools of the agent that runs the calls.
        turn: Its turn; the last message makes the calls.
    """

    def __init__(self, tools: ToolSource, turn: Turn) -> None:
        self._tools = tools
        self._turn = turn

    def schemas(self, conversation: str = "") -> Sequence[Mapping[str, Any]]:
        """The tools on offer."""
        return self._tools.schemas(conversation)

    def get(self, name: str, conversation: str = "") -> Tool | None:
        """The tool of a name, or None; a handoff knows where it is called."""
        turn, last = self._turn, self._turn.last
        tool = self._tools.get(name, conversation)
        if last is None:
            return tool
        if last.speaker != turn.speaker.name:
            tool = handoff_of(name, conversation, *_those_at(turn, last)) or tool
        return _Here(tool, turn, last) if isinstance(tool, Handoff) else tool


class _Here:
    """A handoff in the turn in which it is called."""

    def __init__(self, handoff: Handoff, turn: Turn, message: Message) -> None:
        self._handoff, self._turn, self._message = handoff, turn, message
        self.name, self.description, self.schema = handoff.name, handoff.description, handoff.schema

    async def call(self, call: ToolCall) -> ToolResult:
        """Answers. Who speaks next is then for the rule to see: `handed_over`."""
        turn, message, target = self._turn, self._message, self._handoff.target
        floor = turn.conversation.rule
        if not fits(floor, Floor):
            turn.notice(f"{target} can't be handed a chat outside a group: address a GroupChatManager", "warning")
            return await self._handoff.call(call)
        eligible = floor.eligible(message.speaker)
        if self._handoff.among(eligible) is None:
            names = ", ".join(agent.name for agent in eligible) or "nobody"
            return _failed(call, f"{message.speaker} can't hand over to {target}. Who may speak next: {names}.")
        first = _first(message, _those_at(turn, message), eligible, turn.conversation.id)
        if first is not None and (first[0].id, first[0].name) != (call.id, call.name):
            return _failed(call, f"not handed over to {target}: {first[1].name} was named first and speaks next.")
        return ToolResult(call.id, call.name, _done(message.speaker, target))


def handoff_of(name: str, conversation: str, *agents: Any) -> Handoff | None:
    """The handoff of a name among the tools of some agents, asked in order."""
    for agent in agents:
        get = getattr(getattr(agent, "tools", None), "get", None)
        tool = get(name, conversation) if get is not None else None
        if isinstance(tool, Handoff):
            return tool
    return None


def handed_over(
    messages: Sequence[Message], agents: Mapping[str, Any], floor: Floor, conversation: str, end: int | None = None
) -> Any:
    """The agent to whom the results at the end of a conversation hand it over.

    It is read from what was said, which is all that outlives a process: a handoff took place where its result says so.

    Args:
        messages: What was said.
        agents: Those who may have said it, by name.
        floor: The rule.
        conversation: The conversation's id.
        end: Where it ends; behind the last message by default.

    Returns:
        The agent; None where nothing was handed over.
    """
    last = (len(messages) if end is None else end) - 1
    at = last
    while at > 0 and messages[at].tool_results:
        at -= 1
    if at == last or not messages[at].tool_calls:
        return None
    message = messages[at]
    those = (agents.get(message.speaker), agents.get(messages[last].speaker))
    first = _first(message, those, floor.eligible(message.speaker), conversation)
    if first is None:
        return None
    call, target = first
    results = (result for said in messages[at + 1 : last + 1] for result in said.tool_results)
    done = _done(message.speaker, target.name)
    return target if any(result.call_id == call.id and result.content == done for result in results) else None


def _first(
    message: Message, those: Iterable[Any], eligible: Sequence[Any], conversation: str
) -> tuple[ToolCall, Any] | None:
    """The first call of a message that may hand over, and to whom."""
    for call in message.tool_calls:
        handoff = handoff_of(call.name, conversation, *those)
        target = handoff.among(eligible) if handoff is not None else None
        if target is not None:
            return call, target
    return None


def _those_at(turn: Turn, message: Message) -> tuple[Any, Any]:
    """Who made the calls, and who runs them."""
    caller = next((one for one in turn.conversation.participants if one.name == message.speaker), None)
    return caller, turn.speaker


def _done(speaker: str, target: str) -> str:
    return f"{speaker} has handed the conversation over to {target}, who speaks next."


def _failed(call: ToolCall, why: str) -> ToolResult:
    return ToolResult(call.id, call.name, f"Error: {why}", error=True)
