"""``autogen.agentchat.contrib.agent_eval.criterion``."""

from __future__ import annotations

from .....agents.contrib.agent_eval import Criterion

__all__ = ["Criterion"]
