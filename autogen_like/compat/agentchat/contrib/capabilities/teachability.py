"""``autogen.agentchat.contrib.capabilities.teachability``."""

from __future__ import annotations

from .....agents.contrib import teachability
from .....agents.contrib.teachability import MemoStore
from .agent_capability import AgentCapability


class Teachability(teachability.Teachability, AgentCapability):
    """`autogen_like.Teachability` for scripts of AutoGen 0.2."""


__all__ = ["MemoStore", "Teachability"]
