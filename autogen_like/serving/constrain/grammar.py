"""Constraints on a reply, by llguidance: which tokens may come next so that it will be what it must be."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import engine as _engine  # noqa: F401 - loads torch, or says that it is missing

# isort: split
import torch
from torch import Tensor

from ...core.errors import ConfigError, MissingExtra, ModelError

if TYPE_CHECKING:
    import llguidance

    from ..engine.sequence import TokenConstraint
    from ..engine.tokenizer import TextTokenizer

# No blanks but those that JSON is usually written with: a small model may otherwise fill the page with them.
_COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


def choice_grammar(options: Sequence[str]) -> str:
    """A grammar whose words are these texts.

    Raises:
        ConfigError: If there are none, or one is empty.
    """
    if not options or not all(options):
        raise ConfigError(f"a choice needs options, none of them empty; got {list(options)!r}")
    return "start: " + " | ".join(json.dumps(option, ensure_ascii=False) for option in options)


def schema_grammar(schema: Mapping[str, Any]) -> str:
    """A grammar of the JSON that fits a schema."""
    return "start: %json " + json.dumps({**schema, "x-guidance": _COMPACT})


def call_schema(tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The JSON schema of a call of one of the tools: ``{"name": ..., "arguments": {...}}``."""
    calls: list[dict[str, Any]] = []
    for tool in tools:
        function = tool.get("function", tool)
        arguments = _closed(function.get("parameters") or {"type": "object", "properties": {}})
        definitions: dict[str, Any] = {key: arguments.pop(key) for key in ("$defs", "definitions") if key in arguments}
        calls.append(
            {
                "type": "object",
                "properties": {"name": {"const": function["name"]}, "arguments": arguments},
                "required": ["name", "arguments"],
                "additionalProperties": False,
                **definitions,
            }
        )
    if len(calls) == 1:
        return calls[0]
    merged: dict[str, Any] = {}
    for call in calls:  # references start at the root of the schema
        for key in ("$defs", "definitions"):
            merged.setdefault(key, {}).update(call.pop(key, {}))
    return {"anyOf": calls, **{key: value for key, value in merged.items() if value}}


def _closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that no one declared would only fail later."""
    closed = {key: value for key, value in schema.items() if key != "$schema"}
    if closed.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def auto_grammar(tools: Sequence[Mapping[str, Any]], *, parallel: bool = False) -> str:
    """A grammar of free text in which any tool call, once begun with its tag, fits its tool's schema.

    Args:
        tools: OpenAI tool dicts.
        parallel: Whether more than one may be called.
    """
    schema = json.dumps({**call_schema(tools), "x-guidance": _COMPACT})
    more = ' (NEWLINE? "<tool_call>" call)*' if parallel else ""
    return (
        f"start: TEXT | first call{more}\n"
        # The tag belongs to what is before it, lazily: as a word of its own the text would swallow its beginning.
        "first[lazy]: /(?s:.*)<tool_call>/\n"
        'call: NEWLINE? json NEWLINE? "</tool_call>"\n'
        f"json: %json {schema}\n"
        "NEWLINE: /\\n/\n"
        "TEXT: /(?s:.+)/ & ~/(?s:.*)<tool_call>(?s:.*)/\n"
    )


class Constrainer:
    """Makes constraints for one model's tokens.

    Args:
        tokenizer: The model's.
        vocabulary: Number of logits, which may be more than there are tokens.

    Raises:
        MissingExtra: If llguidance is not installed.
    """

    def __init__(self, tokenizer: TextTokenizer, vocabulary: int) -> None:
        try:
            import llguidance
        except ImportError:
            raise MissingExtra("constrained output", "local") from None
        self._vocabulary = vocabulary
        # The ids that end a reply beside the tokenizer's own are taken as such by the engine, not here.
        self._ends = sorted(tokenizer.ends)
        self._tokenizer = llguidance.LLTokenizer(tokenizer.json, n_vocab=vocabulary, eos_token=self._ends)

    def constraint(self, grammar: str) -> Callable[[], TokenConstraint]:
        """What makes a constraint for each reply.

        Args:
            grammar: In llguidance's form of Lark.

        Raises:
            ConfigError: If the grammar is wrong: a schema uses something that can't be kept to, say.
        """
        from llguidance import LLMatcher

        matcher = LLMatcher(self._tokenizer, grammar)
        if matcher.is_error():
            raise ConfigError(f"the output can't be constrained to this: {_first_line(matcher.get_error())}")
        return lambda: Matcher(matcher.deep_copy(), self._vocabulary)


class Matcher:
    """One reply's state: which tokens may come next.

    Args:
        matcher: llguidance's.
        vocabulary: Number of logits.
    """

    def __init__(self, matcher: llguidance.LLMatcher, vocabulary: int) -> None:
        self._matcher = matcher
        self._bits = torch.zeros((vocabulary + 31) // 32, dtype=torch.int32)

    def bits(self) -> Tensor:
        """Tokens that may come next, a bit for each: the same tensor each time, with new contents.

        Raises:
            ModelError: If the matcher gave up, which a very deep schema can make it do.
        """
        self._matcher.unsafe_compute_mask_ptr(self._bits.data_ptr(), self._bits.nbytes)
        if self._matcher.is_error():
            raise ModelError(f"constrained output failed: {_first_line(self._matcher.get_error())}")
        return self._bits

    def accept(self, token: int) -> bool:
        """Takes the chosen token; False when nothing may follow it."""
        if not self._matcher.consume_token(token):
            raise ModelError(f"constrained output failed: {_first_line(self._matcher.get_error())}")
        return not self._matcher.is_stopped()


def _first_line(text: str | None) -> str:
    return (text or "unknown reason").strip().splitlines()[0]
