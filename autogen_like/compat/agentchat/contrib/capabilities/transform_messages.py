"""``autogen.agentchat.contrib.capabilities.transform_messages``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....io import IOStream
from .agent_capability import AgentCapability
from .transforms import MessageTransform


class TransformMessages(AgentCapability):
    """Lets an agent see what transforms make of the conversation, in sync and async chats.

    Args:
        transforms: In order.
        verbose: Whether it is printed what they did.

    Example:
        >>> from autogen_like.compat import ConversableAgent
        >>> from autogen_like.compat.agentchat.contrib.capabilities.transforms import MessageHistoryLimiter
        >>> agent = ConversableAgent("ada", human_input_mode="NEVER")
        >>> TransformMessages(transforms=[MessageHistoryLimiter(2)], verbose=False).add_to_agent(agent)
        >>> len(agent.process_all_messages_before_reply([{"role": "user", "content": text} for text in "abc"]))
        2
    """

    def __init__(self, *, transforms: Sequence[MessageTransform] = (), verbose: bool = True) -> None:
        self._transforms = list(transforms)
        self._verbose = verbose

    def add_to_agent(self, agent: Any) -> None:
        """Lets an agent see so."""
        agent.register_hook("process_all_messages_before_reply", self._transform_messages)

    def _transform_messages(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        system = messages[:1] if messages and messages[0].get("role") == "system" else []
        seen = messages[1:] if system else messages
        for transform in self._transforms:
            before, seen = seen, transform.apply_transform(seen)
            if self._verbose:
                said, effective = transform.get_logs(before, seen)
                if effective:
                    IOStream.get_default().print(said)
        return [*system, *seen] if system else seen

    # Transforms change nothing, so they are shown the messages themselves, and no history is copied for them.
    _transform_messages.read_only = True  # type: ignore[attr-defined]
