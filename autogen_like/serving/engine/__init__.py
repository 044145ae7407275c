"""The engine: reads a model file and generates tokens with torch.

``Engine`` is the synchronous core, one request at a time; ``EngineThread`` shares one among many asynchronous callers.
"""

from __future__ import annotations

from ...core.errors import MissingExtra

try:
    import torch as _torch  # noqa: F401 - whoever imports this package needs it: said once, here
except ImportError:
    raise MissingExtra("the local model engine", "local") from None

from .engine import Engine, EngineConfig, GenerateRequest, Step
from .sampling import Sampling
from .thread import EngineThread

__all__ = ["Engine", "EngineConfig", "EngineThread", "GenerateRequest", "Sampling", "Step"]
