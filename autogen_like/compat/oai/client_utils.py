"""``autogen.oai.client_utils``: checking parameters of clients of one's own."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ...core.errors import ConfigError
from .._errors import also

_log = logging.getLogger(__name__)


def validate_parameter(
    params: Mapping[str, Any],
    param_name: str,
    allowed_types: type | tuple[type | None, ...],
    allow_None: bool,
    default_value: Any,
    numerical_bound: tuple[float | None, float | None] | None,
    allowed_values: Sequence[Any] | None,
) -> Any:
    """A parameter, or its default where it can't be right, with a warning that says why.

    Args:
        params: All parameters.
        param_name: Which.
        allowed_types: Its types.
        allow_None: Whether it may be None.
        default_value: What to take instead.
        numerical_bound: The least and the most that it may be.
        allowed_values: All values that it may have.

    Raises:
        ConfigError: If there are both a bound and values, or the values are no list; a `TypeError`, too.

    Example:
        >>> validate_parameter({"top_k": 3}, "top_k", int, False, 1, (1, None), None)
        3
    """
    if numerical_bound is not None and allowed_values is not None:
        raise also(ConfigError("give numerical_bound or allowed_values, not both"), TypeError)
    if allowed_values is not None and not isinstance(allowed_values, list | tuple):
        raise also(ConfigError(f"allowed_values must be a list, not {allowed_values!r}"), TypeError)
    value = params.get(param_name, default_value)
    why = _why_not(value, allowed_types, allow_None, numerical_bound or (None, None), allowed_values)
    if why:
        _log.warning("%s is %r, which %s: %r is used", param_name, value, why, default_value)
        return default_value
    return value


def _why_not(
    value: Any,
    types: Any,
    none: bool,
    bound: tuple[float | None, float | None],
    allowed: Sequence[Any] | None,
) -> str:
    if value is None:
        return "" if none else "may not be None"
    wanted = tuple(one for one in (types if isinstance(types, tuple) else (types,)) if one is not None)
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        return f"is no {' or '.join(one.__name__ for one in wanted)}"
    low, high = bound
    if (low is not None and value < low) or (high is not None and value > high):
        return f"is not between {low} and {high}"
    if allowed is not None and value not in allowed:
        return f"is none of {list(allowed)}"
    return ""


def should_hide_tools(messages: Sequence[Mapping[str, Any]], tools: Sequence[Any], hide_tools_param: str) -> bool:
    """Whether tools are no longer to be offered.

    Args:
        messages: The conversation.
        tools: The tools.
        hide_tools_param: "if_all_run", "if_any_run" or "never".

    Raises:
        ConfigError: If it is none of these; a `TypeError`, too.
    """
    if hide_tools_param not in ("never", "if_all_run", "if_any_run"):
        message = f"hide_tools must be 'never', 'if_all_run' or 'if_any_run', not {hide_tools_param!r}"
        raise also(ConfigError(message), TypeError)
    if hide_tools_param == "never" or not tools:
        return False
    called = {call["id"]: call["function"]["name"] for one in messages for call in one.get("tool_calls") or ()}
    done = {called.get(one.get("tool_call_id", "")) for one in messages if "tool_call_id" in one}
    names = {tool["function"]["name"] for tool in tools}
    return names <= done if hide_tools_param == "if_all_run" else bool(names & done)
