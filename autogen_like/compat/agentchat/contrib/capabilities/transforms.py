"""``autogen.agentchat.contrib.capabilities.transforms``: what a model sees of a conversation, made shorter or other.

A transform gets the messages, and gives others; it changes none. `autogen_like.ContextPolicy` is the newer way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from .....core.errors import ConfigError
from .....models.cache_stores import AbstractCache
from ...._errors import raised_as
from ._growing import GrowingList, GrowingSum
from .text_compressors import LLMLingua, TextCompressor
from .transforms_util import (
    cache_content_get,
    cache_content_set,
    cache_key,
    count_text_tokens,
    is_content_right_type,
    is_content_text_empty,
    should_transform_message,
    tokens_of,
)

Messages = list[dict[str, Any]]


@runtime_checkable
class MessageTransform(Protocol):
    """Makes other messages of messages."""

    def apply_transform(self, messages: Messages) -> Messages:
        """What is to be seen instead. The messages themselves stay as they are."""
        ...

    def get_logs(self, pre_transform_messages: Messages, post_transform_messages: Messages) -> tuple[str, bool]:
        """What was done, in words, and whether anything was."""
        ...


class MessageHistoryLimiter:
    """The newest messages, up to a number.

    Results of tools whose call would be left out are left out too; the newest message never is.

    Args:
        max_messages: How many; None for all.
        keep_first_message: Whether the first is kept as well, within the number.

    Raises:
        ConfigError: If the number is less than 1.

    Example:
        >>> said = [{"role": "user", "content": text} for text in "abcd"]
        >>> [message["content"] for message in MessageHistoryLimiter(3, keep_first_message=True).apply_transform(said)]
        ['a', 'c', 'd']
    """

    def __init__(self, max_messages: int | None = None, keep_first_message: bool = False) -> None:
        if max_messages is not None and max_messages < 1:
            raise ConfigError(f"max_messages must be at least 1, or None for all, not {max_messages}")
        self._limit, self._keep_first = max_messages, keep_first_message

    def apply_transform(self, messages: Messages) -> Messages:
        """The newest messages."""
        limit = self._limit
        if limit is None or len(messages) <= limit:
            return messages
        first = messages[:1] if self._keep_first and limit > 1 else []
        start = len(messages) - (limit - len(first))
        while start < len(messages) - 1 and messages[start].get("role") in ("tool", "function"):
            start += 1
        return [*first, *messages[start:]]

    def get_logs(self, pre_transform_messages: Messages, post_transform_messages: Messages) -> tuple[str, bool]:
        """How many messages were left out."""
        before, after = len(pre_transform_messages), len(post_transform_messages)
        if after >= before:
            return "No messages were removed.", False
        said = f"Removed {before - after} messages. Number of messages reduced from {before} to {after}."
        return said, True


class MessageTokenLimiter:
    """Messages cut to a number of tokens each, and the newest ones that fit a number of tokens in all.

    Args:
        max_tokens_per_message: Of each message's text; what is behind is left out.
        max_tokens: Of all together. The oldest message that still fits in part is cut; the newest is never left out.
        min_tokens: Nothing is done while the conversation has fewer.
        model: Whose tokens are counted.
        filter_dict: Which messages: ``{"role": ["user"]}``.
        exclude_filter: Whether those are left as they are, or only those are cut.

    Raises:
        ConfigError: If the limits contradict each other.
    """

    def __init__(
        self,
        max_tokens_per_message: int | None = None,
        max_tokens: int | None = None,
        min_tokens: int | None = None,
        model: str = "gpt-3.5-turbo-0613",
        filter_dict: Mapping[str, Any] | None = None,
        exclude_filter: bool = True,
    ) -> None:
        for name, value in (("max_tokens_per_message", max_tokens_per_message), ("max_tokens", max_tokens)):
            if value is not None and value < 0:
                raise ConfigError(f"{name} must be 0 or more, or None for no limit, not {value}")
        if min_tokens is not None and min_tokens < 0:
            raise ConfigError(f"min_tokens must be 0 or more, or None, not {min_tokens}")
        if max_tokens is not None and min_tokens is not None and max_tokens < min_tokens:
            raise ConfigError("max_tokens must not be less than min_tokens")
        self._each = math.inf if max_tokens_per_message is None else max_tokens_per_message
        self._all = math.inf if max_tokens is None else max_tokens
        self._least = min_tokens or 0
        self._model, self._filter, self._exclude = model, filter_dict, exclude_filter
        self._tokens = GrowingSum(lambda message: self._count(message.get("content")))
        self._cut = GrowingList(self._cut_message)

    def apply_transform(self, messages: Messages) -> Messages:
        """The messages that fit, cut where need be."""
        if self._least and self._tokens.of(messages) < self._least:
            return messages
        if self._all == math.inf:
            return self._cut.of(messages)
        kept: Messages = []
        left = self._all
        for original in reversed(messages):
            if not is_content_right_type(original.get("content")):
                kept.append(original)
                continue
            message = self._cut_message(original)
            tokens = self._count(message["content"])
            if tokens > left and self._applies(original):
                if left > 0 or not kept:
                    kept.append({**message, "content": self._shortened(message["content"], left)})
                break
            kept.append(message)
            left -= tokens
        kept.reverse()
        while len(kept) > 1 and kept[0].get("role") in ("tool", "function"):
            del kept[0]
        return kept

    def _applies(self, message: Mapping[str, Any]) -> bool:
        return should_transform_message(message, self._filter, self._exclude)

    def _cut_message(self, message: dict[str, Any]) -> dict[str, Any]:
        content = message.get("content")
        if self._each == math.inf or not is_content_right_type(content) or not self._applies(message):
            return message
        if self._count(content) <= self._each:
            return message
        return {**message, "content": self._shortened(content, self._each)}

    def _count(self, content: Any) -> int:
        if isinstance(content, str):
            return tokens_of(content, self._model)
        return sum(tokens_of(str(part["text"]), self._model) for part in content or () if _is_text(part))

    def _shortened(self, content: Any, limit: float) -> Any:
        if isinstance(content, str):
            return self._first_tokens(content, int(limit))
        left, parts = int(limit), []
        for part in content:
            if not _is_text(part):
                parts.append(part)
                continue
            text = self._first_tokens(part["text"], left)
            left -= tokens_of(text, self._model)
            parts.append({**part, "text": text})
        return parts

    def _first_tokens(self, text: str, limit: int) -> str:
        if tokens_of(text, self._model) <= limit:
            return text
        low, high = 0, len(text)
        while low < high:  # the longest beginning that fits
            middle = (low + high + 1) // 2
            low, high = (middle, high) if tokens_of(text[:middle], self._model) <= limit else (low, middle - 1)
        return text[:low]

    def get_logs(self, pre_transform_messages: Messages, post_transform_messages: Messages) -> tuple[str, bool]:
        """How many tokens were cut off."""
        before = self._tokens.of(pre_transform_messages)
        after = sum(self._count(message.get("content")) for message in post_transform_messages)
        if after >= before:
            return "No tokens were truncated.", False
        return f"Truncated {before - after} tokens. Number of tokens reduced from {before} to {after}", True


def _is_text(part: Any) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get("text"), str)


class TextMessageCompressor:
    """Messages whose text a `TextCompressor` made shorter, each once.

    Args:
        text_compressor: What shortens; `LLMLingua` by default.
        min_tokens: Nothing is done while the conversation has fewer.
        compression_params: Passed on to it.
        cache: Where shortened texts are kept; in memory, for as long as this is used, by default.
        filter_dict: Which messages.
        exclude_filter: Whether those are left as they are, or only those are shortened.

    Raises:
        ConfigError: If a setting can't be right, or LLMLingua is wanted and not installed.
    """

    def __init__(
        self,
        text_compressor: TextCompressor | None = None,
        min_tokens: int | None = None,
        compression_params: Mapping[str, Any] | None = None,
        cache: AbstractCache | None = None,
        filter_dict: Mapping[str, Any] | None = None,
        exclude_filter: bool = True,
    ) -> None:
        if min_tokens is not None and min_tokens <= 0:
            raise ConfigError(f"min_tokens must be more than 0, or None, not {min_tokens}")
        self._compressor: TextCompressor = text_compressor if text_compressor is not None else LLMLingua()
        self._least, self._params = min_tokens or 0, dict(compression_params or {})
        self._cache = cache
        self._filter, self._exclude = filter_dict, exclude_filter
        self._saved = 0
        self._tokens = GrowingSum(lambda message: count_text_tokens(message.get("content")))
        self._done = GrowingList(self._compressed)

    def apply_transform(self, messages: Messages) -> Messages:
        """The messages, shortened."""
        self._saved = 0
        if not messages or (self._least and self._tokens.of(messages) < self._least):
            return messages
        return self._done.of(messages)

    def _compressed(self, message: dict[str, Any]) -> dict[str, Any]:
        content = message.get("content")
        if not is_content_right_type(content) or is_content_text_empty(content):
            return message
        if not should_transform_message(message, self._filter, self._exclude):
            return message
        key = cache_key(content, self._least, *sorted(self._params.items()))
        known = cache_content_get(self._cache, key)
        if known is not None:
            saved, shorter = known
        else:
            saved, shorter = self._shorter(content)
            cache_content_set(self._cache, key, saved, shorter)
        self._saved += saved
        return {**message, "content": shorter}

    def _shorter(self, content: Any) -> tuple[int, Any]:
        if isinstance(content, str):
            return self._text(content)
        saved, parts = 0, []
        for part in content:
            if _is_text(part):
                less, text = self._text(part["text"])
                saved += less
                parts.append({**part, "text": text})
            else:
                parts.append(part)
        return saved, parts

    def _text(self, text: str) -> tuple[int, str]:
        found = self._compressor.compress_text(text, **self._params)
        return int(found.get("origin_tokens", 0)) - int(found.get("compressed_tokens", 0)), found["compressed_prompt"]

    def get_logs(self, pre_transform_messages: Messages, post_transform_messages: Messages) -> tuple[str, bool]:
        """How many tokens the last messages lost."""
        if self._saved > 0:
            return f"{self._saved} tokens saved with text compression.", True
        return "No tokens saved with text compression.", False


class TextMessageContentName:
    r"""Messages that say who speaks, for models that take no names.

    Args:
        position: "start" or "end" of the text.
        format_string: What is added, with ``{name}``.
        deduplicate: Whether it isn't added where it is there already.
        filter_dict: Which messages.
        exclude_filter: Whether those are left as they are, or only those are changed.

    Raises:
        ConfigError: If a setting can't be right.

    Example:
        >>> named = TextMessageContentName().apply_transform([{"role": "user", "name": "ada", "content": "Hi"}])
        >>> named[0]["content"]
        'ada:\nHi'
    """

    def __init__(
        self,
        position: str = "start",
        format_string: str = "{name}:\n",
        deduplicate: bool = True,
        filter_dict: Mapping[str, Any] | None = None,
        exclude_filter: bool = True,
    ) -> None:
        with raised_as(AssertionError):
            if position not in ("start", "end"):
                raise ConfigError(f'position must be "start" or "end", not {position!r}')
            if "{name}" not in str(format_string):
                raise ConfigError(f"format_string must be a text with {{name}} in it; it is {format_string!r}")
            if not isinstance(deduplicate, bool):
                raise ConfigError(f"deduplicate must be True or False, not {deduplicate!r}")
        self._at_start, self._format, self._once = position == "start", format_string, deduplicate
        self._filter, self._exclude = filter_dict, exclude_filter
        self._done = GrowingList(self._named)

    def apply_transform(self, messages: Messages) -> Messages:
        """The messages, with names in their text."""
        return self._done.of(messages)

    def _named(self, message: dict[str, Any]) -> dict[str, Any]:
        content, name = message.get("content"), message.get("name")
        if not name or not is_content_right_type(content) or is_content_text_empty(content):
            return message
        if not should_transform_message(message, self._filter, self._exclude):
            return message
        add: Callable[[str], str] = lambda text: self._with(text, self._format.replace("{name}", name))  # noqa: E731
        if isinstance(content, str):
            return {**message, "content": add(content)}
        texts = [index for index, part in enumerate(content or ()) if _is_text(part)]
        if not texts:
            return message
        at = texts[0] if self._at_start else texts[-1]
        parts = [
            {**part, "text": add(part["text"])} if index == at else part for index, part in enumerate(content or ())
        ]
        return {**message, "content": parts}

    def _with(self, text: str, label: str) -> str:
        if self._at_start:
            return text if self._once and text.startswith(label) else label + text
        return text if self._once and text.endswith(label) else text + label

    def get_logs(self, pre_transform_messages: Messages, post_transform_messages: Messages) -> tuple[str, bool]:
        """How many messages were changed."""
        pairs: Sequence[tuple[Any, Any]] = list(zip(pre_transform_messages, post_transform_messages, strict=False))
        changed = sum(before is not after and before != after for before, after in pairs)
        if changed:
            return f"{changed} message(s) changed to incorporate name.", True
        return "No messages changed to incorporate name.", False
