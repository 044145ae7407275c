"""Attempts at a call: trying again, being cut short, and telling how far it is."""

from __future__ import annotations

import asyncio
import threading
from importlib import import_module
from typing import Any

import pytest

from autogen_like.core.errors import ConfigError
from autogen_like.core.events import Event, Notice, ToolFinished, ToolProgress
from autogen_like.core.message import Image, ToolCall, ToolResult
from autogen_like.core.run import Run
from autogen_like.tools.context import ToolContext
from autogen_like.tools.runner import run_calls
from autogen_like.tools.tool import FunctionTool
from autogen_like.tools.toolbox import Toolbox


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("autogen_like.tools.tool")
    monkeypatch.setattr(module, "FIRST_WAIT", 0.001)


async def told(made: FunctionTool, arguments: str = "{}") -> tuple[ToolResult, list[Event]]:
    """The result of a call in a run, and the events of the run."""
    events: list[Event] = []

    async def main(run: Run[Any]) -> ToolResult:
        calls = [ToolCall("c1", made.name, arguments)]
        return (await run_calls(calls, Toolbox([made]), run=run, conversation="conv", speaker="ada"))[0]

    run = Run(main)
    run.subscribe(events.append)
    return await run, events


def progress(events: list[Event]) -> list[Any]:
    return [event.progress for event in events if isinstance(event, ToolProgress)]


