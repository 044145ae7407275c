"""A program that is killed: a chat with tools in a store, gone on with as often as need be.

What its tools do to the world is a line in a file; how it ended is written into another one when it is over.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from autogen_like import (
    AssistantAgent,
    ChatResult,
    ConversableAgent,
    FunctionTool,
    GroupChat,
    GroupChatManager,
    Leased,
    ModelResponse,
    Run,
    ScriptedModel,
    Store,
    ToolCall,
    UserProxyAgent,
)

Tools = Sequence[FunctionTool]
LEASE = 0.2  # seconds: who goes on with what was killed waits for so long


def tools(effects: Path) -> Tools:
    def book(what: str) -> str:
        "Books something; twice would be once too often."
        with effects.open("a") as file:
            file.write(f"{what}\n")
        return f"{what} is booked"

    async def look(what: str) -> str:
        "Looks something up."
        await asyncio.sleep(0.001)
        return f"{what} is free"

    return [FunctionTool(book, inline=True), FunctionTool(look, repeatable=True)]


def wants(*steps: str) -> ModelResponse:
    """Looks for the first and books all."""
    calls = [("look", steps[0]), *(("book", step) for step in steps)]
    return ModelResponse(
        tool_calls=tuple(ToolCall(f"{name}-{what}", name, json.dumps({"what": what})) for name, what in calls)
    )


def after(*replies: ModelResponse | str) -> ScriptedModel:
    """A model that says the n-th thing after it has spoken n times, as far as it can see."""

    def reply(request: Any) -> ModelResponse | str:
        mine = [one for one in request.messages if one["role"] == "assistant" and one["name"] == request.prefix.agent]
        return replies[len(mine)]

    return ScriptedModel(reply, record=False)


def guest(**more: Any) -> UserProxyAgent:
    return UserProxyAgent("guest", human_input_mode="NEVER", **more)


def two(tools: Tools, **kept: Any) -> Run[ChatResult]:
    """Two agents, of whom one calls the other's tools."""
    steps = [wants(f"{step}a", f"{step}b") for step in range(5)]
    ada = AssistantAgent("ada", llm_config=after(*steps, "All is booked. TERMINATE"))
    return guest(tools=tools).run(ada, "A trip, please.", **kept)


def group(tools: Tools, **kept: Any) -> Run[ChatResult]:
    """A group whose speakers a model selects; two of three have tools."""
    ada = AssistantAgent("ada", llm_config=after(wants("flight"), "Flown.", "Well."), tools=tools)
    bob = AssistantAgent("bob", llm_config=after("I plan.", wants("room", "bed"), "Slept. TERMINATE"), tools=tools)

    def select(request: Any) -> str:
        """Whoever didn't speak last; bob begins."""
        spoken = [one["name"] for one in request.messages if one.get("name") in ("ada", "bob")]
        return "ada" if spoken[-1:] == ["bob"] else "bob"

    chat = GroupChat(
        [guest(), ada, bob], max_round=12, select_speaker_auto_llm_config=ScriptedModel(select, record=False)
    )
    return chat.agents[0].run(GroupChatManager(chat), "Plan a trip.", **kept)


def _clerk(name: str, what: str, tools: Tools) -> AssistantAgent:
    return AssistantAgent(name, llm_config=after(wants(what), f"{what} is booked."), tools=tools)


def nested(tools: Tools, **kept: Any) -> Run[ChatResult]:
    """A member of a group answers by chats of its own, the last of which asks an agent as a tool."""
    asks = ModelResponse(tool_calls=(ToolCall("c", "clerk", '{"message": "Book it."}'),))
    boss_tools = [_clerk("clerk", "taxi", tools).as_tool(description="Books.")]
    boss = AssistantAgent("boss", llm_config=after(asks, "It is booked."), tools=boss_tools)
    desk = ConversableAgent("desk", human_input_mode="NEVER")
    chats = [
        {"recipient": _clerk("ada", "flight", tools), "max_turns": 1, "summary_method": "last_msg"},
        {"recipient": _clerk("bob", "room", tools), "message": "And a room.", "max_turns": 1},
        {"recipient": boss, "message": "And a taxi.", "max_turns": 1},
    ]
    desk.register_nested_chats(chats, trigger=lambda sender: True)
    eve = AssistantAgent("eve", llm_config=after("Thank you.", "TERMINATE"))
    chat = GroupChat([guest(), desk, eve], speaker_selection_method="round_robin", max_round=3)
    return chat.agents[0].run(GroupChatManager(chat), "A trip, please.", **kept)


def parallel(tools: Tools, **kept: Any) -> Run[ChatResult]:
    """Nested chats side by side, and one that builds on them."""
    desk = ConversableAgent("desk", human_input_mode="NEVER")
    chats = [
        {"chat_id": "air", "recipient": _clerk("ada", "flight", tools), "message": "Fly.", "max_turns": 1},
        {"chat_id": "bed", "recipient": _clerk("bob", "room", tools), "message": "Sleep.", "max_turns": 1},
        {"chat_id": "sum", "recipient": _clerk("eve", "taxi", tools), "message": "Ride.", "max_turns": 1,
         "prerequisites": ["air", "bed"]},
    ]  # fmt: skip
    desk.register_nested_chats(chats, trigger="guest", use_async=True)
    return guest().run(desk, "A trip, please.", max_turns=1, **kept)


SHAPES: dict[str, Callable[..., Run[ChatResult]]] = {
    "two": two, "group": group, "nested": nested, "parallel": parallel,
}  # fmt: skip


async def _hold(shape: str, url: str, run_id: str, effects: Path, resume: bool) -> ChatResult:
    async def person(request: Any) -> str:
        """Looks whether it was done, as a person would."""
        what = json.loads(request.call.arguments)["what"]
        done = effects.exists() and what in effects.read_text().split()
        return f"I have looked: {what} is booked" if done else "yes"

    kept = {"resume": run_id} if resume else {}
    async with Store(url, lease=LEASE) as store:
        while True:
            run = SHAPES[shape](tools(effects), store=store, human=person, **kept)
            run.id = run_id
            try:
                return await run
            except Leased:  # it was renewed at the last moment
                await asyncio.sleep(LEASE / 4)


def hold(shape: str, url: str, run_id: str, effects: Path, ended: Path, resume: bool) -> None:
    """Holds a chat in this process, to its end; writes how it ended where `ended` says."""
    os.environ.pop("OPENAI_API_KEY", None)
    result = asyncio.run(_hold(shape, url, run_id, effects, resume))
    half = ended.with_suffix(".new")
    half.write_text(json.dumps({"why": result.stop_reason.kind, "summary": result.summary}))
    half.replace(ended)
