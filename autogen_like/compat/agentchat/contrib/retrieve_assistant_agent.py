"""``autogen.agentchat.contrib.retrieve_assistant_agent``."""

from __future__ import annotations

from ....agents.contrib.retrieval import retrieve_user_proxy
from ..assistant_agent import AssistantAgent


class RetrieveAssistantAgent(retrieve_user_proxy.RetrieveAssistantAgent, AssistantAgent):
    """`autogen_like.RetrieveAssistantAgent` for scripts of AutoGen 0.2; see `ConversableAgent`."""


__all__ = ["RetrieveAssistantAgent"]
