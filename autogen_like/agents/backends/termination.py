"""Ends a chat when its time has come, where no person is to be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ...core.conversation import Turn
from ...core.message import Message
from ...core.protocols import Reply
from ...core.termination import StopReason


class Terminating(Protocol):
    """What the termination and human backends know of their agent."""

    human_input_mode: str

    @property
    def name(self) -> str:
        """The agent's name."""
        ...

    def max_consecutive_auto_reply(self, sender: Any = None) -> float:
        """How often it may answer in a row."""
        ...

    @property
    def is_termination_msg(self) -> Callable[[Mapping[str, Any]], Any]:
        """Whether a message ends the chat."""
        ...


def should_stop(agent: Terminating, turn: Turn) -> StopReason | None:
    """Why the agent would not answer by itself: a message that ends the chat, or too many replies in a row."""
    last = turn.last
    if last is not None and agent.is_termination_msg(last.render(agent.name)):
        return StopReason("termination_message", f"{last.speaker} ended the chat with {_shown(last)}", last.speaker)
    limit = agent.max_consecutive_auto_reply(turn.sender)
    if turn.conversation.auto_replies.get(agent.name, 0) >= limit:
        return StopReason("max_consecutive_auto_reply", f"{agent.name} answered {limit} times in a row", agent.name)
    return None


def _shown(message: Message) -> str:
    text = message.text
    return repr(text if len(text) <= 80 else "..." + text[-77:])


class TerminationBackend:
    """For agents that ask no person: stops where `should_stop` says so, and counts replies in a row otherwise."""

    name = "termination"

    def __init__(self, agent: Terminating) -> None:
        self._agent = agent

    async def reply(self, turn: Turn) -> Reply:
        """A reason to stop, or None."""
        agent = self._agent
        if agent.human_input_mode != "NEVER":
            return None
        reason = should_stop(agent, turn)
        if reason is None:
            replies = turn.conversation.auto_replies
            replies[agent.name] = replies.get(agent.name, 0) + 1
        return reason
