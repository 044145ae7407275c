"""The first message of a chat, and what is carried over into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..core.errors import InvalidCarryOverType
from ..core.message import Message, Text, part_from_dict

CONTEXT = "\nContext: \n"


def carried(context: Mapping[str, Any]) -> str:
    """What a chat's ``carryover`` adds to its first message; "" if it has none.

    Raises:
        InvalidCarryOverType: If it is neither a string nor a list.
    """
    carryover = context.get("carryover")
    if not carryover:
        return ""
    if isinstance(carryover, str):
        return CONTEXT + carryover
    if isinstance(carryover, Sequence):
        return CONTEXT + "\n".join(_shown(item) for item in carryover)
    raise InvalidCarryOverType(f"carryover must be a string or a list, not {type(carryover).__name__}")


def _shown(item: Any) -> str:
    if isinstance(item, Mapping) and "content" in item:
        return str(item["content"])
    return str(item)


def with_carryover(message: Any, context: Mapping[str, Any]) -> Any:
    """A first message (string, chat dict or `Message`) with the carryover at its end; the argument stays as it is."""
    addition = carried(context)
    if not addition:
        return message
    if isinstance(message, str):
        return message + addition
    if isinstance(message, Message):
        return replace(message, content=_extended(message.content, addition))
    if isinstance(message, Mapping):
        return {**message, "content": _extended(message.get("content"), addition)}
    return message


def _extended(content: Any, addition: str) -> Any:
    if content is None or isinstance(content, str):
        return (content or "") + addition
    parts = [part_from_dict(part) for part in content]
    for index, part in enumerate(parts):
        if isinstance(part, Text):
            parts[index] = Text(part.text + addition)
            return tuple(parts)
    return (*parts, Text(addition))
