"""What a tool returned -> what a model reads, and the images and files that go with it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from ..core.message import File, Image, Part, Text, ToolCall, ToolResult

MAX_PART_CHARS = 30_000_000  # of an image's or a file's data; endpoints take no more in a request


def result_of(call: ToolCall, value: Any, limit: int | None) -> ToolResult:
    """The result that stands for what a function returned.

    Args:
        call: The call that is answered.
        value: What came back: text, parts, a list that mixes them, anything that JSON can say, or a `ToolResult`.
        limit: How many characters a model is to read at most; None for all.
    """
    if isinstance(value, ToolResult):
        content, whole = cut(value.content, limit)
        return replace(value, call_id=call.id, name=call.name, content=content, whole=value.whole or whole)
    if type(value) is str:
        parts: tuple[Part, ...] = ()
        content, whole = cut(_encodable(value), limit)
    else:
        text, parts = text_and_parts(value)
        content, whole = cut(text, limit)
    return ToolResult(call.id, call.name, content, value=value, parts=parts, whole=whole)


def failure(call: ToolCall, text: str, limit: int | None, error_type: str | None = None) -> ToolResult:
    """The result of a call that failed, its text cut like any other."""
    content, whole = cut(_encodable(text), limit)
    return ToolResult(call.id, call.name, content, error=True, whole=whole, error_type=error_type)


def cut(text: str, limit: int | None) -> tuple[str, str | None]:
    r"""A text that is too long without its middle, with a note there; and the whole, where it was cut.

    Example:
        >>> cut("short", 10), cut("abcdefghij", 5)
        (('short', None), ('abcd\n[... 5 of 10 characters left out here ...]\nj', 'abcdefghij'))
    """
    if limit is None or len(text) <= limit:
        return text, None
    head = limit * 4 // 5
    tail = limit - head
    note = f"\n[... {len(text) - limit} of {len(text)} characters left out here ...]\n"
    return text[:head] + note + (text[-tail:] if tail else ""), text


def text_and_parts(value: Any) -> tuple[str, tuple[Part, ...]]:
    r"""What a model reads of a value, and the images and files in it; each is named in the text where it stood.

    Example:
        >>> text_and_parts(["A plot:", Image("https://example.org/a.png")])
        ('A plot:\n<image>', (Image(url='https://example.org/a.png', detail='auto'),))
    """
    found: list[Part] = []
    if isinstance(value, list | tuple) and any(isinstance(item, Text | Image | File) for item in value):
        text = "\n".join(_said(item, found) for item in value)
    else:
        text = _said(value, found)
    return _encodable(text), tuple(found)


def result_text(value: object) -> str:
    """What a model reads of a tool's result: text as it is, anything else as JSON, and ``str()`` where that fails.

    Example:
        >>> result_text({"sum": 5}), result_text(None)
        ('{"sum": 5}', 'null')
    """
    return text_and_parts(value)[0]


def _said(value: Any, found: list[Part]) -> str:
    if isinstance(value, str):
        return str.__str__(value)  # a plain one, also of an enum's member
    if type(value) is int:
        return str(value)
    if isinstance(value, Text | Image | File):
        return _part(value, found)
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(bytes(value))
    try:
        if isinstance(value, BaseModel):
            return value.model_dump_json()
        return json.dumps(value, ensure_ascii=False, default=lambda item: _jsonable(item, found))
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _jsonable(value: object, found: list[Part]) -> Any:
    if isinstance(value, Text | Image | File):
        return _part(value, found)
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(bytes(value))
    return to_jsonable_python(value, fallback=str)


def _part(part: Part, found: list[Part]) -> str:
    if isinstance(part, Text):
        return part.text
    data = part.url if isinstance(part, Image) else part.data or ""
    name = "image" if isinstance(part, Image) else part.name
    if len(data) > MAX_PART_CHARS:
        return f"<{name}, left out: it is larger than {MAX_PART_CHARS // 1_000_000} million characters>"
    found.append(part)
    return f"<{name}>"


def _bytes(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"<{len(data)} bytes that are no text>"


def _encodable(text: str) -> str:
    """Text that can be sent: half a surrogate pair (in a file's name, say) is written out."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text
