"""Runs the tools that the last message called."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Protocol

from ...core.conversation import Turn
from ...core.message import Message, Part, Text, ToolResult
from ...core.protocols import Reply
from ...tools.approval import ApprovalRule
from ...tools.runner import run_calls
from ...tools.toolbox import ToolSource, tools_at
from ..handoff import Handoffs


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

    @property
    def tool_approval(self) -> ApprovalRule | None:
        """Which calls need a person's yes."""
        ...

    def a_get_human_input(self, prompt: str) -> Awaitable[str]:
        """Asks at the terminal."""
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
            Handoffs(tools_at(self._agent.tools, turn.conversation, turn.run, last.speaker), turn),
            run=turn.run,
            conversation=turn.conversation.id,
            speaker=self._agent.name,
            transcript=turn.transcript,
            policy=self._agent.tool_approval,
            terminal=self._agent.a_get_human_input,
            state=partial(turn.conversation.state, turn.run),
        )
        return Message(self._agent.name, _parts_of(results), tool_results=results)


def _parts_of(results: Sequence[ToolResult]) -> tuple[Part, ...] | None:
    """Images and files that came with results: chat APIs take only text in results, so they are said after them."""
    parts: list[Part] = []
    for result in results:
        if result.parts:
            parts += (Text(f"From the tool {result.name}:"), *result.parts)
    return tuple(parts) or None
