"""``autogen.agentchat.assistant_agent``."""

from __future__ import annotations

from ...agents import assistant
from .conversable_agent import ConversableAgent


class AssistantAgent(assistant.AssistantAgent, ConversableAgent):
    """`autogen_like.AssistantAgent` for scripts of AutoGen 0.2; see `ConversableAgent`."""
