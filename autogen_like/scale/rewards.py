"""What a tool call is worth: all or nothing.

After Nemotron-Research-Tool-N1 (arXiv 2505.00024, reward modelling): 1 if the output is well-formed and its calls are
the right ones, and 0 for anything else. The paper found that partial credit trains worse models.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ..core.errors import ConfigError
from ..core.message import Message, ToolCall

_FORM = re.compile(r"\s*<think>.*?</think>\s*((?:<tool_call>(?:(?!</?tool_call>).)*</tool_call>\s*)+)", re.DOTALL)
_BLOCK = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_FORM_SHARE, _NAMES_SHARE = 0.2, 0.2


def tool_call_reward(output: Any, gold: Sequence[Any] | Mapping[str, Any] | ToolCall, binary: bool = True) -> float:
    """1.0 if an output calls the right tools with the right arguments, and is well-formed; otherwise 0.0.

    The order of calls, and of arguments, is free. There may be no further arguments, and no arguments of another type.

    Args:
        output: A model's text, which must be ``<think>...</think>`` and then ``<tool_call>...</tool_call>``; or what an
            endpoint or a chat made of one: a `Message`, a `ModelResponse`, a `ChatResult` (all calls in it), or calls.
        gold: The right calls: `ToolCall` objects, ``{"name": ..., "arguments": {...}}`` or OpenAI's form.
        binary: False gives partial credit, as the paper's ablation does; the shares are ours: 0.2 for the form, 0.2 for
            the right names.

    Raises:
        ConfigError: If the right calls aren't calls.

    Example:
        >>> call = '{"name": "weather", "arguments": {"city": "Rome"}}'
        >>> text = f"<think>Weather it is.</think><tool_call>{call}</tool_call>"
        >>> tool_call_reward(text, {"name": "weather", "arguments": {"city": "Rome"}})
        1.0
        >>> tool_call_reward(text, {"name": "weather", "arguments": {"city": "Oslo"}})
        0.0
    """
    right = _gold(gold)
    try:
        made = _made(output)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return 0.0
    if sorted(made) == sorted(right):
        return 1.0
    if binary:
        return 0.0
    names = sorted(name for name, _ in made) == sorted(name for name, _ in right)
    return _FORM_SHARE + _NAMES_SHARE * names


def _gold(gold: Any) -> list[tuple[str, str]]:
    calls = [gold] if isinstance(gold, Mapping | ToolCall) else gold
    try:
        if isinstance(calls, str):
            raise TypeError("a text")
        return [_call(call) for call in calls]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(
            f'gold must be calls such as {{"name": "weather", "arguments": {{"city": "Rome"}}}}, not {gold!r} ({error})'
        ) from None


def _made(output: Any) -> list[tuple[str, str]]:
    if isinstance(output, str):
        return [_call(call) for call in _written(output)]
    if isinstance(output, Mapping | ToolCall):
        return [_call(output)]
    calls = getattr(output, "tool_calls", None)
    if calls is None:
        said: Any = getattr(output, "messages", None)
        calls = output if said is None else [call for message in said for call in _of(message)]
    return [_call(call) for call in calls]


def _of(message: Message) -> Sequence[ToolCall]:
    return message.tool_calls


def _written(text: str) -> list[Any]:
    """The calls in a text: in each block one object, a list, or several objects one after the other."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError("not well-formed")
    calls: list[Any] = []
    decoder = json.JSONDecoder(parse_constant=_refused)
    for block in _BLOCK.findall(form[1]):
        rest = block.strip()
        while rest:
            found, end = decoder.raw_decode(rest)
            calls += found if isinstance(found, list) else [found]
            rest = rest[end:].lstrip()
    return calls


def _call(call: Any) -> tuple[str, str]:
    """A call in a form in which equal ones are equal."""
    name: Any
    arguments: Any
    if isinstance(call, ToolCall):
        name, arguments = call.name, call.arguments
    else:
        call = call.get("function", call)
        name, arguments = call["name"], call["arguments"]
    if isinstance(arguments, str):
        arguments = json.loads(arguments, parse_constant=_refused)
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        raise TypeError(f"{call!r} is no call")
    return name, json.dumps(_plain(arguments), sort_keys=True, allow_nan=False)


def _plain(value: Any) -> Any:
    """The value with 1.0 as 1: JSON has one kind of number. True stays what it is."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
