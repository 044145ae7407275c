"""``autogen.agentchat.contrib.agent_eval.subcritic_agent``."""

from __future__ import annotations

from .....agents.contrib.agent_eval import SubCriticAgent

__all__ = ["SubCriticAgent"]
