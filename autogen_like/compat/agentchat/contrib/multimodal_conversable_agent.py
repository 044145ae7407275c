"""``autogen.agentchat.contrib.multimodal_conversable_agent``."""

from __future__ import annotations

from ....agents.contrib import multimodal
from ..conversable_agent import ConversableAgent

DEFAULT_LMM_SYS_MSG = multimodal.DEFAULT_SYSTEM_MESSAGE


class MultimodalConversableAgent(multimodal.MultimodalConversableAgent, ConversableAgent):
    """`autogen_like.MultimodalConversableAgent` for scripts of AutoGen 0.2; see `ConversableAgent`."""


__all__ = ["DEFAULT_LMM_SYS_MSG", "MultimodalConversableAgent"]
