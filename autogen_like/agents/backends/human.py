"""Asks a person, before everything else or when the chat would end."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from ...core.conversation import Turn
from ...core.events import HumanRequested
from ...core.message import Message, ToolResult, new_id
from ...core.protocols import Reply
from ...core.termination import StopReason
from .termination import Terminating, should_stop

EXIT = "exit"
_ALWAYS = "{name}, what do you reply to {sender}? (Enter: answer by itself, 'exit': end the chat) "
_ENDING = "{name}, the chat with {sender} is about to end. What do you reply? (Enter or 'exit': end it) "
_LIMIT = "{name} has answered {sender} often enough. What do you reply? (Enter: go on by itself, 'exit': end the chat) "


class Asking(Terminating, Protocol):
    """What the human backend knows of its agent."""

    def a_get_human_input(self, prompt: str) -> Awaitable[str]:
        """Asks at the terminal."""
        ...


class HumanBackend:
    """AutoGen 0.2's human input modes.

    ALWAYS asks before each reply; TERMINATE asks when the chat would otherwise end; NEVER doesn't ask. An empty answer
    lets the next backend reply (or ends a chat that would have ended); "exit" ends it.
    """

    name = "human"

    def __init__(self, agent: Asking) -> None:
        self._agent = agent

    async def reply(self, turn: Turn) -> Reply:
        """What the person says, a reason to stop, or None to go on without them."""
        agent = self._agent
        mode = agent.human_input_mode
        if mode == "NEVER":
            return None
        replies = turn.conversation.auto_replies
        ending = should_stop(agent, turn)
        text, asked = "", False
        if mode == "ALWAYS":
            text, asked = await self._ask(_ALWAYS, turn), True
            if not text and (ending is not None and ending.kind == "termination_message"):
                return self._stopped(turn, ending)
        elif ending is not None:
            limit = ending.kind == "max_consecutive_auto_reply"
            text, asked = await self._ask(_LIMIT if limit else _ENDING, turn), True
            if not text and not limit:
                return self._stopped(turn, ending)
        if text == EXIT:
            return self._stopped(turn, StopReason("human_exit", f"the person behind {agent.name} left", agent.name))
        if text or (asked and agent.max_consecutive_auto_reply(turn.sender) == 0):
            replies[agent.name] = 0
            turn.run.human_input.append(text)
            return self._said(text, turn)
        if asked:
            turn.notice("the person said nothing", "no_human_input")
        replies[agent.name] = replies.get(agent.name, 0) + 1
        turn.notice("replies by itself", "auto_reply")
        return None

    def _stopped(self, turn: Turn, reason: StopReason) -> StopReason:
        turn.conversation.auto_replies[self._agent.name] = 0
        return reason

    def _said(self, text: str, turn: Turn) -> Message:
        """The person's words; calls that were waiting to be run are told that they were interrupted."""
        calls = turn.transcript.open_calls()
        interrupted = tuple(ToolResult(call.id, call.name, "USER INTERRUPTED", error=True) for call in calls)
        return Message(self._agent.name, text, tool_results=interrupted)

    async def _ask(self, prompt: str, turn: Turn) -> str:
        agent = self._agent
        sender = "the sender" if turn.sender is None else turn.sender.name
        # The same question has the same id when a paused conversation goes on with this turn.
        asked_about = f"{turn.last.id}.{agent.name}" if turn.last is not None else new_id()
        request = HumanRequested(
            turn.conversation.id, asked_about, agent.name, prompt.format(name=agent.name, sender=sender)
        )

        async def terminal(asked: HumanRequested) -> str:
            return await agent.a_get_human_input(asked.prompt)

        text = await turn.run.ask(request, terminal)
        return EXIT if text.strip() == EXIT else text
