"""How failing tools read, and how long a cancelled one is waited for."""

from __future__ import annotations

GRACE = 1.0  # seconds that a cancelled tool has for tidying up before it is left to itself


def error_text(error: BaseException) -> str:
    """How a tool's exception reads to a model: with its type, which AutoGen 0.2 left out.

    Example:
        >>> error_text(KeyError("k"))
        "Error: KeyError: 'k'"
    """
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - an exception that can't say what it is; its type does
        said = ""
    return f"Error: {type(error).__name__}: {said}" if said else f"Error: {type(error).__name__}"
