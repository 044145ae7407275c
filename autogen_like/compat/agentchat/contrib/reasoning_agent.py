"""``autogen.agentchat.contrib.reasoning_agent``, of AG2."""

from __future__ import annotations

from ....agents.contrib import reasoning
from ..assistant_agent import AssistantAgent


class ReasoningAgent(reasoning.ReasoningAgent, AssistantAgent):
    """`autogen_like.ReasoningAgent` for scripts of AG2; see `ConversableAgent`."""


__all__ = ["ReasoningAgent"]
