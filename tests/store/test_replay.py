"""Replays: the same program goes the same way without asking anybody; a changed one is told where it differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from autogen_like import (
    AssistantAgent,
    ChatResult,
    ConversableAgent,
    FunctionTool,
    GroupChat,
    GroupChatManager,
    ModelResponse,
    ScriptedModel,
    TextDelta,
    ToolCall,
    UserProxyAgent,
)
from autogen_like.core.errors import ReplayDiffers
from autogen_like.store.replay import Recording


class Records:
    """A store that keeps records in a list."""

    def __init__(self) -> None:
        self.records: list[tuple[str, Any]] = []

    async def begin(self, run_id: str) -> Records:
        return self

    async def resume(self, run_id: str) -> Records:
        return self

    async def append(self, conversation: str, record: Any) -> None:
        self.records.append((conversation, record))

    async def recover(self, key: str) -> None:
        return None

    async def release(self, reason: object = None) -> None:
        pass


ran: list[str] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


def look(what: str) -> str:
    "Looks something up."
    ran.append(what)
    return f"{what} is free, looked up {len(ran)} times"


MUTE: list[Any] = []
LOOK = ModelResponse(tool_calls=(ToolCall("c", "look", json.dumps({"what": "a room"})),))


def guest() -> UserProxyAgent:
    return UserProxyAgent("guest", human_input_mode="NEVER")


async def alone(store: Any, said: list[Any], **changed: Any) -> ChatResult:
    tools = changed.pop("tools", [FunctionTool(look, inline=True)])
    message = changed.pop("message", "A room, please.")
    agent = AssistantAgent("ada", llm_config=ScriptedModel(said), tools=tools, **changed)
    return await agent.run(message=message, store=store)


async def group(store: Any, said: list[Any], **changed: Any) -> ChatResult:
    selector = ScriptedModel(said and ["bob", "ada"])
    ada = AssistantAgent("ada", llm_config=ScriptedModel(said and ["Bye. TERMINATE"]))
    bob = AssistantAgent("bob", llm_config=ScriptedModel(said and ["Hello, all."]))
    chat = GroupChat([guest(), ada, bob], max_round=changed.get("max_round", 5), allow_repeat_speaker=False)
    return await chat.agents[0].run(GroupChatManager(chat, llm_config=selector), "Speak.", store=store)


async def nested(store: Any, said: list[Any], **changed: Any) -> ChatResult:
    clerk = AssistantAgent(
        "clerk", changed.get("prompt", "Be kind."), llm_config=ScriptedModel(said and ["It is free."])
    )
    desk = ConversableAgent("desk", human_input_mode="NEVER")
    desk.register_nested_chats([{"recipient": clerk, "max_turns": 1}], trigger="guest")
    return await guest().run(desk, "A room, please.", max_turns=1, store=store)


async def person(store: Any, said: list[Any], **changed: Any) -> ChatResult:
    carol = ConversableAgent("carol", human_input_mode="ALWAYS", llm_config=False)

    async def answer(request: Any) -> str:
        ran.append("a person was asked")
        return "Hello there."

    return await guest().run(carol, "Hi.", max_turns=1, store=store, human=answer)


PROGRAMS: dict[Callable[..., Any], list[Any]] = {
    alone: [LOOK, "It is free."],
    group: ["yes"],
    nested: ["yes"],
    person: ["yes"],
}


async def recorded(program: Callable[..., Any], **options: Any) -> tuple[ChatResult, Recording]:
    kept = Records()
    result = await program(kept, PROGRAMS[program])
    ran.clear()
    return result, Recording(kept.records, **options)


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_replay_goes_the_same_way_and_asks_nobody(program: Callable[..., Any]):
    then, recording = await recorded(program)
    for _ in range(2):
        now = await program(recording, MUTE)
        assert [(one.speaker, one.content) for one in now.messages] == [
            (one.speaker, one.content) for one in then.messages
        ]
        assert now.stop_reason == then.stop_reason
        assert now.summary == then.summary
        assert not ran


async def test_a_replay_is_streamed_to_who_reads_its_events():
    _, recording = await recorded(alone)
    ada = AssistantAgent("ada", llm_config=ScriptedModel([]), tools=[FunctionTool(look, inline=True)])
    run = ada.run(message="A room, please.", store=recording)
    said = [event.text async for event in run if isinstance(event, TextDelta) and event.kind == "text"]
    assert "".join(said) == "It is free."


async def test_a_replay_needs_no_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    _, recording = await recorded(alone)
    agent = AssistantAgent("ada", llm_config={"model": "gpt-4.1-mini"}, tools=[FunctionTool(look)])
    assert (await agent.run(message="A room, please.", store=recording)).summary == "It is free."


def other(what: str, city: str = "") -> str:
    "Looks something up."
    return "never run"


@pytest.mark.parametrize(
    ("changed", "where", "what"),
    [
        ({"system_message": "Be rude."}, "message 1", "the system message differs"),
        ({"tools": [FunctionTool(other, name="look")]}, "message 1", "the tool 'look' is described otherwise"),
        ({"tools": [FunctionTool(look), FunctionTool(other)]}, "message 1", "the tool 'other' is new"),
        ({"tools": []}, "message 1", "the tool 'look' is gone"),
        ({"message": "A suite, please."}, "message 0", "then 'A room, please.', now 'A suite, please.'"),
    ],
)
async def test_the_first_difference_is_told_with_its_place(changed: dict[str, Any], where: str, what: str):
    _, recording = await recorded(alone)
    with pytest.raises(ReplayDiffers) as caught:
        await alone(recording, MUTE, **changed)
    assert caught.value.where.endswith(where)
    assert what in caught.value.what


async def test_tools_may_be_run_again_and_what_they_give_is_compared():
    _, recording = await recorded(alone, run_tools=True)
    assert (await alone(recording, MUTE)).summary == "It is free."
    assert ran == ["a room"]
    with pytest.raises(ReplayDiffers, match=r"what tools gave differs.*1 times.*2 times"):
        await alone(recording, MUTE)


async def test_a_difference_inside_a_nested_chat_is_told():
    _, recording = await recorded(nested)
    with pytest.raises(ReplayDiffers, match=r"the chat of desk and clerk at .*the system message differs"):
        await nested(recording, MUTE, prompt="Be rude.")


async def test_a_chat_that_ends_sooner_or_later_differs():
    _, recording = await recorded(group)
    with pytest.raises(ReplayDiffers, match=r"then ada said 'Bye. TERMINATE', now it is over"):
        await group(recording, MUTE, max_round=2)


async def test_a_difference_that_a_tool_swallows_still_ends_the_replay():
    async def boss(store: Any, said: list[Any], prompt: str = "Be kind.") -> ChatResult:
        clerk = AssistantAgent("clerk", prompt, llm_config=ScriptedModel(said and ["Done."]))
        ask = ModelResponse(tool_calls=(ToolCall("c", "clerk", '{"message": "Do it."}'),))
        agent = AssistantAgent(
            "boss", llm_config=ScriptedModel(said and [ask, "Well."]), tools=[clerk.as_tool("clerk", "x")]
        )
        return await agent.run(message="Go.", store=store)

    kept = Records()
    await boss(kept, ["yes"])
    recording = Recording(kept.records, run_tools=True)
    assert (await boss(recording, MUTE)).summary == "Well."
    with pytest.raises(ReplayDiffers, match="the system message differs"):
        await boss(recording, MUTE, prompt="Be rude.")


async def test_what_was_asked_twice_since_the_process_died_is_replayed_once():
    kept = Records()
    await alone(kept, PROGRAMS[alone])
    replied = next(place for place, (_, record) in enumerate(kept.records) if type(record).__name__ == "Replied")
    opened = kept.records[0]
    ran.clear()
    recording = Recording([*kept.records[: replied + 1], opened, *kept.records[replied:]])
    assert (await alone(recording, MUTE)).summary == "It is free."
