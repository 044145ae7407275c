"""What each model can't take, and how a conversation is rewritten for it.

An adapter is named in a configuration (``"adapter": ["no_system", "no_name"]``), or known by the model's name. Each is
a function from messages to messages; those that it leaves as they are stay the same objects, and are not encoded again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from ..core.errors import ConfigError
from .adapter_roles import alternate, no_name, no_parallel_tools, no_system
from .adapter_text import no_images, no_tools
from .wire import Adapter

Message: TypeAlias = Mapping[str, Any]
Rewrite: TypeAlias = Callable[[Iterable[Message]], Iterable[Message]]

# In the order in which they are applied: each takes what those before it leave.
_REWRITES: dict[str, Rewrite] = {
    "no_tools": no_tools,
    "no_parallel_tools": no_parallel_tools,
    "no_images": no_images,
    "no_name": no_name,  # before a system message gets into what somebody says
    "no_system": no_system,
    "alternate": alternate,
}
NAMES = (*_REWRITES, "reasoning", "completion_limit")
"""The adapters that a configuration can name."""

_STRICT = ("no_system", "alternate")
# The first pattern that is found in a model's name (without its organisation) decides, whoever serves it.
_BY_NAME: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"^gemma-?[123]?(\b|n|[-:])"), (*_STRICT, "no_tools")),
    (re.compile(r"^(mistral-7b-instruct-v0\.[12]|mixtral-8x)"), (*_STRICT, "no_tools")),
    (re.compile(r"^llama-?2\b"), ("alternate", "no_tools")),
    (re.compile(r"^(meta-)?llama-?3\.[12]\b"), ("no_parallel_tools",)),
    (re.compile(r"^deepseek-reasoner"), ("alternate",)),
)
_FIRST_PARTY: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"^o1-(mini|preview)"), ("no_system", "no_tools", "reasoning")),
    (re.compile(r"^o[134]\b"), ("no_parallel_tools", "reasoning")),
    (re.compile(r"^gpt-5.*-chat"), ("completion_limit",)),
    (re.compile(r"^gpt-5"), ("reasoning",)),
)
# Services that refuse or ignore what OpenAI takes, whatever the model.
_BY_SERVICE: dict[str, tuple[str, ...]] = {
    "mistral": ("no_name", "alternate"),
    "anthropic": ("no_name",),
    "google": ("no_name",),
    "cohere": ("no_name",),
}
_SAMPLING = frozenset(
    {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"}
)
_log = logging.getLogger(__name__)


def adapters_for(
    model: str, *, first_party: bool, service: str = "openai", declared: object = None
) -> tuple[frozenset[str], tuple[Adapter, ...]]:
    """The adapters that a model needs.

    Args:
        model: Its name.
        first_party: Whether OpenAI or Azure serves it.
        service: The configuration's ``api_type``.
        declared: The configuration's ``adapter``: a name, a function, or a list of them, which wins over what the
            model's name tells; an empty list is for a model that needs none.

    Returns:
        Names of adapters, and functions that rewrite messages before those do.

    Raises:
        ConfigError: If there is no such adapter.

    Example:
        >>> sorted(adapters_for("google/gemma-2-9b-it", first_party=False)[0])
        ['alternate', 'no_system', 'no_tools']
    """
    if declared is None:
        return frozenset(_known(model, first_party, service)), ()
    listed = declared if isinstance(declared, list | tuple | set | frozenset) else [declared]
    functions = tuple(item for item in listed if callable(item))
    names = [item for item in listed if not callable(item)]
    for name in names:
        if name not in NAMES:
            raise ConfigError(f"'adapter' must name some of {', '.join(NAMES)}, or be a function, not {name!r}")
    return frozenset(map(str, names)), functions


def _known(model: str, first_party: bool, service: str) -> tuple[str, ...]:
    name = model.lower().rpartition("/")[2]
    for pattern, needs in _FIRST_PARTY if first_party else _BY_NAME:
        if pattern.search(name):
            return (*needs, *_BY_SERVICE.get(service, ()))
    return _BY_SERVICE.get(service, ())


def message_adapter(names: Collection[str], functions: Sequence[Adapter] = ()) -> Adapter | None:
    """One adapter that does what all of these do; None where that is nothing.

    Example:
        >>> adapter = message_adapter({"no_name"})
        >>> list(adapter([{"role": "user", "content": "Hi", "name": "ada"}]))
        [{'role': 'user', 'content': 'Hi'}]
    """
    needs = set(names)
    if "alternate" in needs:
        needs.add("no_name")  # a merged message has no one speaker
    stages = [*functions, *(rewrite for name, rewrite in _REWRITES.items() if name in needs)]
    if not stages:
        return None

    def adapt(messages: Sequence[Message]) -> Iterable[Message]:
        adapted: Iterable[Message] = expand(messages)
        for stage in stages:
            adapted = tuple(stage(tuple(adapted)))
        return adapted

    return adapt


def expand(messages: Iterable[Message]) -> Iterable[Message]:
    """Each tool result as a message of its own, as endpoints want them."""
    for message in messages:
        responses = message.get("tool_responses")
        if responses:
            for response in responses:
                yield {"role": "tool", **response}
        else:
            yield message


def adapt_params(params: dict[str, Any], names: Collection[str], model: str) -> None:
    """Takes out of a request's parameters what a model refuses, or gives it the name that it wants."""
    if "no_parallel_tools" in names:
        params.pop("parallel_tool_calls", None)
    if "max_tokens" in params and ("reasoning" in names or "completion_limit" in names):
        limit = params.pop("max_tokens")
        params.setdefault("max_completion_tokens", limit)
    if "reasoning" not in names or params.get("reasoning_effort") == "none":
        return  # one that does not think can be sampled as others are
    refused = sorted(_SAMPLING & params.keys())
    for name in refused:
        del params[name]
    if refused:
        _warn(model, tuple(refused))


@lru_cache(maxsize=256)  # once for each
def _warn(model: str, refused: tuple[str, ...]) -> None:
    _log.warning(
        "%s is a reasoning model and takes no %s: left out; 'adapter': [] in llm_config sends everything",
        model,
        ", ".join(refused),
    )
