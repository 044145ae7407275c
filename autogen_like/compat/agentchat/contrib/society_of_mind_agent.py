"""``autogen.agentchat.contrib.society_of_mind_agent``."""

from __future__ import annotations

from ....agents.contrib import society_of_mind
from ..conversable_agent import ConversableAgent


class SocietyOfMindAgent(society_of_mind.SocietyOfMindAgent, ConversableAgent):
    """`autogen_like.SocietyOfMindAgent` for scripts of AutoGen 0.2; see `ConversableAgent`."""


__all__ = ["SocietyOfMindAgent"]
