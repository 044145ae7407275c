"""The engine: reads a model file and generates tokens with torch.

``Engine`` is the synchronous core, one request at a time; ``EngineThread`` shares one among many asynchronous callers.
"""

from __future__ import annotations

from . import _torch  # noqa: F401 - before anything else loads torch
from .engine import Engine, EngineConfig, GenerateRequest, Step
from .sampling import Sampling
from .thread import EngineThread

__all__ = ["Engine", "EngineConfig", "EngineThread", "GenerateRequest", "Sampling", "Step"]
