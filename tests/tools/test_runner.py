"""Running the calls of one message."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from autogen_like.core.errors import ConfigError, ToolSchemaError
from autogen_like.core.events import Event, ToolFinished, ToolProgress, ToolStarted
from autogen_like.core.message import ToolCall, ToolResult
from autogen_like.core.run import Run
from autogen_like.tools.context import ToolContext
from autogen_like.tools.runner import run_calls
from autogen_like.tools.tool import FunctionTool, tool
from autogen_like.tools.toolbox import Toolbox, ToolSource


def calls(*names: str) -> list[ToolCall]:
    return [ToolCall(f"c{index}", name, "{}") for index, name in enumerate(names)]


def box(**functions: Any) -> Toolbox:
    return Toolbox([FunctionTool(function, name=name) for name, function in functions.items()])


async def in_run(
    todo: list[ToolCall], tools: ToolSource, *, journal: Any = None, listen: bool = True
) -> tuple[tuple[ToolResult, ...], list[Event]]:
    events: list[Event] = []

    async def main(run: Run[Any]) -> tuple[ToolResult, ...]:
        return await run_calls(todo, tools, run=run, conversation="conv", speaker="ada")

    run = Run(main, journal=journal, deps="database")
    if listen:
        run.subscribe(events.append)
    return await run, events


class Notebook:
    def __init__(self) -> None:
        self.records: list[Any] = []

    async def append(self, conversation: str, record: Any) -> None:
        self.records.append((conversation, record.call.name, record.result))


async def test_results_come_in_the_order_of_the_calls_though_they_run_side_by_side():
    second_ran = asyncio.Event()

    async def first() -> str:
        await second_ran.wait()
        return "one"

    async def second() -> str:
        second_ran.set()
        return "two"

    results = await run_calls(calls("first", "second"), box(first=first, second=second))
    assert [(result.call_id, result.content) for result in results] == [("c0", "one"), ("c1", "two")]


async def test_sync_tools_run_side_by_side_too():
    barrier = threading.Barrier(2, timeout=10)
    results = await run_calls(calls("meet", "meet"), box(meet=lambda: barrier.wait() >= 0))
    assert [result.content for result in results] == ["true", "true"]


async def test_one_failing_tool_is_one_failing_result():
    def fail() -> None:
        raise ValueError("no")

    results = await run_calls(calls("ok", "fail", "lost"), box(ok=lambda: "fine", fail=fail))
    assert [result.content for result in results] == [
        "fine",
        "Error: ValueError: no",
        "Error: Function lost not found.",
    ]
    assert [result.error for result in results] == [False, True, True]


async def test_no_calls_give_no_results():
    assert await run_calls([], box()) == ()


async def test_a_single_call_makes_no_task():
    async def who() -> bool:
        return asyncio.current_task() is here

    here = asyncio.current_task()
    assert (await run_calls(calls("who"), box(who=who)))[0].content == "true"


async def test_start_progress_and_end_are_events():
    def work(ctx: ToolContext) -> str:
        ctx.progress(0.5)
        assert ctx.run is not None
        return f"{ctx.agent} {ctx.conversation} {ctx.deps}"

    async def awork(ctx: ToolContext) -> str:
        return work(ctx)

    for tools in (box(work=work), box(work=awork)):
        (result,), events = await in_run(calls("work"), tools)
        assert result.content == "ada conv database"
        assert [type(event) for event in events] == [ToolStarted, ToolProgress, ToolFinished]
        assert events[1].progress == 0.5
        assert events[2].result is result
        assert events[2].seconds >= 0


async def test_unknown_tool_is_told_to_listeners_but_not_to_the_journal():
    journal = Notebook()
    (result,), events = await in_run(calls("lost"), box(), journal=journal)
    assert result.content == "Error: Function lost not found."
    assert [type(event) for event in events] == [ToolStarted, ToolFinished]
    assert journal.records == []


@pytest.mark.parametrize("listen", [True, False])
async def test_call_is_in_the_journal_before_it_runs_and_after(listen):
    journal = Notebook()
    seen: list[int] = []
    (result,), _ = await in_run(
        calls("look"), box(look=lambda: seen.append(len(journal.records))), journal=journal, listen=listen
    )
    assert seen == [1]
    assert journal.records == [("conv", "look", None), ("conv", "look", result)]


async def test_failing_journal_stops_the_siblings_and_is_raised():
    cancelled = asyncio.Event()

    class Broken:
        async def append(self, conversation: str, record: Any) -> None:
            if record.call.name == "second":
                await asyncio.sleep(0)
                raise OSError("disk full")

    async def first() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    with pytest.raises(OSError, match="disk full"):
        await in_run(calls("first", "second"), box(first=first, second=first), journal=Broken())
    assert cancelled.is_set()


async def test_cancellation_reaches_all_siblings():
    running, ended = 0, 0
    both = asyncio.Event()

    async def slow() -> None:
        nonlocal running, ended
        running += 1
        if running == 2:
            both.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended += 1

    task = asyncio.create_task(run_calls(calls("slow", "slow"), box(slow=slow)))
    await both.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == 2


class Foreign:
    """A tool of another make, with a fault to choose."""

    name, description, schema = "foreign", "", Mapping

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def call(self, call: ToolCall) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (ValueError("x"), "Error: ValueError: x"),
        ("text", "Error: Foreign.call gave str, not a ToolResult"),
        (ToolResult("other", "other", "fine"), "fine"),
    ],
)
async def test_tools_that_break_their_promise_do_no_harm(answer, content):
    (result,) = await run_calls(calls("foreign"), Toolbox([Foreign(answer)]))
    assert (result.call_id, result.name, result.content) == ("c0", "foreign", content)


async def test_source_may_offer_other_tools_in_each_conversation():
    class Picky:
        def schemas(self, conversation: str = "") -> list[Mapping[str, Any]]:
            return []

        def get(self, name: str, conversation: str = "") -> Any:
            return FunctionTool(lambda: "yes", name=name) if conversation == "mine" else None

    assert isinstance(Picky(), ToolSource)
    assert (await run_calls(calls("f"), Picky(), conversation="mine"))[0].content == "yes"
    assert (await run_calls(calls("f"), Picky(), conversation="yours"))[0].error


# --- the toolbox


@tool
def beta(n: int) -> int:
    "Beta."
    return n


def alpha(n: int) -> int:
    "Alpha."
    return n


def test_toolbox_is_in_the_order_of_names_and_wraps_functions():
    tools = Toolbox([beta, alpha])
    assert tools.names == ("alpha", "beta")
    assert [spec["function"]["name"] for spec in tools.schemas()] == ["alpha", "beta"]
    assert [one.name for one in tools] == ["alpha", "beta"]
    assert tools.get("beta") is beta
    assert tools.get("gamma") is None
    assert "alpha" in tools
    assert len(tools) == 2
    assert repr(tools) == "Toolbox(['alpha', 'beta'])"
    assert isinstance(tools, ToolSource)


def test_schemas_are_built_again_only_when_the_tools_change():
    tools = Toolbox([alpha])
    before = tools.schemas()
    assert tools.schemas("anywhere") is before
    tools.add(beta)
    assert len(tools.schemas()) == 2
    tools.remove("beta")
    assert tools.schemas() == before
    with pytest.raises(ConfigError, match="there are alpha"):
        tools.remove("beta")


def test_same_name_twice_is_a_warning_and_replaces():
    tools = Toolbox([beta])
    tools.add(beta)
    other = FunctionTool(alpha, name="beta")
    with pytest.warns(UserWarning, match="'beta' was there already"):
        tools.add(other)
    assert tools.get("beta") is other


def test_bare_function_must_be_describable_and_others_are_refused():
    with pytest.raises(ToolSchemaError):
        Toolbox([lambda a: a])
    with pytest.raises(ConfigError, match="is neither"):
        Toolbox([3])  # type: ignore[list-item]
    Toolbox([FunctionTool(lambda a: a, name="only_run")])
