"""Records as JSON, and back: what stands in the database and in exported lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from ..core.errors import ConfigError
from ..core.journal import Answered, Called, Closed, Opened, Record, Replied, Said
from ..core.message import Message, ToolCall, ToolResult
from ..core.snapshot import message_from_json, message_to_json
from ..core.termination import StopReason

SAID, OPENED, REPLIED, CALLED, ANSWERED, CLOSED = "said", "opened", "replied", "called", "answered", "closed"
KINDS = (SAID, OPENED, REPLIED, CALLED, ANSWERED, CLOSED)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A record as it is written.

    Args:
        kind: Which one it is.
        content: What it says, as JSON.
        state: The conversation's state with it, as JSON; None for a kind that has none.
        message: Id of the message, of `Said`.
        key: The place in the run, of `Opened`.
        participants: Their names as JSON, of `Opened`.
        past: What was said before, of `Opened`.
        stop: The kind of the reason, of `Closed`.
    """

    kind: str
    content: str
    state: str | None = None
    message: str | None = None
    key: str = ""
    participants: str = ""
    past: Sequence[Message] = ()
    stop: str = ""


def encoded(record: Record) -> Encoded:
    """A record, ready to be written.

    Raises:
        ConfigError: If something in it is no JSON, or an id is no printable text.
    """
    if isinstance(record, Said):
        return encoded_message(record.message, dumped(record.state))
    if isinstance(record, Opened):
        content = {"key": record.key, "participants": record.participants}
        return Encoded(
            OPENED, dumped(content), dumped(record.state), None, plain(record.key, "key"), dumped(record.participants),
            record.past,
        )  # fmt: skip
    if isinstance(record, Called):
        called: dict[str, Any] = {"message": record.message, "place": record.place, "call": _call(record.call)}
        if record.result is not None:
            called["result"] = _result_to_json(record.result)
        return Encoded(CALLED, dumped(called), dumped(record.state) if record.state is not None else None)
    if isinstance(record, Replied):
        replied = {"agent": record.agent, "request": record.request, "reply": record.reply}
        return Encoded(REPLIED, dumped(replied))
    if isinstance(record, Answered):
        answer = {"id": record.id, "agent": record.agent, "text": record.text, "approval": record.approval}
        return Encoded(ANSWERED, dumped(answer))
    return Encoded(CLOSED, dumped(reason_to_json(record.reason)), dumped(record.state), stop=record.reason.kind)


def encoded_message(message: Message, state: str | None) -> Encoded:
    """A message, ready to be written, with the state that belongs to it."""
    return Encoded(SAID, dumped(message_to_json(message)), state, plain(message.id, "message's id"))


def decoded(kind: str, content: Mapping[str, Any], state: Mapping[str, Any] | None) -> Record:
    """The record that `encoded` wrote.

    Raises:
        ConfigError: If it wasn't written by it.
    """
    try:
        if kind == SAID:
            return Said(message_from_json(content), state or {})
        if kind == OPENED:
            return Opened(content["key"], tuple(content["participants"]), _object(state))
        if kind == CALLED:
            call, result = content["call"], content.get("result")
            told = ToolCall(call["id"], call["name"], call["arguments"])
            done = _result_from_json(result) if result else None
            return Called(content["message"], content["place"], told, done, state)
        if kind == REPLIED:
            return Replied(content["agent"], content["request"], content["reply"])
        if kind == ANSWERED:
            return Answered(content["id"], content["agent"], content["text"], content["approval"])
        if kind == CLOSED:
            return Closed(reason_from_json(content), _object(state))
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"this is no saved record ({type(error).__name__}: {error}): {str(content)[:200]}") from error
    raise ConfigError(f"a record must be one of {', '.join(KINDS)}, not {kind!r}")


def _object(state: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if not isinstance(state, Mapping):
        raise TypeError(f"its state is {state!r}")
    return state


def _result_to_json(result: ToolResult) -> Any:
    return message_to_json(Message("", tool_results=(result,)))["tool_results"][0]  # as it stands in messages


def _result_from_json(raw: Mapping[str, Any]) -> ToolResult:
    return message_from_json({"id": "", "speaker": "", "tool_results": [raw]}).tool_results[0]


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


def reason_to_json(reason: StopReason) -> dict[str, str]:
    """Why a conversation ended, as JSON."""
    return {"kind": reason.kind, "detail": reason.detail, "by": reason.by}


def reason_from_json(raw: Mapping[str, Any]) -> StopReason:
    """The reason that `reason_to_json` wrote."""
    return StopReason(raw["kind"], raw["detail"], raw["by"])


def dumped(value: Any) -> str:
    """A value as JSON text, which any database can hold: not even a NUL or half a character stands in it as it is.

    Raises:
        ConfigError: If it is no JSON.
    """
    try:
        return to_json(value).decode()
    except ValueError:  # half a character, say, which only json writes
        pass
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"what is stored must be JSON ({error}): {str(value)[:200]}") from error


def loaded(text: str) -> Any:
    """The value that `dumped` wrote."""
    try:
        return from_json(text, cache_strings="keys")
    except ValueError:
        return json.loads(text)


def plain(text: str, what: str) -> str:
    """Checks that an id is one that can be looked up in any database.

    Raises:
        ConfigError: If it isn't; says what it is the id of.
    """
    if not text.isprintable():
        raise ConfigError(f"a {what} must be printable text, not {text!r}")
    return text
