"""Answers with what came out of chats of one's own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...core.conversation import Turn
from ...core.message import Message, content_text
from ...core.protocols import Reply
from ...core.termination import StopReason
from ..agent import call
from ..queue import a_chain, a_initiate_chats
from .function import FunctionBackend, Trigger, matches


class NestedBackend:
    """Holds a queue of chats and answers with the last one's summary.

    Args:
        agent: Whose chats they are; the sender of those that name none.
        chat_queue: The chats; a ``message`` may be a function of (recipient, messages, sender, config). The first
            chat without one begins with the message that is being answered.
        trigger: Whom this answers.
        parallel: Whether the chats are a graph (`a_initiate_chats`) instead of a sequence.
        config: Passed on to message functions.
    """

    name = "nested"

    def __init__(
        self,
        agent: Any,  # any agent that can begin chats
        chat_queue: Sequence[Mapping[str, Any]],
        trigger: Trigger,
        *,
        parallel: bool = False,
        config: Any = None,
    ) -> None:
        self._agent = agent
        self._chats = chat_queue
        self._trigger = trigger
        self._parallel = parallel
        self._config = config

    async def reply(self, turn: Turn) -> Reply:
        """The summary of the last chat."""
        if not matches(self._trigger, turn.sender):
            return None
        chats = await self._chats_to_hold(turn)
        if not chats:
            return StopReason("no_reply", "none of the nested chats has a message", self._agent.name)
        if self._parallel:
            results = list((await a_initiate_chats(chats, self._agent)).values())
        else:
            results = await a_chain(chats, self._agent)
        summary = results[-1].summary
        return Message(self._agent.name, summary if isinstance(summary, str) else str(summary))

    async def _chats_to_hold(self, turn: Turn) -> list[dict[str, Any]]:
        chats = []
        for index, chat in enumerate(self._chats):
            message = chat.get("message")
            if message is None and index == 0:
                message = content_text(turn.messages[-1].get("content")) if turn.messages else None
            if callable(message):
                message = await call(message, self._agent, turn.messages, turn.sender, self._config)
            if message:
                chats.append({**chat, "message": message})
        return chats


def nested_function(
    agent: Any, chat_queue: Sequence[Mapping[str, Any]], trigger: Trigger, function: Callable[..., Any], config: Any
) -> FunctionBackend:
    """A backend for a reply function of the user's that gets the queue: ``(chat_queue, recipient, messages, ...)``."""

    def reply(recipient: Any, messages: Any, sender: Any, config: Any) -> Any:
        return function(chat_queue, recipient, messages, sender, config)

    return FunctionBackend(agent, functools.update_wrapper(reply, function), trigger, config)
