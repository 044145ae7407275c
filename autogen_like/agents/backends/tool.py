"""Runs the tools that the last message called."""

from __future__ import annotations

from typing import Protocol

from ...core.conversation import Turn
from ...core.message import Message
from ...core.protocols import Reply
from ...tools.runner import run_calls
from ...tools.toolbox import ToolSource


class WithTools(Protocol):
    """What the tool backend knows of its agent."""

    @property
    def name(self) -> str:
        """The agent's name."""
        ...

    @property
    def tools(self) -> ToolSource:
        """Tools that it can run."""
        ...


class ToolBackend:
    """Runs the calls of the last message side by side; all their results are one message."""

    name = "tool"

    def __init__(self, agent: WithTools) -> None:
        self._agent = agent

    async def reply(self, turn: Turn) -> Reply:
        """The results, or None if nothing was called."""
        last = turn.last
        if last is None or not last.tool_calls:
            return None
        results = await run_calls(
            last.tool_calls,
            self._agent.tools,
            run=turn.run,
            conversation=turn.conversation.id,
            speaker=self._agent.name,
        )
        return Message(self._agent.name, tool_results=results)
