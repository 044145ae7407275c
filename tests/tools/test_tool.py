"""Calling a tool: from JSON text to text."""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import threading
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest
from pydantic import BaseModel

from autogen_like.core.errors import ConfigError, ToolSchemaError
from autogen_like.core.message import ToolCall, ToolResult
from autogen_like.core.protocols import Tool
from autogen_like.core.sync import run as run_sync
from autogen_like.tools.context import ToolContext
from autogen_like.tools.results import result_text
from autogen_like.tools.tool import FunctionTool, tool


class Item(BaseModel):
    name: str
    price: float = 0


async def call(made: FunctionTool, arguments: str = "") -> ToolResult:
    return await made.call(ToolCall("c1", made.name, arguments))


def add(a: int, b: int = 2) -> int:
    "Adds two numbers."
    return a + b


async def test_arguments_are_coerced_and_defaults_hold():
    result = await call(FunctionTool(add), '{"a": "5"}')
    assert result == ToolResult("c1", "add", "7")
    assert result.value == 7


async def test_lists_of_models_arrive_as_models():
    seen: list[Any] = []

    @tool
    def total(items: list[Item], best: Item | None = None) -> float:
        "Sums."
        seen.extend(items)
        return sum(item.price for item in items)

    assert (await call(total, '{"items": [{"name": "a", "price": "1.5"}]}')).content == "1.5"
    assert seen == [Item(name="a", price=1.5)]


async def test_number_for_a_string_is_taken_as_text():
    @tool
    def look(zip_code: str) -> str:
        "Looks."
        return zip_code

    assert (await call(look, '{"zip_code": 90210}')).content == "90210"


async def test_wrong_arguments_come_back_naming_each_field():
    @tool
    def buy(item: Item, count: int, note: str = "") -> str:
        "Buys."
        raise AssertionError("not called")

    result = await call(buy, '{"item": {"price": "dear"}, "count": "x", "colour": 1}')
    assert result.error
    assert result.content.startswith("Error: the arguments of buy don't fit: ")
    assert "item.name: required, but not given" in result.content
    assert "item.price: Input should be a valid number" in result.content
    assert "(got 'x')" in result.content
    assert "colour: there is no such argument" in result.content


@pytest.mark.parametrize("text", ['{"a": 1', "nonsense", '{"a": 1}}', "{'a': 1}"])
async def test_broken_json_comes_back_with_what_was_sent(text):
    result = await call(FunctionTool(add), text)
    assert result.error
    assert "not valid JSON" in result.content
    assert result.content.endswith(text)


async def test_arguments_that_are_no_object_are_refused():
    result = await call(FunctionTool(add), "[1, 2]")
    assert result.error
    assert "the arguments: Input should be" in result.content


@pytest.mark.parametrize("text", ["", "  ", "{}", "null"])
async def test_no_arguments_may_be_said_in_several_ways(text):
    assert (await call(FunctionTool(lambda: "done", name="f"), text)).content == "done"


async def test_raw_line_breaks_in_strings_are_understood():
    @tool
    def write(text: str) -> str:
        "Writes."
        return text

    assert (await call(write, '{"text": "a\nb"}')).content == "a\nb"


async def test_null_is_taken_where_the_default_is_none():
    def find(limit: int = None) -> str:  # noqa: RUF013 - as people write it
        "Finds."
        return repr(limit)

    assert (await call(FunctionTool(find), '{"limit": null}')).content == "None"


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("error", [KeyError("k"), ValueError(), StopIteration(3), SystemExit(2)])
async def test_what_a_tool_raises_is_a_result_with_its_type(error, inline):
    def fail() -> None:
        raise error

    result = await call(FunctionTool(fail, inline=inline))
    assert result.error
    assert result.content.startswith("Error: ")
    assert type(error).__name__ in result.content
    assert str(error) in result.content


async def test_key_error_reads_as_it_should():
    def fail() -> None:
        raise KeyError("k")

    assert (await call(FunctionTool(fail))).content == "Error: KeyError: 'k'"


async def test_async_functions_objects_and_hidden_coroutines_are_awaited():
    async def direct() -> str:
        "Waits."
        await asyncio.sleep(0)
        return "done"

    class Caller:
        "Calls."

        async def __call__(self) -> str:
            return "done"

    class Hidden:
        "Gives a coroutine without saying so."

        def __call__(self) -> Any:
            return direct()

    for made in (FunctionTool(direct), FunctionTool(Caller()), FunctionTool(Hidden())):
        assert (await call(made)).content == "done"
    assert FunctionTool(Caller()).is_async


async def test_sync_functions_run_beside_the_loop_and_inline_ones_on_it():
    def where() -> str:
        return threading.current_thread().name

    here = threading.current_thread().name
    assert (await call(FunctionTool(where))).content != here
    assert (await call(FunctionTool(where, inline=True))).content == here


@pytest.mark.parametrize("inline", [True, False])
async def test_context_variables_reach_the_tool(inline):
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("set")

    def look() -> str:
        return variable.get()

    assert (await call(FunctionTool(look, inline=inline))).content == "set"


def test_tool_may_use_the_sync_face_inside():
    async def inner() -> str:
        return "inside"

    made = FunctionTool(lambda: run_sync(inner()), name="f")
    assert run_sync(call(made)).content == "inside"


async def test_async_tool_that_takes_too_long_is_cancelled_and_says_so():
    ended = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    result = await call(FunctionTool(slow, timeout=0.01))
    assert result.error
    assert result.content == "Error: slow took longer than 0.01 s and was cancelled."
    assert ended.is_set()


