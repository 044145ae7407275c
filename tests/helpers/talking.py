"""Speakers who say what a test gives them, in conversations that a test makes up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from autogen_like.core.conversation import Conversation, Turn
from autogen_like.core.message import Message, ToolCall, ToolResult
from autogen_like.core.run import Run
from autogen_like.core.termination import StopCondition, StopReason
from autogen_like.core.transcript import Transcript

Speak = Callable[[Turn], Awaitable[Any]]


class Speaker:
    def __init__(self, name: str, speak: Speak) -> None:
        self.name = name
        self.speak = speak

    async def reply(self, turn: Turn) -> Any:
        return await self.speak(turn)


class InTurn:
    def __init__(self, *speakers: Speaker) -> None:
        self.speakers = speakers
        self.asked = 0

    async def next(self, conversation: Conversation) -> Speaker:
        self.asked += 1
        return self.speakers[self.asked % len(self.speakers)]


async def counting(turn: Turn) -> Message:
    return Message(turn.speaker.name, f"{turn.speaker.name} {turn.index}")


def scripted(*replies: Any) -> Speak:
    """Says these in turn, then nothing; a text, or a message, reason, or error to raise."""
    rest: Iterator[Any] = iter(replies)

    async def speak(turn: Turn) -> Any:
        reply = next(rest, None)
        if isinstance(reply, BaseException):
            raise reply
        return Message(turn.speaker.name, reply) if isinstance(reply, str) else reply

    return speak


def between(ada: Speak, bob: Speak, transcript: Transcript | None = None) -> Conversation:
    one, two = Speaker("ada", ada), Speaker("bob", bob)
    return Conversation((one, two), InTurn(one, two), lambda who: two if who is one else one, transcript)


def runs(
    held: Conversation,
    opening: Message | None = None,
    stop: StopCondition | None = None,
    heard: list[Any] | None = None,
    **options: Any,
) -> Run[StopReason]:
    async def main(run: Run[StopReason]) -> StopReason:
        return await held.converse(run, opening, stop=stop)

    run = Run(main, **options)
    if heard is not None:
        run.subscribe(heard.append)
    return run


HELLO = Message("ada", "Hello")


def call(speaker: str = "ada", *ids: str, arguments: str = "{}") -> Message:
    return Message(speaker, None, tuple(ToolCall(one, "tool", arguments) for one in ids or ("1",)))


def result(speaker: str = "bob", *ids: str, content: str = "ok") -> Message:
    return Message(speaker, tool_results=tuple(ToolResult(one, "tool", content) for one in ids or ("1",)))


def texts(held: Conversation) -> list[str]:
    return [message.text for message in held.transcript]


def waits() -> Speak:
    async def wait(turn: Turn) -> None:
        await asyncio.sleep(3600)

    return wait


def cut_short(held: Conversation, **options: Any) -> Run[StopReason]:
    run = runs(held, call("ada", "1", "2"), **options)
    asyncio.get_running_loop().call_later(0.02, run.cancel)
    return run
