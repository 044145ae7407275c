"""Conversations of speakers that a test makes up, and runs of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from autogen_like.core.conversation import Conversation, Turn
from autogen_like.core.message import Message
from autogen_like.core.run import Run
from autogen_like.core.termination import StopCondition, StopReason

Speak = Callable[[Turn], Awaitable[Any]]


class Speaker:
    """Answers with what a function says; by default a new text at each turn, without waiting for anything."""

    def __init__(self, name: str, speak: Speak | None = None) -> None:
        self.name = name
        self.speak = speak

    async def reply(self, turn: Turn) -> Any:
        if self.speak is None:
            return Message(self.name, f"{self.name} {turn.index}")
        return await self.speak(turn)


class InTurn:
    def __init__(self, *speakers: Speaker) -> None:
        self.speakers = speakers
        self.asked = 0

    async def next(self, conversation: Conversation) -> Speaker:
        self.asked += 1
        return self.speakers[self.asked % len(self.speakers)]


def conversation(speak: Speak | None = None) -> Conversation:
    ada, bob = Speaker("ada", speak), Speaker("bob", speak)
    return Conversation((ada, bob), InTurn(ada, bob), lambda one: bob if one is ada else ada)


def chat(
    speak: Speak | None = None, stop: StopCondition | None = None, log: list[Conversation] | None = None, **options: Any
) -> Run[StopReason]:
    """A run of a conversation that begins with "Hello" and gives its stop reason."""
    held = conversation(speak)
    if log is not None:
        log.append(held)

    async def main(run: Run[StopReason]) -> StopReason:
        return await held.converse(run, Message("ada", "Hello"), stop=stop)

    return Run(main, **options)


async def forever(turn: Turn) -> Any:
    await asyncio.sleep(3600)


async def soon(condition: Callable[[], Any]) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)
