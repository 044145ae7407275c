"""What OpenAI refuses with a 400: roles it doesn't know, results that answer no call, schemas that aren't strict."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[Mapping[str, Any]], str | None]
"""Says what is wrong with a request, or None."""

_KEYS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "tool_calls", "function_call", "refusal", "audio"},
    "tool": {"role", "content", "tool_call_id"},
    "function": {"role", "content", "name"},
}
_PARTS = {"text", "image_url", "input_audio", "file", "refusal"}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def check_request(body: Mapping[str, Any]) -> str | None:
    """What OpenAI would refuse in a request, or None."""
    for check in (check_frame, check_messages, check_tool_results, check_tools, check_format):
        wrong = check(body)
        if wrong:
            return wrong
    return None


def check_frame(body: Mapping[str, Any]) -> str | None:
    """The keys around the messages."""
    if not isinstance(body.get("model"), str) or not body["model"]:
        return "you must provide a model parameter"
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "Invalid 'messages': expected an array with at least 1 item"
    if "stream_options" in body and not body.get("stream"):
        return "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    return None


def check_messages(body: Mapping[str, Any]) -> str | None:
    """Each message by itself."""
    for index, message in enumerate(body["messages"]):
        wrong = _check_message(message)
        if wrong:
            return f"Invalid 'messages[{index}]': {wrong}"
    return None


def _check_message(message: Any) -> str | None:
    if not isinstance(message, dict):
        return "expected an object"
    role = message.get("role")
    if role not in _KEYS:
        return f"role: {role!r} is not one of {sorted(_KEYS)}"
    unknown = set(message) - _KEYS[role]
    if unknown:
        return f"unknown keys {sorted(unknown)}"
    name = message.get("name")
    if name is not None and not _NAME.fullmatch(name):
        return "name: does not match the pattern ^[a-zA-Z0-9_-]+$"
    return _check_content(message)


def _check_content(message: Mapping[str, Any]) -> str | None:
    content = message.get("content")
    if isinstance(content, str):
        return None
    if content is None:
        calls = message.get("tool_calls") or message.get("function_call")
        return None if message["role"] == "assistant" and calls else "content: expected a string, got null"
    if not isinstance(content, list) or not all(isinstance(p, dict) and p.get("type") in _PARTS for p in content):
        return f"content: expected a string or parts of type {sorted(_PARTS)}"
    return None


def check_tool_results(body: Mapping[str, Any]) -> str | None:
    """Each call is answered right after it, and each result answers a call."""
    open_calls: set[str] = set()
    for index, message in enumerate(body["messages"]):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                return (
                    f"Invalid 'messages[{index}]': a message with role 'tool' must be a response to a preceding "
                    "message with 'tool_calls'"
                )
            open_calls.discard(message["tool_call_id"])
            continue
        if open_calls:
            break
        open_calls = {call["id"] for call in message.get("tool_calls") or ()}
    if open_calls:
        return f"these tool_call_ids had no response messages: {', '.join(sorted(open_calls))}"
    return None


def check_tools(body: Mapping[str, Any]) -> str | None:
    """The tools on offer."""
    tools = body.get("tools")
    if tools is None:
        for key in ("tool_choice", "parallel_tool_calls"):
            if key in body:
                return f"'{key}' is only allowed when 'tools' are specified"
        return None
    if not isinstance(tools, list) or not tools:
        return "Invalid 'tools': expected an array with at least 1 item"
    for index, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not _NAME.fullmatch(str(function.get("name", ""))):
            return f"Invalid 'tools[{index}].function.name'"
        if function.get("strict"):
            wrong = _not_strict(function.get("parameters", {}), (), ("parameters",))
            if wrong:
                return f"Invalid schema for function {function['name']!r}: {wrong}"
    return None


def check_format(body: Mapping[str, Any]) -> str | None:
    """The form asked of the reply."""
    wanted = body.get("response_format") or {}
    if wanted.get("type") != "json_schema":
        return None
    spec = wanted.get("json_schema") or {}
    if not _NAME.fullmatch(str(spec.get("name", ""))):
        return "Invalid 'response_format.json_schema.name'"
    schema = spec.get("schema") or {}
    if schema.get("type") != "object":
        return "Invalid schema: the root must be of type 'object'"
    if spec.get("strict"):
        return _not_strict(schema, (), ("root",))
    return None


_STRICT_KEYS = {
    "type", "title", "description", "default", "enum", "const", "anyOf", "items", "properties", "required",
    "additionalProperties", "$ref", "$defs", "pattern", "format", "multipleOf", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems",
}  # fmt: skip
_STRICT_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")


def _not_strict(schema: Mapping[str, Any], definitions: Collection[str], path: Sequence[str]) -> str | None:
    """What strict mode refuses in a schema, or None.

    Args:
        schema: The schema, or a part of it.
        definitions: The names that references may point to.
        path: Where the part is.
    """
    definitions = definitions or schema.get("$defs", {})
    wrong = _wrong_here(schema, definitions)
    if wrong:
        return f"Invalid schema at {'.'.join(path)}: {wrong}"
    parts = [((*path, name), part) for name, part in schema.get("properties", {}).items()]
    parts += [((*path, "$defs", name), part) for name, part in schema.get("$defs", {}).items()]
    parts += [((*path, "anyOf", str(index)), part) for index, part in enumerate(schema.get("anyOf", ()))]
    parts += [((*path, "items"), schema["items"])] if "items" in schema else []
    return next(filter(None, (_not_strict(part, definitions, inner) for inner, part in parts)), None)


def _wrong_here(schema: Mapping[str, Any], definitions: Collection[str]) -> str | None:
    unknown = sorted(set(schema) - _STRICT_KEYS)
    if unknown:
        return f"'{unknown[0]}' is not permitted."
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix("#/$defs/")
        others = sorted(set(schema) - {"$ref"})
        if others:
            return f"$ref cannot have keywords {others}."
        return None if name in definitions else f"reference can only point to definitions, not {name!r}."
    if "type" not in schema and "anyOf" not in schema:
        return "schema must have a 'type' key."
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            return "'additionalProperties' is required to be false"
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            return "'required' must name every property"
    if schema.get("type") == "array" and "items" not in schema:
        return "array schema missing items."
    if schema.get("format", "date") not in _STRICT_FORMATS:
        return f"{schema['format']!r} is not a valid format."
    if "(?" in schema.get("pattern", ""):
        return "regex lookaround is not supported."
    return None
