"""What was said, in the form that OpenTelemetry's GenAI conventions give it, each text through a redaction hook."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

log = logging.getLogger("autogen_like.observe")

Redact: TypeAlias = Callable[[str], str]
"""Takes a text that is about to leave the program, gives what may leave it."""

WITHHELD = "[withheld: the redaction hook failed]"


def careful(redact: Redact) -> Redact:
    """A hook that withholds the text it can't redact: what fails must not let anything pass."""

    def checked(text: str) -> str:
        try:
            redacted: object = redact(text)
            if isinstance(redacted, str):
                return redacted
            log.error("the redaction hook gave %s, not text: what it was given is withheld", type(redacted).__name__)
        except Exception as error:  # noqa: BLE001 - said without its traceback, which could hold the text
            log.error("the redaction hook failed (%s): what it was given is withheld", type(error).__name__)  # noqa: TRY400
        return WITHHELD

    return checked


def input_messages(messages: Iterable[Mapping[str, Any]], redact: Redact) -> str:
    """Chat dicts as ``gen_ai.input.messages``."""
    return _json([_message(message, redact) for message in messages])


def output_message(
    text: str | None, calls: Iterable[Any], finish_reason: str, redact: Redact, reasoning: str | None = None
) -> str:
    """A reply as ``gen_ai.output.messages``."""
    parts: list[dict[str, Any]] = []
    if reasoning:
        parts.append({"type": "reasoning", "content": redact(reasoning)})
    if text:
        parts.append({"type": "text", "content": redact(text)})
    parts += [_call(call.id, call.name, call.arguments, redact) for call in calls]
    # The conventions have a word of their own for it.
    reason = "tool_call" if finish_reason == "tool_calls" else finish_reason
    return _json([{"role": "assistant", "parts": parts, "finish_reason": reason}])


def system_instructions(system: str, redact: Redact) -> str:
    """A system message as ``gen_ai.system_instructions``."""
    return _json([{"type": "text", "content": redact(system)}])


def tool_definitions(tools: Iterable[Mapping[str, Any]]) -> str:
    """Tools on offer as ``gen_ai.tool.definitions``, without their parameters, as the conventions recommend."""
    functions = (tool.get("function") or {} for tool in tools)
    return _json([{"type": "function", "name": str(function.get("name", ""))} for function in functions])


def arguments(text: str, redact: Redact) -> str:
    """Arguments of a tool call as JSON, or as they were written where they aren't."""
    value = _redacted(_read(text), redact)
    return value if isinstance(value, str) else _json(value)


def _message(message: Mapping[str, Any], redact: Redact) -> dict[str, Any]:
    role, content = str(message.get("role", "")), message.get("content")
    if role == "tool":
        answer = {"type": "tool_call_response", "id": message.get("tool_call_id"), "response": _text(content, redact)}
        return {"role": role, "parts": [answer]}
    parts = [{"type": "text", "content": redact(content)}] if isinstance(content, str) else []
    if isinstance(content, list | tuple):
        parts = [_part(part, redact) for part in content]
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        parts.append(_call(call.get("id"), function.get("name", ""), function.get("arguments", ""), redact))
    found: dict[str, Any] = {"role": role, "parts": parts}
    if message.get("name"):
        found["name"] = str(message["name"])
    return found


def _part(part: Any, redact: Redact) -> dict[str, Any]:
    """A part of a message. Pictures and files are named, not carried: telemetry is no place for them."""
    if not isinstance(part, Mapping):
        return {"type": "text", "content": redact(str(part))}
    if isinstance(part.get("text"), str):
        return {"type": "text", "content": redact(part["text"])}
    kind = str(part.get("type", "unknown"))
    image = part.get("image_url")
    address = image.get("url") if isinstance(image, Mapping) else image
    if isinstance(address, str) and not address.startswith("data:"):
        return {"type": "uri", "modality": "image", "uri": redact(address)}
    return {"type": kind}


def _call(id: Any, name: Any, text: Any, redact: Redact) -> dict[str, Any]:  # noqa: A002 - the conventions' word
    return {"type": "tool_call", "id": id, "name": str(name), "arguments": _redacted(_read(text), redact)}


def _text(content: Any, redact: Redact) -> str:
    if isinstance(content, str) or content is None:
        return redact(content or "")
    return redact(_json(content))


def _read(text: Any) -> Any:
    """JSON, or the text itself."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _redacted(value: Any, redact: Redact) -> Any:
    """A JSON value with each text in it redacted; after its name, which may say that it is a secret."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _named(str(key), inner, redact) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(inner, redact) for inner in value]
    return value


def _named(name: str, value: Any, redact: Redact) -> Any:
    if not isinstance(value, str):
        return _redacted(value, redact)
    # Shown with its name, so that a hook that goes by names ("password") sees it; taken apart again.
    before = f"{name}: "
    told = redact(before + value)
    return told.removeprefix(before) if told.startswith(before) else redact(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
