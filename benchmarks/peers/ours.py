"""Our own turns; see ../turns.py."""

from __future__ import annotations

import asyncio
import json
import sys
import time

before = time.process_time()
from autogen_like import AssistantAgent, GroupChat, GroupChatManager, UserProxyAgent  # noqa: E402, F401

IMPORT = (time.process_time() - before) * 1e3

from autogen_like import MaxMessages, ScriptedModel, ToolCall  # noqa: E402
from autogen_like.models.client import ModelResponse  # noqa: E402
from autogen_like.tools.tool import FunctionTool  # noqa: E402

MODEL = ScriptedModel(lambda _: "hello", record=False)


def agent(name: str) -> AssistantAgent:
    return AssistantAgent(name, llm_config=MODEL, max_consecutive_auto_reply=10**9, description=name)


async def two(turns: int) -> float:
    first, second = agent("a"), agent("b")
    start = time.process_time()
    result = await first.run(second, "hi", stop=MaxMessages(turns))
    spent = time.process_time() - start
    assert len(result.messages) == turns
    return spent / turns * 1e3


async def group(turns: int, *, events: bool) -> float:
    agents = [agent(name) for name in "abcde"]
    manager = GroupChatManager(GroupChat(agents, max_round=turns, speaker_selection_method="round_robin"))
    run = agents[0].run(manager, "hi")
    seen: list[object] = []
    if events:
        run.subscribe(seen.append, deltas=False)
    start = time.process_time()
    result = await run
    spent = time.process_time() - start
    assert len(result.messages) == turns
    return spent / turns * 1e3


async def tool_run(runs: int = 500) -> float:
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    call = ModelResponse(None, (ToolCall("c", "add", '{"a": 1, "b": 2}'),))
    model = ScriptedModel(lambda request: "3" if len(request.messages) > 1 else call, record=False)
    asked = AssistantAgent("bob", llm_config=model, tools=[FunctionTool(add, inline=True)])
    start = time.process_time()
    for _ in range(runs):
        result = await asked.run(message="1 + 2?")
    spent = time.process_time() - start
    assert result.summary == "3"
    return spent / runs * 1e3


async def main() -> None:
    results = {"import": IMPORT}
    await two(200)
    for turns in map(int, sys.argv[1:]):
        results[f"two_{turns}"] = await two(turns)
        results[f"group_{turns}"] = await group(turns, events=False)
        results[f"group_events_{turns}"] = await group(turns, events=True)
    results["tool"] = await tool_run()
    print(json.dumps(results))


asyncio.run(main())
