"""The engine: reads a model file and generates tokens with torch, for any number of requests at once.

``Engine`` is the synchronous core: ``generate(GenerateRequest)`` gives steps, and all iterators that are open share the
work. ``AsyncEngine`` runs it in a thread for asynchronous callers, and is what a server is made of:

- ``submit(request, name=...)`` is an asynchronous stream of `Step` (one token: its text, id, log-probability), of which
  the last of each reply has ``finish`` ("stop" or "length") and ``usage``. Over a `ChatModel`, a `ChatRequest` gives
  `ChatDelta` and `ChatReply` instead.
- ``cancel(name)``, or leaving the stream, frees the request's blocks before the next token.
- ``metrics()`` is a dict of counts: requests, running, waiting, generated_tokens, prefilled_tokens, cached_tokens,
  cancelled, preemptions, steps, blocks, blocks_used, blocks_cached.
- `QueueFull` is raised by the stream's first item where `EngineConfig.max_waiting` requests wait already.

A device implements `engine.ops.Ops`; `engine.ops.TorchOps` is its reference.
"""

from __future__ import annotations

from . import _torch  # noqa: F401 - before anything else loads torch
from .aio import AsyncEngine
from .engine import Engine, EngineConfig
from .sampling import Sampling
from .scheduler import QueueFull
from .sequence import GenerateRequest, Step
from .thread import EngineThread

__all__ = [
    "AsyncEngine",
    "Engine",
    "EngineConfig",
    "EngineThread",
    "GenerateRequest",
    "QueueFull",
    "Sampling",
    "Step",
]
