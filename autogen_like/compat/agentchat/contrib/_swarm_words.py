"""What AG2's swarms are told with: handoffs, what follows work, and what functions return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import BaseModel, Field, field_serializer

from ....core.errors import ConfigError
from ..conversable_agent import ConversableAgent


class AfterWorkOption(Enum):
    """What follows when an agent has answered and handed nothing over."""

    TERMINATE = "TERMINATE"
    REVERT_TO_USER = "REVERT_TO_USER"
    STAY = "STAY"
    SWARM_MANAGER = "SWARM_MANAGER"


@dataclass
class AfterWork:
    """Who follows when an agent has answered and handed nothing over.

    Args:
        agent: An option, an agent, or a function ``(last_speaker, messages, groupchat)`` that gives one.
        next_agent_selection_msg: What the selecting model is told, with SWARM_MANAGER.

    Raises:
        ConfigError: If it is a text, and no option's name; or if what the model is told is no text.
    """

    agent: Any
    next_agent_selection_msg: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.agent, str):
            name = self.agent.upper()
            if name not in AfterWorkOption.__members__:
                raise ConfigError(f"AfterWork: {self.agent!r} is none of {', '.join(AfterWorkOption.__members__)}")
            self.agent = AfterWorkOption[name]
        if self.next_agent_selection_msg is not None and not isinstance(self.next_agent_selection_msg, str):
            raise ConfigError(
                "AfterWork: next_agent_selection_msg is a text; where the context decides, let a function select: "
                "AfterWork(function)"
            )


@dataclass
class OnCondition:
    """A handoff that the agent's model decides on.

    Args:
        target: Whom to: an agent, or nested chats as ``{"chat_queue": [...]}``.
        condition: When, in words for the model.
        available: Whether it is on offer: the name of a variable, or a function ``(agent, message)``.

    Raises:
        ConfigError: If the target is neither.
    """

    target: Any = None
    condition: str = ""
    available: str | Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.target, Mapping | ConversableAgent):
            raise ConfigError(
                f"OnCondition: a target is an agent, or {{'chat_queue': [...]}}, not {type(self.target).__name__}"
            )


class SwarmResult(BaseModel):
    """What a function of a swarm's agent may return.

    Args:
        values: What the model reads.
        agent: Who speaks next: an agent, its name, or an `AfterWorkOption`.
        context_variables: Variables to set.

    Example:
        >>> SwarmResult("Booked.", "closer", {"city": "Rome"}).model_dump_json()
        '{"values":"Booked.","agent":"closer","context_variables":{"city":"Rome"}}'
    """

    values: str = ""
    agent: Any = None
    context_variables: dict[str, Any] = Field(default_factory=dict)

    def __init__(self, values: str = "", agent: Any = None, context_variables: Mapping[str, Any] | None = None) -> None:
        super().__init__(values=values, agent=agent, context_variables=dict(context_variables or {}))

    @field_serializer("agent")
    def _name_of(self, agent: Any) -> Any:
        return getattr(agent, "name", agent)

    def __str__(self) -> str:
        return self.values
