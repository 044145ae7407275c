"""``autogen.logger.logger_utils``."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def get_current_ts() -> str:
    """The time in UTC, as the log has it: "2026-05-01 12:00:00.000000"."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def to_dict(obj: Any, exclude: tuple[str, ...] = (), no_recursive: Any = ()) -> Any:
    """Something as JSON can say it: objects as dicts of their attributes, functions as their source.

    Args:
        obj: Anything.
        exclude: Names of attributes and keys that are left out.
        no_recursive: Types of objects that are only named.

    Example:
        >>> to_dict({"a": 1, "b": None, "c": (2, {"api_key": "x"})}, exclude=("api_key",))
        {'a': 1, 'b': None, 'c': [2, {}]}
    """
    if obj is None or isinstance(obj, str | int | float | bool):
        return obj
    if isinstance(obj, Path):
        return str(obj)
    if callable(obj) and not isinstance(obj, type):
        return _source(obj)
    if isinstance(obj, Mapping):
        return {str(key): to_dict(value, exclude, no_recursive) for key, value in obj.items() if key not in exclude}
    if isinstance(obj, list | tuple | set | frozenset):
        return [repr(one) if _named(one, no_recursive) else to_dict(one, exclude, no_recursive) for one in obj]
    if _named(obj, no_recursive) or not hasattr(obj, "__dict__"):
        return repr(obj)
    return {
        key: repr(value) if _named(value, no_recursive) else to_dict(value, exclude, no_recursive)
        for key, value in vars(obj).items()
        if key not in exclude
    }


def _named(obj: Any, kinds: Any) -> bool:
    return bool(kinds) and isinstance(obj, kinds)


def _source(function: Any) -> str:
    try:
        return inspect.getsource(function).strip()
    except (OSError, TypeError):
        return str(getattr(function, "__name__", function))
