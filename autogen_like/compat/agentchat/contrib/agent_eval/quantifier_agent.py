"""``autogen.agentchat.contrib.agent_eval.quantifier_agent``."""

from __future__ import annotations

from .....agents.contrib.agent_eval import QuantifierAgent

__all__ = ["QuantifierAgent"]
