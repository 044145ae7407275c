"""Tool calls in what a model writes, in whatever form it chose.

Small models seldom keep to the form that they were told. So a call is anything that is JSON with the name of a declared
tool and its arguments: between ``<tool_call>`` tags, in a fenced block, or bare; with braces doubled, as some templates
show them by mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from ...core.message import ToolCall, new_id

TAG = "<tool_call>"
_AFTER = re.compile(r"(?:\s*(?:</tool_call>|```)){0,2}")
_FENCE = re.compile(r"```(\w*)(\s*)")
_LANGUAGES = ("json", "tool_call", "tool_calls", "tool_code", "")
_NAME = '"name"'


@dataclass(frozen=True, slots=True)
class Parsed:
    """A reply, taken apart.

    Args:
        content: What is no call; None where there are only calls.
        calls: The calls.
    """

    content: str | None
    calls: tuple[ToolCall, ...]


def parse_tool_calls(text: str, names: Collection[str]) -> Parsed:
    """Finds the calls in a reply.

    Args:
        text: The whole reply.
        names: The declared tools: what names no one of them is no call.

    Example:
        >>> reply = parse_tool_calls('<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>', {"add"})
        >>> reply.content, reply.calls[0].name, reply.calls[0].arguments
        (None, 'add', '{"a": 1}')
    """
    kept: list[str] = []
    calls: list[ToolCall] = []
    position = 0
    while position < len(text):
        start, verdict = find_start(text, position)
        if verdict == "no":
            break
        found, end = _calls_at(text, start, names)
        if found:
            kept.append(text[position:start])
            calls += found
        else:
            end = start + 1
            kept.append(text[position:end])
        position = end
    kept.append(text[position:])
    content = "".join(kept)
    if calls:
        return Parsed(content.strip() or None, tuple(calls))
    return Parsed(content, ())


def find_start(text: str, position: int = 0) -> tuple[int, Literal["no", "maybe", "yes"]]:
    """Where a call could begin.

    Returns:
        The place, and whether a call begins there: "yes", or "maybe" where the text ends too soon to tell. The end of
        the text, and "no", where none begins.
    """
    for match in re.compile(r"[<`{\[]").finditer(text, position):
        verdict = _verdict(text[match.start() : match.start() + 64])
        if verdict != "no":
            return match.start(), verdict
    return len(text), "no"


def _verdict(tail: str) -> Literal["no", "maybe", "yes"]:
    if tail[0] == "<":
        return "yes" if tail.startswith(TAG) else "maybe" if TAG.startswith(tail) else "no"
    if tail[0] == "`":
        fence = _FENCE.match(tail)
        if fence is None:
            return "maybe" if "```".startswith(tail) else "no"
        rest = tail[fence.end() :]
        if not rest and not fence[2]:  # the language may go on
            return "maybe" if any(language.startswith(fence[1]) for language in _LANGUAGES) else "no"
        if fence[1] not in _LANGUAGES:
            return "no"
        tail = rest
    if tail.startswith("["):
        tail = tail[1:].lstrip()
    opened = re.match(r"\{{0,2}", tail)
    braces = opened.end() if opened else 0
    rest = tail[braces:].lstrip()
    if not rest:
        return "maybe"
    if not braces:
        return "no"
    return "yes" if rest.startswith(_NAME) else "maybe" if _NAME.startswith(rest) else "no"


def _calls_at(text: str, start: int, names: Collection[str]) -> tuple[list[ToolCall], int]:
    """The calls that begin at a place, and where they end."""
    position = start + len(TAG) if text.startswith(TAG, start) else start
    position = _skip_blanks(text, position)
    fence = _FENCE.match(text, position)
    if fence is not None:
        position = fence.end()
    position = _skip_blanks(text, position)
    found = _read_json(text, position)
    if found is None:
        return [], start
    value, end = found
    calls = [_call(item, names) for item in (value if isinstance(value, list) else [value])]
    after = _AFTER.match(text, end)
    return [call for call in calls if call is not None], after.end() if after else end


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _read_json(text: str, position: int) -> tuple[Any, int] | None:
    decoder = json.JSONDecoder(strict=False)
    try:
        return decoder.raw_decode(text, position)
    except ValueError:
        pass
    if not text.startswith("{{", position):
        return None
    # Doubled braces: all of them, or only the outer pair.
    end = _doubled_end(text, position)
    inner = text[position:end]
    for mended in (inner.replace("{{", "{").replace("}}", "}"), inner[1:-1]):
        try:
            return decoder.decode(mended), end
        except ValueError:
            continue
    return None


def _doubled_end(text: str, position: int) -> int:
    """The end of an object whose braces are doubled: where as many were closed as opened, outside of strings."""
    depth, quoted, skip = 0, False, False
    for place in range(position, len(text)):
        char = text[place]
        if skip:
            skip = False
        elif char == "\\":
            skip = quoted
        elif char == '"':
            quoted = not quoted
        elif not quoted and char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return place + 1
    return len(text)


def _call(value: Any, names: Collection[str]) -> ToolCall | None:
    if not isinstance(value, dict) or value.get("name") not in names:
        return None
    arguments = value.get("arguments", value.get("parameters", {}))
    if isinstance(arguments, str):  # encoded twice, as OpenAI's own form has it
        return ToolCall(new_id(), value["name"], arguments or "{}")
    if not isinstance(arguments, dict):
        return None
    return ToolCall(new_id(), value["name"], json.dumps(arguments, ensure_ascii=False))


class ToolCallStream:
    """A reply as it arrives: gives what is certainly text at once, and holds back what may be a call.

    Args:
        names: The declared tools.

    Example:
        >>> stream = ToolCallStream({"add"})
        >>> stream.add("Let me see. "), stream.add('{"na'), stream.add("tion: x")
        ('Let me see. ', '', '{"nation: x')
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._shown = ""
        self._held = ""

    def add(self, text: str) -> str:
        """What may be shown now."""
        self._held += text
        start, verdict = find_start(self._held)
        while verdict == "yes" and not self._may_become(start):
            start, verdict = find_start(self._held, start + 1)
        return self._show(start)

    def finish(self) -> tuple[str, Parsed]:
        """At the end: what is left to show, and the whole reply taken apart."""
        parsed = parse_tool_calls(self._held, self._names)
        rest = self._show(len(self._held)) if not parsed.calls else self._tail(parsed)
        return rest, Parsed(self._shown or (None if parsed.calls else ""), parsed.calls)

    def _tail(self, parsed: Parsed) -> str:
        text = parsed.content or ""
        self._shown += text
        return text

    def _show(self, end: int) -> str:
        text, self._held = self._held[:end], self._held[end:]
        self._shown += text
        return text

    def _may_become(self, start: int) -> bool:
        """Whether what begins here is a call, or is too short to tell."""
        if self._held.startswith(TAG, start):
            return True
        name = re.compile(r'"name"\s*:\s*"([^"]*)(")?').search(self._held, start)
        if name is None:
            return True
        if name[2] is None:
            return any(known.startswith(name[1]) for known in self._names)
        return name[1] in self._names
