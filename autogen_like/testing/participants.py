"""Checks of what answers and of what chooses: backends, and functions that select the next speaker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..agents.agent import call
from ..agents.backends.base import Backend
from ..agents.conversable import ConversableAgent
from ..agents.pair import Pair
from ..core.conversation import Conversation, Turn
from ..core.message import Message, ToolCall, ToolResult
from ..core.run import Run
from ..core.termination import StopReason
from ..core.transcript import Transcript
from ..groupchat.group import METHODS, GroupChat
from ..groupchat.manager import GroupChatManager
from ..models.scripted import ScriptedModel

_OCCASIONS: tuple[tuple[Message, ...], ...] = (
    (Message("other", "Hello"),),
    (Message("other", ""),),
    (Message("other", "Hello"), Message("agent", "Hi"), Message("other", "And?")),
    (Message("other", None, (ToolCall("1", "unknown", "{}"),)),),
    (
        Message("agent", None, (ToolCall("1", "unknown", "{}"),)),
        Message("other", tool_results=(ToolResult("1", "unknown", "Error: Function unknown not found.", error=True),)),
    ),
)


def check_backend(make: Callable[[ConversableAgent], Backend]) -> None:
    """Checks that a backend keeps to `Backend`: what it may return, that it only reads, and that chats don't mix.

    Args:
        make: Makes a backend for an agent. Called once; no loop may be running.

    Raises:
        AssertionError: If it does not; the message says how.

    Example:
        >>> from autogen_like.agents.backends import ModelBackend
        >>> check_backend(ModelBackend)
    """
    agent = ConversableAgent("agent", llm_config=ScriptedModel(lambda _: "Hi"), human_input_mode="NEVER")
    other = ConversableAgent("other", human_input_mode="NEVER")
    backend = make(agent)
    assert isinstance(backend, Backend), f"{backend!r} lacks something of Backend"
    assert backend.name, "name must be a name"
    agent.backends = [backend]

    async def answer(said: tuple[Message, ...]) -> None:
        transcript = Transcript(said)
        pair = Pair(other, agent)
        conversation = Conversation((other, agent), pair, pair.other, transcript)

        async def main(run: Run[None]) -> None:
            turn = Turn(conversation, run, agent, other)
            _check_reply(await backend.reply(turn), agent.name)

        await Run(main)
        assert tuple(transcript) == said, "a backend returns its reply: the loop adds it to the transcript"

    async def all_at_once() -> None:
        await asyncio.gather(*(answer(said) for said in _OCCASIONS * 3))

    for said in _OCCASIONS:
        asyncio.run(answer(said))
    asyncio.run(all_at_once())


def _check_reply(reply: object, name: str) -> None:
    assert reply is None or isinstance(reply, Message | StopReason), f"a reply must be a Message, not {reply!r}"
    if isinstance(reply, Message):
        assert reply.speaker == name, f"a reply is said by the agent {name!r}, not by {reply.speaker!r}"
        assert not (reply.tool_calls and reply.tool_results), "a message calls tools or answers them, not both"


# A selector takes the last speaker and the group, and returns a member, the name of a method, or None; may be async.
def check_selector(select: Callable[[Any, GroupChat], Any], names: tuple[str, ...] = ("ada", "bob", "eve")) -> None:
    """Checks a function for ``speaker_selection_method``: what it may return, that it only reads, that a chat ends.

    Args:
        select: The function. No loop may be running.
        names: The members of the group that it is tried on.

    Raises:
        AssertionError: If it does not; the message says how.

    Example:
        >>> check_selector(lambda last_speaker, group: group.next_agent(last_speaker))
    """
    members = [
        ConversableAgent(name, llm_config=ScriptedModel(lambda _: "Hello"), human_input_mode="NEVER") for name in names
    ]
    stranger = ConversableAgent("stranger", human_input_mode="NEVER")

    async def chosen(last: ConversableAgent, said: tuple[Message, ...]) -> None:
        group = GroupChat(members, speaker_selection_method="round_robin")
        group.transcript = Transcript(said)
        answer = await call(select, last, group)
        allowed = answer is None or answer in members or (isinstance(answer, str) and answer.lower() in METHODS)
        assert allowed, f"it must choose a member, None or one of {METHODS}, not {answer!r}"
        assert group.agents == members, "it must leave the members as they are"
        assert tuple(group.transcript) == said, "it must leave what was said as it is"

    for last in (*members, stranger):
        for said in _OCCASIONS[:3]:
            asyncio.run(chosen(last, (*said, Message(last.name, "Hello"))))
    group = GroupChat(members, speaker_selection_method=select, max_round=12)
    result = stranger.initiate_chat(GroupChatManager(group), message="Begin.", silent=True)
    assert {message.speaker for message in result.messages} <= {*names, "stranger"}, "only members may speak"
    assert len(result.messages) <= 12, "the group's rounds must hold"
