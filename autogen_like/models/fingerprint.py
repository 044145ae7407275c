"""What tells one model request from another, beside the conversation: which settings, which prompt, which tools."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from pydantic_core import to_jsonable_python

from .client import Choice, ModelRequest

_KEPT = 64
_tools: OrderedDict[int, tuple[Sequence[Mapping[str, Any]], dict[str, str]]] = OrderedDict()


def fingerprint(request: ModelRequest) -> dict[str, Any]:
    """Digests of a request's parts, as JSON. Messages are left out: who compares requests has those anyway.

    Args:
        request: The request.

    Example:
        >>> one, other = (fingerprint(ModelRequest([], system)) for system in ("Be brief.", "Be kind."))
        >>> [part for part in one if one[part] != other[part]]
        ['system']
    """
    return {
        "system": _digest(request.system),
        "tools": _of_tools(request.tools),
        "tool_choice": _digest(request.tool_choice),
        "constraint": _digest(_constraint(request)),
        "params": {str(key): _digest(value) for key, value in request.params.items()},
    }


def _of_tools(tools: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """By name. Agents offer the same list request after request, so it is gone through once."""
    if not tools:
        return {}
    known = _tools.get(id(tools))
    if known is not None and known[0] is tools and len(known[1]) == len(tools):
        return known[1]
    found = {str(spec["function"]["name"]): _digest(spec) for spec in tools}
    _tools[id(tools)] = (tools, found)
    while len(_tools) > _KEPT:
        _tools.popitem(last=False)
    return found


def _constraint(request: ModelRequest) -> Any:
    constraint = request.constraint
    if constraint is None:
        return None
    return list(constraint.options) if isinstance(constraint, Choice) else constraint.schema


def _digest(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(to_jsonable_python(value, fallback=str), sort_keys=True)
    return f"{crc32(text.encode('utf-8', 'surrogatepass')):08x}{len(text):x}"
