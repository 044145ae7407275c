"""``autogen.agentchat.contrib.agent_eval.critic_agent``."""

from __future__ import annotations

from .....agents.contrib.agent_eval import CriticAgent

__all__ = ["CriticAgent"]
