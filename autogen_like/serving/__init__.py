"""Local models: a library of model files, the engine that runs them, and constrained output.

The library needs nothing but the package itself. The engine needs ``pip install 'autogen_like[local]'`` (torch and some
small packages); asking for it without them raises `MissingExtra`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .chat_model import ChatModel
    from .engine import Engine

__all__ = ["ChatModel", "Engine"]


def __getattr__(name: str) -> Any:
    """Loads the engine, and torch with it, only when it is asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .engine import Engine  # first, since it is what says that torch is missing

    if name == "Engine":
        return Engine
    from .chat_model import ChatModel

    return ChatModel