async def test_async_tool_that_refuses_to_end_is_abandoned(monkeypatch):
    monkeypatch.setattr(import_module("autogen_like.tools.attempt"), "GRACE", 0.01)
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    result = await call(FunctionTool(stubborn, timeout=0.01))
    assert "took longer than 0.01 s" in result.content
    release.set()
    await asyncio.sleep(0.01)


async def test_sync_tool_that_takes_too_long_is_abandoned_and_says_so():
    release = threading.Event()
    result = await call(FunctionTool(lambda: release.wait(60), name="slow", timeout=0.01))
    release.set()
    assert result.error
    assert "took longer than 0.01 s and was left running" in result.content


async def test_time_out_of_the_tools_own_is_told_apart():
    async def fail() -> None:
        raise TimeoutError("the server")

    assert (await call(FunctionTool(fail, timeout=5))).content == "Error: TimeoutError: the server"


@pytest.mark.parametrize("timeout", [None, 30])
async def test_cancellation_reaches_the_tool_and_is_not_swallowed(timeout):
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    task = asyncio.create_task(call(FunctionTool(slow, timeout=timeout)))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled.is_set()


async def test_tool_that_cancels_itself_is_one_failing_result():
    async def odd() -> None:
        raise asyncio.CancelledError

    assert (await call(FunctionTool(odd))).error


async def test_context_is_given_under_the_name_that_the_function_chose():
    seen: list[ToolContext] = []

    @tool
    def f(n: int, here: ToolContext) -> str:
        "F."
        seen.append(here)
        here.progress("nobody listens")
        return "ok"

    assert (await call(f, '{"n": 1}')).content == "ok"
    assert seen[0].call.name == "f"
    assert seen[0].run is None
    assert seen[0].deps is None
    assert (await call(f, '{"n": 1, "here": 2}')).error


async def test_unannotated_functions_can_be_run_but_not_described():
    made = FunctionTool(lambda a, *rest, **more: [a, more], name="f", inline=True)
    assert (await call(made, '{"a": {"x": 1}, "b": 2}')).content == '[{"x": 1}, {"b": 2}]'
    with pytest.raises(ToolSchemaError):
        _ = made.schema


async def test_hint_that_pydantic_does_not_know_takes_what_is_sent():
    class Odd: ...

    def f(a, b):
        return [a, b]

    f.__annotations__ = {"a": int, "b": Odd}
    assert (await call(FunctionTool(f, inline=True), '{"a": "1", "b": 2}')).content == "[1, 2]"


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (None, "null"),
        (Item(name="a"), '{"name":"a","price":0.0}'),
        ([1, "é"], '[1, "é"]'),
        ({"p": Point(1), "t": dt.date(2026, 1, 2), "i": Item(name="b")}, None),
        ({(1, 2): 3}, "{(1, 2): 3}"),
    ],
)
def test_results_become_text(value, text):
    if text is None:
        text = '{"p": {"x": 1}, "t": "2026-01-02", "i": {"name": "b", "price": 0.0}}'
    assert result_text(value) == text


def test_result_that_contains_itself_becomes_text_too():
    circle: list[Any] = []
    circle.append(circle)
    assert result_text(circle) == "[[...]]"


async def test_long_result_is_cut_in_the_middle_with_a_note():
    made = FunctionTool(lambda: "a" * 50 + "b" * 50, name="f", inline=True, max_result_chars=20)
    result = await call(made)
    assert result.content == "a" * 16 + "\n[... 80 of 100 characters left out here ...]\n" + "b" * 4
    assert len(result.value) == 100
    whole = FunctionTool(lambda: "a" * 500_000, name="f", inline=True, max_result_chars=None)
    assert len((await call(whole)).content) == 500_000


async def test_tool_may_give_a_result_of_its_own_making():
    made = FunctionTool(lambda: ToolResult(None, "", "no", error=True), name="f", inline=True)
    assert await call(made) == ToolResult("c1", "f", "no", error=True)


def test_decorator_keeps_the_function_callable_and_checks_it_at_once():
    @tool(name="plus", timeout=3, repeatable=True)
    def add(a: int, b: int) -> int:
        "Adds."
        return a + b

    assert add(1, 2) == 3
    assert (add.name, add.description, add.timeout, add.repeatable) == ("plus", "Adds.", 3, True)
    assert isinstance(add, Tool)
    assert add.__doc__ == "Adds."
    assert repr(add) == "FunctionTool('plus')"
    with pytest.raises(ToolSchemaError, match="no description"):

        @tool
        def bare(a: int) -> None: ...


def test_schema_is_made_once():
    made = FunctionTool(add)
    assert made.schema is made.schema


@pytest.mark.parametrize("timeout", [0, -1])
def test_time_out_must_be_positive(timeout):
    with pytest.raises(ConfigError, match="positive"):
        FunctionTool(add, timeout=timeout)


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(ConfigError, match="inline"):
        FunctionTool(add, timeout=1, inline=True)
    with pytest.raises(ConfigError, match="from a function"):
        FunctionTool(3)  # type: ignore[arg-type]


def test_a_tool_can_have_another_name_without_losing_its_own():
    made = FunctionTool(add, timeout=3, strict=True)
    other = made.renamed("plus", "Adds up.")
    assert (made.name, made.schema["function"]["name"]) == ("add", "add")
    assert (other.name, other.description, other.timeout) == ("plus", "Adds up.", 3)
    assert other.schema["function"]["name"] == "plus"
    assert made.renamed() is made
    assert made.renamed("add") is made
