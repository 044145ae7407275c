"""What calls cost, counted: schemas, validators, tasks, threads, events."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pydantic
import pytest

from autogen_like.core import sync
from autogen_like.core.message import ToolCall
from autogen_like.core.run import Run
from autogen_like.tools import arguments, runner, schema, signature
from autogen_like.tools.context import ToolContext
from autogen_like.tools.runner import run_calls
from autogen_like.tools.tool import FunctionTool
from autogen_like.tools.toolbox import Toolbox


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[Any]:
    """The arguments of each call of a function from now on."""
    calls: list[Any] = []
    real = getattr(module, name)

    def count(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, count)
    return calls


def new_function() -> Any:
    def add(a: int, b: int = 2) -> int:
        "Adds two numbers."
        return a + b

    return add


def call(number: int = 0, text: str = '{"a": 1}') -> ToolCall:
    return ToolCall(str(number), "add", text)


async def test_signature_schema_and_validator_are_made_once_for_a_function(monkeypatch):
    looked = counted(monkeypatch, signature, "_inspect")
    schemas = counted(monkeypatch, schema, "_parameters_schema")
    validators = counted(monkeypatch, schema, "_arguments_validator")
    function = new_function()
    for _ in range(5):  # as many agents
        made = FunctionTool(function, inline=True)
        box = Toolbox([made])
        for number in range(5):
            box.schemas()
            await run_calls([call(number)], box)
    assert (len(looked), len(schemas), len(validators)) == (1, 1, 1)


async def test_a_call_makes_no_adapter_and_reads_its_json_once(monkeypatch):
    made = FunctionTool(new_function(), inline=True)
    await made.call(call())
    adapters = counted(monkeypatch, pydantic.TypeAdapter, "__init__")
    loads = counted(monkeypatch, arguments.json, "loads")
    await made.call(call())
    assert adapters == []
    assert loads == []  # pydantic has read it
    await made.call(call(text='{"a": 1, "b": null}'))
    assert len(loads) == 1


async def test_one_call_makes_no_task_and_many_make_one_each(monkeypatch):
    box = Toolbox([FunctionTool(new_function(), inline=True)])
    tasks = counted(monkeypatch, runner.asyncio, "create_task")
    await run_calls([call()], box)
    assert tasks == []
    await run_calls([call(number) for number in range(10)], box)
    assert len(tasks) == 10


async def test_a_time_out_costs_one_task_and_no_more_without_one(monkeypatch):
    started = counted(monkeypatch, asyncio, "ensure_future")

    async def add(a: int) -> int:
        return a

    await FunctionTool(add).call(call())
    assert started == []
    await FunctionTool(add, timeout=60).call(call())
    assert len(started) == 1


async def test_an_inline_or_async_tool_needs_no_thread(monkeypatch):
    monkeypatch.setattr(sync, "_idle", [])
    threads = counted(monkeypatch, threading.Thread, "start")
    await FunctionTool(new_function(), inline=True).call(call())
    assert threads == []
    for _ in range(30):
        await FunctionTool(new_function()).call(call())
    assert 1 <= len(threads) < 10


async def test_events_and_contexts_are_made_only_where_they_are_wanted(monkeypatch):
    events = counted(monkeypatch, runner, "ToolStarted")
    contexts = counted(monkeypatch, ToolContext, "__init__")
    box = Toolbox([FunctionTool(new_function(), inline=True)])

    async def main(run: Run[Any]) -> Any:
        return await run_calls([call()], box, run=run)

    await Run(main)
    assert (events, contexts) == ([], [])
    run = Run(main)
    run.subscribe(lambda _: None)
    await run
    assert len(events) == 1


async def test_a_hundred_sync_calls_run_at_once_however_many_processors_there_are():
    meeting = threading.Barrier(100, timeout=60)

    def add(a: int) -> int:
        return meeting.wait()

    results = await run_calls([call(number) for number in range(100)], Toolbox([FunctionTool(add, description="d")]))
    assert sorted(result.value for result in results) == list(range(100))


async def test_strict_schemas_are_made_once_for_a_tool(monkeypatch):
    made = FunctionTool(new_function(), strict=True)
    stricts = counted(monkeypatch, schema, "strict_parameters")
    assert made.schema is made.schema
    assert len(stricts) == 1
