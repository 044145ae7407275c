"""``autogen.agentchat.contrib.multimodal_conversable_agent``."""

from __future__ import annotations

from ....agents.contrib import multimodal
from ..conversable_agent import ConversableAgent


class MultimodalConversableAgent(multimodal.MultimodalConversableAgent, ConversableAgent):
    """`autogen_like.MultimodalConversableAgent` for scripts of AutoGen 0.2; see `ConversableAgent`."""


__all__ = ["MultimodalConversableAgent"]
