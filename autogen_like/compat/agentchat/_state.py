"""What AG2's agents do before each reply: ``update_agent_state_before_reply``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ...agents.agent import call
from ...core.errors import ConfigError


@dataclass(frozen=True)
class UpdateSystemMessage:
    """Writes an agent's system message anew before each of its replies.

    Args:
        content_updater: A text with ``{name}`` for the agent's context variables, or a function of the agent and the
            messages that gives the text; may be async.

    Raises:
        ConfigError: If it is neither.

    Example:
        >>> from autogen_like.compat import ConversableAgent
        >>> from autogen_like import ScriptedModel
        >>> ada = ConversableAgent(
        ...     "ada",
        ...     llm_config=ScriptedModel(["Yes."]),
        ...     human_input_mode="NEVER",
        ...     update_agent_state_before_reply=[UpdateSystemMessage("You help {who}.")],
        ... )
        >>> ada.context_variables["who"] = "Bob"
        >>> ada.generate_reply([{"role": "user", "content": "Do you?"}]), ada.system_message
        ('Yes.', 'You help Bob.')
    """

    content_updater: str | Callable[..., Any]

    def __post_init__(self) -> None:
        if isinstance(self.content_updater, str):
            return
        if not callable(self.content_updater):
            raise ConfigError(
                f"UpdateSystemMessage takes a text, or a function of the agent and the messages, not "
                f"{self.content_updater!r}"
            )
        if len(inspect.signature(self.content_updater).parameters) != 2:
            raise ConfigError("the function of UpdateSystemMessage takes the agent and the messages")

    async def __call__(self, agent: Any, messages: Sequence[Mapping[str, Any]]) -> None:
        """Sets the system message."""
        if isinstance(self.content_updater, str):
            text: Any = _filled_in(self.content_updater, agent)
        else:
            text = await call(self.content_updater, agent, messages)
        if not isinstance(text, str):
            raise ConfigError(f"the function of UpdateSystemMessage must return a text, not {text!r}")
        agent.update_system_message(text)


def _filled_in(template: str, agent: Any) -> str:
    try:
        return template.format(**agent.context_variables)
    except (KeyError, IndexError) as missing:
        raise ConfigError(
            f"{agent.name}'s system message needs the context variable {missing}; there are "
            f"{sorted(agent.context_variables)}"
        ) from None


Update: TypeAlias = UpdateSystemMessage | Callable[..., Any]


def checked(updates: Sequence[Update] | Update | None) -> tuple[Callable[..., Any], ...]:
    """What is to be done before each reply, one thing or several.

    Raises:
        ConfigError: If one of them can't be called.
    """
    listed = () if updates is None else (updates,) if callable(updates) else tuple(updates)
    for update in listed:
        if not callable(update):
            raise ConfigError(
                "update_agent_state_before_reply takes UpdateSystemMessage, or functions of the agent and the "
                f"messages, not {update!r}"
            )
    return listed


UPDATE_SYSTEM_MESSAGE = UpdateSystemMessage

__all__ = ["UPDATE_SYSTEM_MESSAGE", "Update", "UpdateSystemMessage", "checked"]
