"""What a tool may know of the run that it is called in."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Optional

import pytest

from autogen_like import AssistantAgent, ScriptedModel, ToolContext, function_schema, tool
from autogen_like.core.message import ToolCall
from autogen_like.core.transcript import Transcript
from autogen_like.models.client import ModelResponse
from autogen_like.tools.tool import FunctionTool


class Database:
    def __init__(self) -> None:
        self.rows = 3


def typed(ctx: ToolContext[Database]) -> int:
    "Counts."
    return ctx.deps.rows


def annotated(ctx: Annotated[ToolContext[Database] | None, "filled in"] = None) -> int:
    "Counts."
    assert ctx is not None
    return ctx.deps.rows


def optional(ctx: Optional[ToolContext] = None) -> int:  # noqa: UP045
    "Counts."
    assert ctx is not None
    return ctx.deps.rows


def calling(name: str) -> ScriptedModel:
    return ScriptedModel([ModelResponse(None, (ToolCall("c1", name, "{}"),)), "done"])


@pytest.mark.parametrize("function", [typed, annotated, optional])
async def test_a_typed_parameter_is_filled_in_and_not_shown(function):
    assert function_schema(function)["function"]["parameters"]["properties"] == {}
    assert function_schema(function, strict=True)["function"]["parameters"]["required"] == []
    ada = AssistantAgent("ada", llm_config=calling(function.__name__), tools=[function])
    result = await ada.run(message="count", deps=Database())
    assert result.messages[2].tool_results[0].value == 3


async def test_a_tool_sees_the_run_the_agent_and_everything_said_so_far():
    seen: list[ToolContext[Any]] = []

    @tool
    def look(ctx: ToolContext) -> str:
        "Looks."
        seen.append(ctx)
        assert ctx.transcript is not None
        return ctx.transcript[0].text

    ada = AssistantAgent("ada", llm_config=calling("look"), tools=[look])
    result = await ada.run(message="Where am I?")
    (ctx,) = seen
    assert result.messages[2].tool_results[0].content == "Where am I?"
    assert isinstance(ctx.transcript, Transcript)
    assert (ctx.agent, ctx.call.name, ctx.deps, ctx.cancelled) == ("ada", "look", None, False)
    assert ctx.run is not None
    assert ctx.conversation


async def test_outside_of_a_run_there_is_only_the_call():
    seen: list[ToolContext[Any]] = []

    def look(ctx: ToolContext) -> None:
        seen.append(ctx)
        ctx.progress("nobody listens")

    await FunctionTool(look).call(ToolCall("c1", "look", ""))
    (ctx,) = seen
    assert (ctx.run, ctx.transcript, ctx.agent, ctx.conversation) == (None, None, "", "")
    assert "transcript" not in repr(ctx)
    with pytest.raises(dataclasses.FrozenInstanceError):
        ctx.agent = "eve"  # type: ignore[misc]


async def test_each_call_has_a_context_of_its_own():
    seen: list[ToolContext[Any]] = []

    def look(ctx: ToolContext) -> None:
        seen.append(ctx)

    made = FunctionTool(look)
    for number in range(3):
        await made.call(ToolCall(str(number), "look", ""))
    assert [ctx.call.id for ctx in seen] == ["0", "1", "2"]
    assert len({id(ctx._state) for ctx in seen}) == 3
