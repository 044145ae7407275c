"""What an MCP server answers to a call, as a `ToolResult`."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any
from urllib.parse import urlsplit

from mcp import types

from ...core.message import File, Image, Part, ToolCall, ToolResult
from ..results import failure, result_of, result_text, text_and_parts

_MIME = re.compile(r"[A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,60}")
_SEEN_BY_MODELS = ("image/png", "image/jpeg", "image/gif", "image/webp")
_SUFFIX = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/ogg": "ogg", "image/svg+xml": "svg"}


def unpack(call: ToolCall, answer: types.CallToolResult, limit: int | None) -> ToolResult:
    """The result of a call: text for the model, images and files beside it, and for programs what is structured.

    Args:
        call: The call.
        answer: The server's answer.
        limit: How many characters the model is to read at most; None for all.
    """
    items = [_item(block, number) for number, block in enumerate(answer.content, 1)]
    structured = answer.structured_content
    if structured is not None and not items:
        items.append(result_text(structured))
    parts: tuple[Part, ...] = ()
    if all(isinstance(item, str) for item in items):
        text = "\n".join(str(item) for item in items)
    else:
        text, parts = text_and_parts(items)
    if answer.is_error:
        text = text or "the tool failed and didn't say why"
        return failure(call, text if text.startswith("Error") else f"Error: {text}", limit)
    value = text if structured is None else structured
    return result_of(call, ToolResult(call.id, call.name, text, value=value, parts=parts), limit)


def _item(block: types.ContentBlock, number: int) -> str | Part:
    """A part of an answer as text, or as an image or a file."""
    if isinstance(block, types.TextContent):
        return block.text
    if isinstance(block, types.ImageContent):
        return _attached(block.data, block.mime_type, f"image-{number}")
    if isinstance(block, types.AudioContent):
        return _attached(block.data, block.mime_type, f"audio-{number}")
    if isinstance(block, types.ResourceLink):
        about = ", ".join(text for text in (block.mime_type, block.description) if text)
        return f"[resource {block.name}: {block.uri}{f' ({about})' if about else ''}]"
    resource = block.resource
    if isinstance(resource, types.TextResourceContents):
        return f"[resource {resource.uri}]\n{resource.text}"
    return _attached(resource.blob, resource.mime_type, _named(str(resource.uri)))


def _attached(data: str, mime: str | None, name: str) -> str | Part:
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return f"<{name}, left out: its data is not base64>"
    kind = mime if mime is not None and _MIME.fullmatch(mime) else "application/octet-stream"
    uri = f"data:{kind};base64,{data}"
    if kind in _SEEN_BY_MODELS:
        return Image(uri)
    suffix = _SUFFIX.get(kind)
    return File(name if "." in name or suffix is None else f"{name}.{suffix}", uri)


def _named(uri: str) -> str:
    """A file's name out of a resource's address: no path, and nothing that could be one."""
    last = uri.rpartition("/")[2]
    try:
        last = urlsplit(uri).path.rpartition("/")[2]
    except ValueError:  # an address that is none
        pass
    return re.sub(r"[^\w.-]", "_", last)[-100:].lstrip(".") or "resource"


def read_arguments(call: ToolCall) -> dict[str, Any]:
    """The arguments of a call as a dict; the server checks them against its schema.

    Raises:
        ValueError: If they are no JSON object.
    """
    arguments = json.loads(call.arguments.strip() or "{}", strict=False)
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise ValueError(f"a JSON object is wanted, not {type(arguments).__name__}")  # noqa: TRY004 - a model's text
    return arguments
