"""Adapters for models that take text alone: tools described in the prompt and called in text, images left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from ..core.message import ToolCall
from ..serving.constrain.toolcalls import ToolCallStream
from .adapter_roles import text_of
from .client import Delta, ModelRequest

Message: TypeAlias = Mapping[str, Any]

_INTRODUCTION = """\
You can call tools. To call one, write its name and its arguments as JSON between tags, and nothing after them:

<tool_call>
{"name": "the tool's name", "arguments": {"parameter": "value"}}
</tool_call>

Several calls are several such blocks. You are then told the results. Without a call, your words are your answer.
The tools, with the JSON schema of their arguments:
"""


def with_text_tools(request: ModelRequest) -> ModelRequest:
    """The request with its tools described in the system message instead; as it is where there are none to call."""
    if not request.tools or request.tool_choice == "none":
        return replace(request, tools=(), tool_choice=None)
    lines = [_INTRODUCTION, *(_described(tool["function"]) for tool in request.tools)]
    choice = request.tool_choice
    if choice == "required":
        lines.append("\nCall a tool now.")
    elif isinstance(choice, Mapping):
        lines.append(f"\nCall the tool {choice.get('function', {}).get('name')} now.")
    described = "\n".join(lines)
    system = f"{request.system}\n\n{described}" if request.system else described
    return replace(request, system=system, tools=(), tool_choice=None)


def _described(function: Mapping[str, Any]) -> str:
    schema = json.dumps(function.get("parameters") or {}, ensure_ascii=False)
    told = " ".join(str(function.get("description") or "").split())
    return f"- {function['name']}: {told}\n  {schema}"


def tool_names(request: ModelRequest) -> frozenset[str]:
    """The tools that a request lets a model call."""
    if request.tool_choice == "none":
        return frozenset()
    return frozenset(tool["function"]["name"] for tool in request.tools)


class TextCalls:
    """A reply in which tools may be called in text: shows what is no call, and finds the calls.

    Args:
        names: The tools that may be called.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._stream = ToolCallStream(names)

    def add(self, text: str) -> str:
        """What of the reply can be shown now."""
        return self._stream.add(text)

    def finish(self, content: str | None) -> tuple[str | None, tuple[ToolCall, ...], Sequence[Delta]]:
        """The text, the calls, and what has not been shown yet."""
        rest, parsed = self._stream.finish()
        last = [Delta(rest)] if rest else []
        last += [Delta(call.arguments, "tool", index, call.name) for index, call in enumerate(parsed.calls)]
        return parsed.content, parsed.calls, last


def no_tools(messages: Iterable[Message]) -> Iterable[Message]:
    """Calls as the text that a model without tools would write, and their results as what a user says."""
    names: dict[Any, str] = {}
    for message in messages:
        role = message.get("role")
        retired = message.get("function_call")
        calls = [call["function"] for call in message.get("tool_calls") or ()] + ([retired] if retired else [])
        if calls:
            names.update({call.get("id"): call["function"]["name"] for call in message.get("tool_calls") or ()})
            said = text_of(message.get("content"))
            blocks = [_written(call) for call in calls]
            kept = {key: value for key, value in message.items() if key in ("role", "name")}
            yield {**kept, "content": "\n".join(([said] if said else []) + blocks)}
        elif role in ("tool", "function"):
            name = names.get(message.get("tool_call_id")) or message.get("name") or "the tool"
            yield {"role": "user", "content": f"Result of {name}:\n{text_of(message.get('content'))}"}
        else:
            yield message


def _written(function: Mapping[str, Any]) -> str:
    arguments = function.get("arguments") or "{}"
    try:
        arguments = json.loads(arguments)
    except ValueError:
        pass  # as the model wrote them: the result says what was wrong
    call = json.dumps({"name": function["name"], "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{call}\n</tool_call>"


def no_images(messages: Iterable[Message]) -> Iterable[Message]:
    """Content as text alone; for each image and file a note that says what was left out."""
    for message in messages:
        content = message.get("content")
        if content is None or isinstance(content, str):
            yield message
        else:
            yield {**message, "content": "\n".join(map(_noted, content))}


def _noted(part: Any) -> str:
    if not isinstance(part, Mapping):
        return str(part)
    kind = part.get("type")
    if kind in ("text", "refusal"):
        return str(part.get("text") or part.get("refusal") or "")
    if kind == "image_url":
        image = part.get("image_url")
        url = str(image.get("url") if isinstance(image, Mapping) else image)
        where = url.partition(";")[0].removeprefix("data:") if url.startswith("data:") else url
        return f"[An image ({where}) was left out: you can't see images.]"
    if kind == "file":
        name = (part.get("file") or {}).get("filename", "unnamed")
        return f"[The file {name} was left out: you can't read files.]"
    return f"[A part of type {kind} was left out: you take only text.]"
