"""``autogen.agentchat.contrib.agent_optimizer``."""

from __future__ import annotations

from ....optimizer.agent_optimizer import AgentOptimizer

__all__ = ["AgentOptimizer"]
