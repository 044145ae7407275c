"""From a `ModelRequest` to the JSON that a chat-completions endpoint takes.

A conversation is sent whole with every request, so each message is encoded once and the pieces are joined: a message
of a transcript keeps its encoding (`ChatMessage.encoded`), any other dict is encoded each time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from ..core.errors import ConfigError
from ..core.message import ChatMessage

Adapter: TypeAlias = Callable[[Sequence[Mapping[str, Any]]], Iterable[Mapping[str, Any]]]
"""Rewrites a conversation for a model that can't take all that OpenAI's can. Messages it leaves as they are should be
passed on as the same objects: they are then not encoded again."""

_KEYS = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio"})
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NOT_NAME = re.compile(r"[^a-zA-Z0-9_-]+")


def request_body(
    messages: Sequence[Mapping[str, Any]], system: str | None, rest: Mapping[str, Any], adapter: Adapter | None = None
) -> bytes:
    """The whole body of a request.

    Args:
        messages: The conversation; only read, and not kept.
        system: The system message, which goes first.
        rest: All other keys of the body.
        adapter: Rewrites the conversation, the system message included, before it is encoded.

    Raises:
        ConfigError: If something in it is not JSON.
    """
    return b'{"messages":' + messages_json(messages, system, adapter) + b"," + to_json(rest)[1:]


def messages_json(messages: Sequence[Mapping[str, Any]], system: str | None, adapter: Adapter | None = None) -> bytes:
    """The conversation as a JSON list; see `request_body`."""
    if adapter is not None:
        head: tuple[Mapping[str, Any], ...] = ({"role": "system", "content": system},) if system is not None else ()
        messages, system = tuple(adapter((*head, *messages))), None
    parts = [part for message in messages if (part := encode_message(message))]
    if system is not None:
        parts.insert(0, to_json({"role": "system", "content": system}))
    return b"[" + b",".join(parts) + b"]"


def encode_message(message: Mapping[str, Any]) -> bytes:
    """One message as JSON: what an endpoint takes of it, or several with commas between where it stands for several."""
    if not isinstance(message, ChatMessage):
        return _encode(message)
    encoded: bytes | None = getattr(message, "encoded", None)
    if encoded is None:
        encoded = _encode(message)
        with suppress(AttributeError):
            setattr(message, "encoded", encoded)  # noqa: B010 - mypy knows no slots
    return encoded


def _encode(message: Mapping[str, Any]) -> bytes:
    return b",".join(to_json(wire) for wire in wire_messages(message))


def wire_messages(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The dicts that an endpoint takes for a chat dict: one for each tool result, without keys that it doesn't know.

    Example:
        >>> list(wire_messages({"role": "user", "content": "Hi", "name": "Ada L.", "context": {}}))
        [{'role': 'user', 'content': 'Hi', 'name': 'Ada_L_'}]
    """
    responses = message.get("tool_responses")
    if responses:
        for response in responses:
            yield from wire_messages({"role": "tool", **response})
        return
    wire = message if message.keys() <= _KEYS else {key: value for key, value in message.items() if key in _KEYS}
    if wire.get("role") == "tool" and "name" in wire:
        wire = {key: value for key, value in wire.items() if key != "name"}  # a result has only its call's id
    name = wire.get("name")
    if name is not None and not _NAME.fullmatch(name):
        wire = {**wire, "name": clean_name(name)}
    calls = wire.get("tool_calls")
    if calls and not all(_is_object(call["function"].get("arguments")) for call in calls):
        wire = {**wire, "tool_calls": [_mended(call) for call in calls]}
    yield wire


def _is_object(arguments: Any) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, TypeError):
        return False


def _mended(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """A call whose arguments are an object: many servers read them, and refuse a conversation for broken ones."""
    function = call["function"]
    written = function.get("arguments")
    if _is_object(written):
        return call
    arguments = json.dumps({"broken": written}, ensure_ascii=False) if written else "{}"
    return {**call, "function": {**function, "arguments": arguments}}


def clean_name(name: str) -> str:
    """A name in the letters that endpoints accept: ``[a-zA-Z0-9_-]``, at most 64 of them.

    Example:
        >>> clean_name("Zoë the 1st")
        'Zo_the_1st'
    """
    return _NOT_NAME.sub("_", name)[:64] or "_"


def to_json(value: Any) -> bytes:
    """A part of a request as JSON.

    Raises:
        ConfigError: If it can't be.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"a model request must be JSON: {error}; see its messages, tools and llm_config") from None
    # A lone surrogate, which a model can produce, has no UTF-8 form: better a "?" than a crash.
    return text.encode("utf-8", "replace")
