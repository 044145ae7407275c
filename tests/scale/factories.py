"""What tests have done in other processes."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from autogen_like import AssistantAgent, ModelRequest, ModelResponse, ScriptedModel, ToolCall, Usage
from autogen_like.core.errors import ConfigError


async def double(task: int) -> int:
    return task * 2


def echo(task: str) -> AssistantAgent:
    """An agent that says what it is told."""
    model = ScriptedModel(lambda request: request.messages[-1]["content"].upper(), usage=Usage(3, 2))
    return AssistantAgent("echo", llm_config=model)


async def odd(task: dict[str, Any]) -> Any:
    """Does what the task says: returns, fails, hangs, dies, ..."""
    note(task)
    kind = task["kind"]
    if kind == "raise":
        raise ValueError("as it was told")
    if kind == "config":
        raise ConfigError("can't be")
    if kind == "strange error":
        raise Strange("a", "b")
    if kind == "hang":
        await asyncio.Event().wait()
    if kind == "block":
        time.sleep(60)
    if kind == "die":
        os._exit(1)
    if kind == "cancel":
        asyncio.current_task().cancel()  # type: ignore[union-attr]
        await asyncio.sleep(0)
    if kind == "unpicklable":
        import threading

        return threading.Lock()
    await asyncio.sleep(task.get("seconds", 0))
    return task.get("result")


class Strange(Exception):
    """Pickles, but can't be made again."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def note(task: dict[str, Any]) -> None:
    """Leaves a trace of each attempt, one line each."""
    if "trace" in task:
        with Path(task["trace"]).open("a") as file:
            file.write(f"{task.get('name')} {os.getpid()}\n")


def traced(path: Path) -> list[tuple[str, int]]:
    """What attempts have left: task and process."""
    if not path.exists():
        return []
    lines = (line.split() for line in path.read_text().splitlines())
    return [(name, int(process)) for name, process in lines]


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def adder() -> AssistantAgent:
    """An agent that calls its tool, then says what came of it."""
    call = ModelResponse(None, (ToolCall("1", "add", '{"a": 1, "b": 2}'),), usage=Usage(5, 5))
    return AssistantAgent("adder", llm_config=ScriptedModel([call, "It is 3."], usage=Usage(3, 4)), tools=[add])


def adds_with_a_tool(request: ModelRequest) -> str | ModelResponse:
    """A model that adds where it has a tool for it, and doesn't know the sum otherwise."""
    if request.messages[-1]["role"] == "tool":
        return str(request.messages[-1]["content"])
    if not request.tools:
        return "I don't know."
    a, b = request.messages[-1]["content"].split(" + ")
    return ModelResponse(None, (ToolCall("1", "add", f'{{"a": {a}, "b": {b}}}'),))


def clerk() -> AssistantAgent:
    """An agent that can add once it has learned to."""
    return AssistantAgent("clerk", llm_config=ScriptedModel(adds_with_a_tool))
