"""Tools, models and agents that the tests of this room share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from zlib import crc32

from autogen_like import AssistantAgent, FunctionTool, ModelResponse, ScriptedModel, ToolCall
from autogen_like.ecoact import SelectiveToolbox


def tool(name: str, does: Callable[[int, int], int] = lambda a, b: a + b, description: str = "") -> FunctionTool:
    """A tool with two numbers."""

    def function(a: int, b: int) -> int:
        return does(a, b)

    told = description or f"Does {name} with two numbers, which is told here at some length, as real tools have it."
    return FunctionTool(function, name=name, description=told, inline=True)


def tools(number: int = 20) -> list[FunctionTool]:
    return [tool(f"tool_{at}") for at in range(number)]


def calls(name: str, arguments: object = None, id_: str | None = None) -> ModelResponse:
    """A reply that calls one tool."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    return ModelResponse(tool_calls=(ToolCall(id_ or f"call_{crc32((name + text).encode()):08x}", name, text),))


def registers(*names: str, id_: str | None = None) -> ModelResponse:
    arguments = {"tool_name": names[0]} if len(names) == 1 else {"tool_names": list(names)}
    return calls("tool_register", arguments, id_)


def uses(box: SelectiveToolbox, name: str, a: int = 1, b: int = 2, id_: str | None = None) -> ModelResponse:
    """A call of a registered tool, as the layout has it."""
    if box.layout == "inline":
        return calls("call_tool", {"name": name, "arguments": {"a": a, "b": b}}, id_)
    return calls(name, {"a": a, "b": b}, id_)


def asking(box: Any, *replies: Any, name: str = "ada", **options: Any) -> tuple[AssistantAgent, ScriptedModel]:
    model = ScriptedModel(list(replies))
    return AssistantAgent(name, llm_config=model, tools=box, **options), model


def offered(model: ScriptedModel) -> list[list[str]]:
    """Names of the tools that each request offered."""
    return [[one["function"]["name"] for one in request.tools] for request in model.requests]


def results(outcome: Any) -> list[str]:
    """What tools gave, in order."""
    return [result.content for message in outcome.messages for result in message.tool_results]
