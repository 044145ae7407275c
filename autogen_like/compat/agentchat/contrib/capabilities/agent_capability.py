"""``autogen.agentchat.contrib.capabilities.agent_capability``."""

from __future__ import annotations

from typing import Any


class AgentCapability:
    """Something that can be added to an agent."""

    def add_to_agent(self, agent: Any) -> None:
        """Adds it.

        Raises:
            NotImplementedError: Unless a subclass does it.
        """
        raise NotImplementedError(f"{type(self).__name__} must say what add_to_agent does")