class Flaky:
    """A function that fails a number of times."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.calls = 0

    def sync(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "there"

    async def asynchronous(self) -> str:
        return self.sync()


# --- retries


@pytest.mark.parametrize("how", ["sync", "asynchronous"])
async def test_a_repeatable_tool_is_tried_again_and_each_retry_is_told(how):
    flaky = Flaky(ConnectionError("reset"), TimeoutError())
    result, events = await told(FunctionTool(getattr(flaky, how), repeatable=True, retries=3))
    assert (result.content, result.error, flaky.calls) == ("there", False, 3)
    first, second = progress(events)
    assert first.startswith("failed (ConnectionError: reset); retry 1 of 3 in ")
    assert second.startswith("failed (TimeoutError); retry 2 of 3 in ")
    assert sum(isinstance(event, ToolFinished) for event in events) == 1


async def test_after_the_last_retry_the_error_goes_back_with_the_number_of_tries():
    flaky = Flaky(*(ConnectionError("down") for _ in range(9)))
    result, events = await told(FunctionTool(flaky.sync, repeatable=True, retries=2))
    assert result.error
    assert result.content == "Error: ConnectionError: down (tried 3 times)"
    assert (flaky.calls, len(progress(events))) == (3, 2)


@pytest.mark.parametrize("error", [ValueError("no"), FileNotFoundError("x"), SystemExit(2), asyncio.CancelledError()])
async def test_what_trying_again_cannot_mend_is_not_tried_again(error):
    flaky = Flaky(error)
    result, _ = await told(FunctionTool(flaky.asynchronous, repeatable=True, retries=5))
    assert result.error
    assert flaky.calls == 1
    assert "tried" not in result.content


async def test_other_exceptions_may_be_named():
    class Busy(Exception): ...

    flaky = Flaky(Busy(), Busy())
    result, _ = await told(FunctionTool(flaky.sync, repeatable=True, retries=2, retry_on=(Busy,)))
    assert (result.content, flaky.calls) == ("there", 3)


async def test_wrong_arguments_are_never_tried_again():
    calls = 0

    def f(n: int) -> None:
        nonlocal calls
        calls += 1

    retry_on = (Exception,)
    made = FunctionTool(f, description="d", repeatable=True, retries=5, retry_on=retry_on)
    result, events = await told(made, '{"n": "x"}')
    assert result.error
    assert (calls, progress(events)) == (0, [])


async def test_each_try_gets_arguments_of_its_own():
    seen = []

    def f(items: list[int]) -> int:
        seen.append(list(items))
        items.clear()
        if len(seen) == 1:
            raise ConnectionError
        return 1

    await told(FunctionTool(f, description="d", repeatable=True, retries=1), '{"items": [1, 2]}')
    assert seen == [[1, 2], [1, 2]]


async def test_an_async_time_out_is_tried_again_and_a_sync_one_is_not_since_it_still_runs():
    release, started = threading.Event(), []

    async def slow() -> str:
        started.append(1)
        if len(started) == 1:
            await asyncio.sleep(60)
        return "in time"

    def stuck() -> None:
        started.append(2)
        release.wait(60)

    result, _ = await told(FunctionTool(slow, timeout=0.05, repeatable=True, retries=1))
    assert (result.content, started) == ("in time", [1, 1])
    result, _ = await told(FunctionTool(stuck, timeout=0.01, repeatable=True, retries=1))
    release.set()
    assert "left running in the background" in result.content
    assert started == [1, 1, 2]


async def test_cancellation_ends_the_wait_for_a_retry(monkeypatch):
    monkeypatch.setattr(import_module("autogen_like.tools.tool"), "FIRST_WAIT", 60.0)
    failed = asyncio.Event()

    async def fail() -> None:
        failed.set()
        raise ConnectionError

    task = asyncio.create_task(FunctionTool(fail, repeatable=True, retries=1).call(ToolCall("1", "fail", "")))
    await failed.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("options", "told_"),
    [
        ({"retries": 1}, "repeatable=True"),
        ({"retries": -1, "repeatable": True}, "at least 0"),
        ({"retries": 1, "repeatable": True, "retry_on": ()}, "tuple of exception classes"),
        ({"retries": 1, "repeatable": True, "retry_on": (BaseException,)}, "tuple of exception classes"),
        ({"retries": 1, "repeatable": True, "retry_on": ValueError}, "tuple of exception classes"),
        ({"retries": 1, "repeatable": True, "retry_on": ("ValueError",)}, "tuple of exception classes"),
        ({"max_result_chars": 0}, "max_result_chars"),
        ({"tags": "writes"}, "tags"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, told_):
    with pytest.raises(ConfigError, match=told_):
        FunctionTool(print, **options)


# --- being cut short


async def test_a_sync_tool_can_see_that_its_time_is_over():
    noticed = threading.Event()

    def work(ctx: ToolContext) -> None:
        while not ctx.cancelled:
            pass
        noticed.set()

    result, _ = await told(FunctionTool(work, description="d", timeout=0.02))
    assert result.error
    assert await asyncio.to_thread(noticed.wait, 20)


@pytest.mark.parametrize("timeout", [None, 60])
async def test_a_cancelled_run_reaches_a_sync_tool_and_says_that_it_is_left_running(timeout):
    events: list[Event] = []
    started, noticed = threading.Event(), threading.Event()

    def work(ctx: ToolContext) -> None:
        assert not ctx.cancelled
        started.set()
        while not ctx.cancelled:
            pass
        noticed.set()

    made = FunctionTool(work, name="work", description="d", timeout=timeout)

    async def main(run: Run[Any]) -> Any:
        return await run_calls([ToolCall("1", "work", "{}")] * 2, Toolbox([made]), run=run, speaker="ada")

    async def whole() -> None:
        run = Run(main)
        run.subscribe(events.append)
        await run

    task = asyncio.create_task(whole())
    await asyncio.to_thread(started.wait, 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(noticed.wait, 20)
    notices = [event for event in events if isinstance(event, Notice)]
    assert len(notices) == 2
    assert all("work runs in a thread" in event.text and event.kind == "warning" for event in notices)


async def test_a_sync_tool_that_raises_a_cancellation_is_a_failure_and_nothing_is_left_running():
    def odd() -> None:
        raise asyncio.CancelledError

    result, events = await told(FunctionTool(odd))
    assert result.content == "Error: CancelledError: the tool cancelled itself"
    assert not any(isinstance(event, Notice) for event in events)


async def test_an_exception_that_cannot_say_what_it_is_is_named_by_its_type():
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail() -> None:
        raise Mute

    assert (await told(FunctionTool(fail)))[0].content == "Error: Mute"


# --- generators


async def test_what_a_generator_yields_is_progress_and_the_last_of_it_is_the_result():
    def sync(n: int):
        for i in range(n):
            yield f"{i + 1} of {n}"
        yield {"rows": n}

    async def asynchronous(n: int):
        for item in sync(n):
            yield item

    for function in (sync, asynchronous):
        for inline in (True, False):
            made = FunctionTool(function, description="d", inline=inline)
            result, events = await told(made, '{"n": 2}')
            assert (result.content, result.value) == ('{"rows": 2}', {"rows": 2})
            assert progress(events) == ["1 of 2", "2 of 2", {"rows": 2}]


async def test_images_files_and_results_that_are_yielded_are_no_progress():
    async def plot():
        yield "drawing"
        yield Image("https://example.org/a.png")

    def own():
        yield ToolResult(None, "", "no", error=True)

    result, events = await told(FunctionTool(plot, description="d"))
    assert result.parts == (Image("https://example.org/a.png"),)
    assert progress(events) == ["drawing"]
    result, events = await told(FunctionTool(own, description="d"))
    assert (result.error, result.content, progress(events)) == (True, "no", [])


async def test_a_generator_that_yields_nothing_gives_null_and_one_that_raises_is_a_failure():
    async def empty():
        return
        yield

    def fails():
        yield "half"
        raise ValueError("torn")

    assert (await told(FunctionTool(empty, description="d")))[0].content == "null"
    result, events = await told(FunctionTool(fails, description="d"))
    assert (result.content, progress(events)) == ("Error: ValueError: torn", ["half"])


async def test_a_generator_that_is_given_up_is_closed():
    closed = {"sync": threading.Event(), "async": threading.Event()}
    yielded = threading.Event()

    def sync():
        try:
            while True:
                yielded.set()
                yield "more"
        finally:
            closed["sync"].set()

    async def asynchronous():
        try:
            while True:
                yield "more"
                await asyncio.sleep(0.001)
        finally:
            closed["async"].set()

    for function in (sync, asynchronous):
        result, events = await told(FunctionTool(function, description="d", timeout=0.05))
        assert "took longer" in result.content
        assert set(progress(events)) <= {"more"}
    assert await asyncio.to_thread(closed["sync"].wait, 20)
    assert closed["async"].is_set()


async def test_progress_is_not_made_where_nobody_listens():
    async def count():
        yield 1
        yield 2

    result = await FunctionTool(count, description="d").call(ToolCall("1", "count", ""))
    assert result.value == 2
