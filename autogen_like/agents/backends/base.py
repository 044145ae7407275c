"""The protocol of backends."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ...core.conversation import Turn
from ...core.protocols import Reply


@runtime_checkable
class Backend(Protocol):
    """One way for an agent to answer."""

    @property
    def name(self) -> str:
        """For error messages, and to read `ConversableAgent.backends`."""
        ...

    async def reply(self, turn: Turn) -> Reply:
        """A message to say, a `StopReason` to end the conversation, or None to let the next backend answer."""
        ...
