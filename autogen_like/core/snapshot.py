"""Conversations and messages as JSON, and back: what a saved state is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import ConfigError
from .events import ApprovalRequested, HumanRequested
from .message import Message, ToolCall, ToolResult, part_from_dict, part_to_dict
from .protocols import Participant, Snapshot, fits

if TYPE_CHECKING:
    from .conversation import Conversation

VERSION = 1


@dataclass(slots=True)
class Pause:
    """Where a conversation stands that waits for a person.

    Attributes:
        requests: What the person is asked; nothing where it was cut off in another process.
        speaker: Whose turn it is; None where the rule says.
        index: The turn's number.
        messages: Messages added since the run started.
    """

    requests: tuple[HumanRequested, ...]
    speaker: Participant | None
    index: int
    messages: int


def message_to_json(message: Message) -> dict[str, Any]:
    """A message as JSON, all of it but what tools returned to programs (`ToolResult.value`).

    Example:
        >>> message_to_json(Message("ada", "Hello", id="1"))
        {'id': '1', 'speaker': 'ada', 'content': 'Hello'}
    """
    content = message.content
    shown = content if content is None or isinstance(content, str) else [part_to_dict(part) for part in content]
    fields = {
        "id": message.id,
        "speaker": message.speaker,
        "content": shown,
        "tool_calls": [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in message.tool_calls],
        "tool_results": [_result_to_json(result) for result in message.tool_results],
        "role": message.role,
        "extra": dict(message.extra) if message.extra else None,
    }
    return {key: value for key, value in fields.items() if value or key in ("id", "speaker", "content")}


def message_from_json(raw: Mapping[str, Any]) -> Message:
    """The message that `message_to_json` wrote.

    Raises:
        ConfigError: If it wasn't written by it.

    Example:
        >>> message_from_json({"id": "1", "speaker": "ada", "content": "Hello"}).text
        'Hello'
    """
    try:
        content = raw.get("content")
        return Message(
            raw["speaker"],
            tuple(part_from_dict(part) for part in content) if isinstance(content, list) else content,
            tuple(ToolCall(call["id"], call["name"], call["arguments"]) for call in raw.get("tool_calls", ())),
            tuple(_result_from_json(result) for result in raw.get("tool_results", ())),
            raw.get("role"),
            raw.get("extra"),
            raw["id"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"this is no saved message ({type(error).__name__}: {error}): {str(raw)[:200]}") from error


def _result_to_json(result: ToolResult) -> dict[str, Any]:
    fields = {
        "call_id": result.call_id,
        "name": result.name,
        "content": result.content,
        "error": result.error,
        "parts": [part_to_dict(part) for part in result.parts],
        "whole": result.whole,
    }
    return {key: value for key, value in fields.items() if value or key in ("call_id", "name", "content")}


def _result_from_json(raw: Mapping[str, Any]) -> ToolResult:
    return ToolResult(
        raw["call_id"],
        raw["name"],
        raw["content"],
        raw.get("error", False),
        parts=tuple(part_from_dict(part) for part in raw.get("parts", ())),
        whole=raw.get("whole"),
    )


def _request_to_json(request: HumanRequested) -> dict[str, Any]:
    fields: dict[str, Any] = {"id": request.id, "agent": request.agent, "prompt": request.prompt}
    if isinstance(request, ApprovalRequested):
        call = request.call
        fields["call"] = {"id": call.id, "name": call.name, "arguments": call.arguments}
    return fields


def _request_from_json(conversation: str, raw: Mapping[str, Any]) -> HumanRequested:
    asked = (conversation, raw["id"], raw["agent"], raw["prompt"])
    call = raw.get("call")
    if call is None:
        return HumanRequested(*asked)
    return ApprovalRequested(*asked, ToolCall(call["id"], call["name"], call["arguments"]))


def snapshot(conversation: Conversation) -> dict[str, Any]:
    """A whole conversation as JSON; see `Conversation.snapshot`."""
    messages = [message_to_json(message) for message in conversation.transcript.messages]
    participants = [participant.name for participant in conversation.participants]
    return {**state_of(conversation), "id": conversation.id, "participants": participants, "messages": messages}


def state_of(conversation: Conversation) -> dict[str, Any]:
    """What a conversation needs to go on, beside its messages, as JSON. Its size doesn't depend on theirs."""
    paused, rule = conversation.paused, conversation.rule
    state: dict[str, Any] = {
        "version": VERSION,
        "auto_replies": dict(conversation.auto_replies),
        "began": conversation.began,
        "rule": rule.snapshot() if fits(rule, Snapshot) else None,
        "paused": None,
    }
    belongings = conversation.belongings.snapshot()
    if belongings:
        state["belongings"] = belongings
    if paused is not None:
        state["paused"] = {
            "requests": [_request_to_json(request) for request in paused.requests],
            "speaker": paused.speaker.name if paused.speaker is not None else None,
            "index": paused.index,
            "messages": paused.messages,
        }
    return state


def restore(conversation: Conversation, state: Mapping[str, Any]) -> None:
    """Gives a conversation what `snapshot` gave; see `Conversation.restore`."""
    if state.get("version") != VERSION:  # before anything else of it is read
        raise ConfigError(f"the saved conversation is of version {state.get('version')!r}; this reads {VERSION}")
    messages = [message_from_json(raw) for raw in state["messages"]]
    take_up(conversation, state["id"], state["participants"], messages, state)


def take_up(
    conversation: Conversation,
    id: str,  # noqa: A002 - the transcript's word for it
    participants: Iterable[str],
    messages: Iterable[Message],
    state: Mapping[str, Any],
) -> None:
    """Lets a conversation go on with what was said and the state it was in.

    Args:
        conversation: One with the same participants, in which nothing has been said.
        id: The saved one's id.
        participants: Those of the saved one.
        messages: What was said.
        state: What `state_of` gave.

    Raises:
        ConfigError: If the state is of another version, or names a participant that isn't here.
    """
    if state.get("version") != VERSION:
        raise ConfigError(f"the saved conversation is of version {state.get('version')!r}; this reads {VERSION}")
    here = {participant.name: participant for participant in conversation.participants}
    missing = [name for name in participants if name not in here]
    if missing:
        raise ConfigError(f"the saved conversation has participants that this one hasn't: {', '.join(missing)}")
    conversation.transcript.become(messages, id)  # a group has the same one
    conversation.auto_replies = dict(state["auto_replies"])
    conversation.began = state["began"]
    conversation.belongings.restore(state.get("belongings", {}))
    if state["rule"] is not None and fits(conversation.rule, Snapshot):
        conversation.rule.restore(state["rule"])
    paused = state["paused"]
    conversation.paused = None
    if paused is not None:
        requests = tuple(_request_from_json(id, raw) for raw in paused["requests"])
        conversation.paused = Pause(requests, here.get(paused["speaker"]), paused["index"], paused["messages"])
    elif len(conversation.transcript) > conversation.began:
        said = len(conversation.transcript) - conversation.began
        conversation.paused = Pause((), None, said - 1, said)
