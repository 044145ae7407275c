"""``autogen.agentchat.contrib.agent_eval.task``."""

from __future__ import annotations

from .....agents.contrib.agent_eval import Task

__all__ = ["Task"]
