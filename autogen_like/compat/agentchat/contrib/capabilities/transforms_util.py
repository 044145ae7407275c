"""``autogen.agentchat.contrib.capabilities.transforms_util``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from .....models.cache_stores import AbstractCache
from .....models.tokens import count_tokens


def cache_key(content: Any, *args: Any) -> str:
    """The key of a message's content, and of what it is transformed with."""
    return json.dumps([content, *map(str, args)], default=str)


def cache_content_get(cache: AbstractCache | None, key: str) -> tuple[Any, ...] | None:
    """What is kept under a key."""
    found = cache.get(key) if cache is not None else None
    return tuple(found) if found is not None else None


def cache_content_set(cache: AbstractCache | None, key: str, content: Any, *extra_values: Any) -> None:
    """Keeps something under a key."""
    if cache is not None:
        cache.set(key, [content, *extra_values])


def min_tokens_reached(messages: Sequence[Mapping[str, Any]], min_tokens: int | None) -> bool:
    """Whether messages have at least so many tokens of text."""
    if not min_tokens:
        return True
    total = 0
    for message in reversed(messages):
        total += count_text_tokens(message.get("content"))
        if total >= min_tokens:
            return True
    return False


def count_text_tokens(content: Any) -> int:
    """The tokens of a message's text."""
    return sum(tokens_of(text) for text in texts_of(content))


def texts_of(content: Any) -> list[str]:
    """The pieces of text in a message's content."""
    if isinstance(content, str):
        return [content]
    return [part if isinstance(part, str) else str(part.get("text", "")) for part in content or ()]


@lru_cache(maxsize=16384)
def tokens_of(text: str, model: str = "gpt-3.5-turbo-0613") -> int:
    """The tokens of a text; counted once."""
    return count_tokens(text, model).tokens


def is_content_right_type(content: Any) -> bool:
    """Whether a message's content is text or parts."""
    return isinstance(content, str | list)


def is_content_text_empty(content: Any) -> bool:
    """Whether a message has no text."""
    return not any(texts_of(content))


def should_transform_message(message: Mapping[str, Any], filter_dict: Mapping[str, Any] | None, exclude: bool) -> bool:
    """Whether a message is to be transformed: it matches the filter, or, where that excludes, doesn't match it."""
    if not filter_dict:
        return True
    found = all(
        message.get(key) in (values if isinstance(values, list | tuple | set) else [values])
        for key, values in filter_dict.items()
    )
    return found != exclude


def is_tool_call_valid(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether messages don't begin with results whose call is not among them."""
    return not messages or messages[0].get("role") not in ("tool", "function")
