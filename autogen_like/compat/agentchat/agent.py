"""The protocols of ``autogen.agentchat.agent``."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ...agents import agent


@runtime_checkable
class Agent(agent.Agent, Protocol):
    """`autogen_like.agents.agent.Agent`, and the async methods that 0.2's protocol has beside them.

    What takes part in a chat needs them as little as it does there.
    """

    async def a_send(self, message: Any, recipient: Any, request_reply: bool | None = None) -> Any:
        """Says something to another agent."""
        ...

    async def a_receive(self, message: Any, sender: Any, request_reply: bool | None = None) -> Any:
        """Is told something by another agent."""
        ...

    async def a_generate_reply(self, messages: Any = None, sender: Any = None, **kwargs: Any) -> Any:
        """Answers without saying it."""
        ...


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
