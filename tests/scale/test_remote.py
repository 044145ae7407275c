"""A member of a group in another process: what it says, does, asks and spends is known here; cancelling reaches it."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
from pathlib import Path
from typing import Any

import pytest

from autogen_like import (
    AssistantAgent,
    ConfigError,
    ConversableAgent,
    ConversationError,
    GroupChat,
    GroupChatManager,
    Limits,
    ScriptedModel,
    Usage,
    UserProxyAgent,
    remote,
)
from autogen_like.scale.ray_cluster import GONE

from .factories import add, adder
from .ray_head import Head

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]


def writer(*replies: str) -> AssistantAgent:
    return AssistantAgent("writer", llm_config=ScriptedModel(list(replies), usage=Usage(1, 1)))


async def test_it_takes_part_in_a_group_with_its_tools_events_and_usage(head: Head) -> None:
    member = remote(adder)
    assert (member.name, member.can_execute_function("add"), member.can_execute_function(["add", "x"])) == (
        "adder", True, False
    )  # fmt: skip
    group = GroupChat(
        [writer("What is 1 + 2?", "Thanks."), member], speaker_selection_method="round_robin", max_round=5
    )
    run = GroupChatManager(group).run(message="Begin")
    events = [type(event).__name__ async for event in run]
    result = await run
    said = [(message.speaker, message.text) for message in result.messages]
    assert said[0] == ("user", "Begin")
    assert ("adder", "It is 3.") in said
    assert said[-1] == ("writer", "Thanks.")
    assert {"ToolStarted", "ToolFinished", "TextDelta"} <= set(events)
    assert result.usage_by_agent["adder"].total.total_tokens == 17
    assert run.usage.total.total_tokens == 21


async def test_only_what_is_new_is_sent_and_a_new_process_is_told_all(head: Head) -> None:
    def counter() -> AssistantAgent:
        import os

        model = ScriptedModel(lambda request: f"{len(request.messages)} {os.getpid()}")
        return AssistantAgent("counter", llm_config=model)

    member = remote(counter)
    sizes: list[int] = []
    request = member._request

    def seen(*arguments: Any) -> Any:
        made = request(*arguments)
        sizes.append(len(made.messages))
        return made

    member._request = seen  # type: ignore[method-assign]
    processes: list[str] = []

    async def go_on(_: Any, messages: Any = None, sender: Any = None, config: Any = None) -> tuple[bool, str]:
        processes.append(messages[-1]["content"].split()[1])
        if len(processes) == 2:  # between its second turn and its third
            os.kill(int(processes[-1]), signal.SIGKILL)
            await _there_again(member)
        return True, "Go on."

    bob = ConversableAgent("bob")
    bob.register_reply(lambda _: True, go_on)
    result = await bob.run(member, message="Count", max_turns=4)
    assert sizes == [1, 2, 2, 5, 2]  # the third time its process knows nothing, says so, and is told all
    counts = [int(message.text.split()[0]) for message in result.messages if message.speaker == "counter"]
    assert counts == [1, 3, 5, 7]
    assert len(set(processes)) == 2


async def _there_again(member: Any) -> None:
    """Waits until a process that was killed has been started anew."""
    while True:
        try:
            await member._actor.about.remote()
        except GONE:
            await asyncio.sleep(0.2)
        else:
            return


async def test_an_exception_there_is_raised_here(head: Head) -> None:
    def broken() -> AssistantAgent:
        return AssistantAgent("broken", llm_config=ScriptedModel([ValueError("the model is down")]))

    with pytest.raises(ConversationError, match="broken, backend 'model', turn 0: ValueError: the model is down"):
        await ConversableAgent("bob").run(remote(broken), message="Hi")


async def test_time_outs_and_cancellation_reach_it(head: Head, tmp_path: Path) -> None:
    trace = tmp_path / "cancelled"

    def slow() -> AssistantAgent:
        async def hang(_: Any) -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                trace.write_text("yes")
                raise
            return ""

        return AssistantAgent("slow", llm_config=ScriptedModel(hang))

    member = remote(slow)
    result = await ConversableAgent("bob").run(member, message="Hi", limits=Limits(seconds=2))
    assert result.stop_reason.kind == "timeout"
    assert trace.read_text() == "yes"
    trace.unlink()
    run = ConversableAgent("bob").run(member, message="Hi").start()
    await asyncio.sleep(1)
    run.cancel()
    assert (await run).stop_reason.kind == "cancelled"
    assert trace.read_text() == "yes"


async def test_a_person_is_asked_here(head: Head) -> None:
    def person() -> UserProxyAgent:
        return UserProxyAgent("person", human_input_mode="ALWAYS", code_execution_config=False)

    answers = iter(["Hello from here", "exit"])

    async def human(_: Any) -> str:
        return next(answers)

    member = remote(person)
    bot = ConversableAgent("bot", default_auto_reply="Beep")
    result = await bot.run(member, message="Hi", human=human)
    assert [message.text for message in result.messages] == ["Hi", "Hello from here", "Beep"]
    assert result.stop_reason.kind == "human_exit"
    with pytest.raises(ConversationError, match="can't pause"):
        await bot.run(member, message="Hi", human="pause")


async def test_an_agent_itself_may_go_and_stays_as_it_is_here(head: Head) -> None:
    agent = AssistantAgent("ada", llm_config=ScriptedModel(["There."]), tools=[add])
    result = await ConversableAgent("bob").run(remote(agent), message="Where?", max_turns=1)
    assert result.summary == "There."
    assert agent.usage.total.requests == 0


def test_what_cannot_go_is_told(head: Head) -> None:
    with pytest.raises(ConfigError, match="must not take a secret along"):
        remote(AssistantAgent("ada", llm_config={"model": "m", "api_key": "0123456789abcdef"}))
    with pytest.raises(ConfigError, match="remote takes an agent"):
        remote(lambda: 3)  # type: ignore[arg-type, return-value]
    member = remote(adder)
    assert repr(member) == "RemoteAgent('adder')"
    with pytest.raises(TypeError, match="belongs to this process"):
        pickle.dumps(member)
