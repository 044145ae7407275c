"""Durable conversations: what is said and done is in a database before anybody acts on it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import Leased as Leased
    from .errors import LeaseLost as LeaseLost
    from .errors import StoreError as StoreError
    from .recording import Recorder as Recorder
    from .recording import Tape as Tape
    from .replay import Recording as Recording
    from .store import Store as Store
    from .stored_run import StoredRun as StoredRun

# Replays need no database, so nothing is imported before it is used.
_MODULES = {
    "LeaseLost": "errors",
    "Leased": "errors",
    "Recorder": "recording",
    "Recording": "replay",
    "Store": "store",
    "StoreError": "errors",
    "StoredRun": "stored_run",
    "Tape": "recording",
}

__all__ = [*_MODULES]  # noqa: PLE0604 - the keys are strings


def __getattr__(name: str) -> object:
    """Imports a name from its module when it is first used."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{module}", __name__), name)
