"""``autogen.token_count_utils``: counting tokens, without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.errors import ConfigError
from ..models.tokens import count_tokens
from ..models.traits import traits_of

DEFAULT = "gpt-3.5-turbo-0613"
# The windows of models that are older than the table of `autogen_like.models.traits`, or had another one then.
_OLD = {
    "gpt-3.5-turbo": 16_385, "gpt-3.5-turbo-0301": 4_096, "gpt-3.5-turbo-0613": 4_096,
    "gpt-3.5-turbo-instruct": 4_096, "gpt-3.5-turbo-16k": 16_385, "gpt-3.5-turbo-16k-0613": 16_385,
    "gpt-3.5-turbo-1106": 16_385, "gpt-4-32k": 32_768, "gpt-4-32k-0314": 32_768, "gpt-4-32k-0613": 32_768,
    "gpt-4-vision-preview": 128_000,
}  # fmt: skip
# How OpenAI's cookbook counts functions: for all of them, for one, for its parameters, for a field, for a choice.
_ALL, _EACH, _PARAMETERS, _NONE, _FIELD, _CHOICE = 12, -2, 11, -2, 2, 3


def get_max_token_limit(model: str = DEFAULT) -> int:
    """The size of a model's window in tokens.

    Raises:
        ConfigError: If it isn't known.

    Example:
        >>> get_max_token_limit("gpt-4")
        8192
    """
    name = model.replace("gpt35", "gpt-3.5").replace("gpt-35", "gpt-3.5").replace("gpt4", "gpt-4")
    known = _OLD.get(name) or traits_of(name, first_party=True).capabilities.context
    if known is None:
        raise ConfigError(f"the window of {model!r} isn't known: give its 'capabilities' in the configuration")
    return known


def count_token(input: str | Sequence[Any] | Mapping[str, Any], model: str = DEFAULT) -> int:
    """The tokens of a text, a message, or messages.

    Raises:
        ConfigError: If it is none of these.

    Example:
        >>> count_token("Hello there")
        2
    """
    if isinstance(input, str):
        return count_tokens(input, model).tokens
    if isinstance(input, Mapping):
        return count_tokens([input], model).tokens
    if isinstance(input, Sequence):
        return count_tokens(input, model).tokens
    raise ConfigError(f"input must be a text, a message or a list of messages, not {type(input).__name__}")


def percentile_used(input: Any, model: str = DEFAULT) -> float:
    """How much of a model's window something takes, from 0 to 1."""
    return count_token(input, model) / get_max_token_limit(model)


def token_left(input: Any, model: str = DEFAULT) -> int:
    """How many tokens of a model's window something leaves."""
    return get_max_token_limit(model) - count_token(input, model)


def num_tokens_from_functions(functions: Sequence[Mapping[str, Any]], model: str = DEFAULT) -> int:
    """The tokens that the descriptions of functions take; an estimate, as OpenAI's cookbook makes it."""

    def tokens(text: Any) -> int:
        return count_tokens(str(text), model).tokens

    total = _ALL
    for function in functions:
        total += tokens(function["name"]) + tokens(function["description"]) + _EACH
        parameters = function.get("parameters", {})
        if "properties" not in parameters:
            continue
        properties = parameters["properties"]
        total += _PARAMETERS + (0 if properties else _NONE)
        for name, schema in properties.items():
            total += tokens(name)
            total += sum(_FIELD + tokens(schema[field]) for field in ("type", "description") if field in schema)
            if "enum" in schema:
                total += sum(_CHOICE + tokens(choice) for choice in schema["enum"]) - _CHOICE
    return total
