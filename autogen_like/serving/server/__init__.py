"""The local model over HTTP: OpenAI's interface and KServe's on one port, and NVIDIA's Triton server in front of it.

``ModelServer`` runs a model in a thread of this process; ``autogen-like serve MODEL`` runs one by itself. Needs
``pip install 'autogen_like[serve]'``.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ...core.errors import MissingExtra

if TYPE_CHECKING:
    from .app import create_app
    from .running import ModelServer
    from .settings import ServerSettings

__all__ = ["ModelServer", "ServerSettings", "create_app"]


def __getattr__(name: str) -> Any:
    """Loads the web framework, and the engine with it, only when they are asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "ServerSettings":
        from .settings import ServerSettings

        return ServerSettings
    for needed in ("starlette", "uvicorn"):
        if find_spec(needed) is None:
            raise MissingExtra("a model's server", "serve")
    if name == "ModelServer":
        from .running import ModelServer

        return ModelServer
    from .app import create_app

    return create_app
