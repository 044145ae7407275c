"""The protocols of ``autogen.agentchat.agent``."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ...agents.agent import Agent


@runtime_checkable
class LLMAgent(Agent, Protocol):
    """An agent with a model behind it."""

    @property
    def system_message(self) -> str:
        """What the model is told about itself."""
        ...

    def update_system_message(self, system_message: str) -> None:
        """Changes it."""
        ...


def matches_agent(thing: Any) -> bool:
    """Whether something can take the place of an agent: it has a name, and is no string."""
    return isinstance(getattr(thing, "name", None), str)


__all__ = ["Agent", "LLMAgent"]
