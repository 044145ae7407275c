"""What lists, reports and answers read of the states that somebody else's file brings along."""

from __future__ import annotations

from math import isfinite
from typing import Any

from ..core.usage import UsageLedger
from .codec import plain


def check_state(state: Any) -> None:
    """Checks a state that comes from outside: one damaged run must not keep people from seeing the others.

    Args:
        state: A record's state; None for one that has none.

    Raises:
        ValueError: If something in it is of another shape; says what.

    Example:
        >>> check_state({"version": 1, "paused": None})
        >>> check_state({"paused": {"requests": [3]}})
        Traceback (most recent call last):
        ...
        ValueError: its state is of another shape: 'int' object is not subscriptable
    """
    if state is None:
        return
    try:
        run, paused = state.get("run"), state.get("paused")
        for used in (run["usage"], *run["usage_by_agent"].values()) if run else ():
            if not all(map(isfinite, UsageLedger.restored(used).total.figures())):
                raise ValueError("its usage is no number")
        for asked in paused["requests"] if paused else ():
            if not all(isinstance(asked[name], str) for name in ("id", "agent", "prompt")):
                raise ValueError("a request is made of texts")
            plain(asked["id"], "request's id")
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"its state is of another shape: {error}") from error
