"""``autogen.agentchat.contrib.agent_eval.agent_eval``."""

from __future__ import annotations

from .....agents.contrib.agent_eval import generate_criteria, quantify_criteria

__all__ = ["generate_criteria", "quantify_criteria"]
