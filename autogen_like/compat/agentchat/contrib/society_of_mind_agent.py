"""``autogen.agentchat.contrib.society_of_mind_agent``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ....agents.contrib import society_of_mind
from ....core.sync import run as run_sync
from ..conversable_agent import ConversableAgent


class SocietyOfMindAgent(society_of_mind.SocietyOfMindAgent, ConversableAgent):
    """`autogen_like.SocietyOfMindAgent` for scripts of AutoGen 0.2; see `ConversableAgent`."""

    def generate_inner_monologue_reply(
        self, messages: Sequence[Mapping[str, Any]] | None = None, sender: Any = None, config: Any = None
    ) -> tuple[bool, Any]:
        """What comes of the group's discussion: ``(final, reply)``; ``(False, None)`` where there is no group."""
        return run_sync(self._ask_backend((society_of_mind.InnerTalk,), messages, sender))


__all__ = ["SocietyOfMindAgent"]
