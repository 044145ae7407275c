"""The engine: reads a model file and generates tokens with torch.

``Engine`` is the synchronous core; ``EngineThread`` shares one among many asynchronous callers.
"""

from __future__ import annotations

from . import _torch  # noqa: F401 - before anything else loads torch
from .engine import Engine, EngineConfig
from .sampling import Sampling
from .scheduler import QueueFull
from .sequence import GenerateRequest, Step
from .thread import EngineThread

__all__ = ["Engine", "EngineConfig", "EngineThread", "GenerateRequest", "QueueFull", "Sampling", "Step"]
