"""The engine's thread: shared by callers of any loop, never in their way, and free again as soon as one leaves."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from autogen_like.serving.engine import EngineThread


@pytest.fixture
def thread() -> Iterator[EngineThread[str]]:
    thread = EngineThread(lambda: "engine", name="test-engine")
    yield thread
    thread.close()


async def collect(thread: EngineThread[str], *items: int) -> list[int]:
    return [item async for item in thread.stream(lambda _: iter(items))]


async def test_items_arrive_in_order_from_another_thread(thread: EngineThread[str]) -> None:
    seen: set[str] = set()

    def work(engine: str) -> Iterator[str]:
        seen.add(threading.current_thread().name)
        yield from engine

    assert [item async for item in thread.stream(work)] == list("engine")
    assert seen == {"test-engine"}


async def test_jobs_take_turns_item_by_item(thread: EngineThread[str]) -> None:
    order: list[str] = []
    all_there = threading.Event()

    def work(name: str) -> Iterator[int]:
        all_there.wait(10)
        for item in range(3):
            order.append(name)
            yield item

    async def one(name: str) -> list[int]:
        return [item async for item in thread.stream(lambda _: work(name))]

    tasks = [asyncio.create_task(one(name)) for name in "abc"]
    await asyncio.sleep(0.05)
    all_there.set()
    assert await asyncio.gather(*tasks) == [[0, 1, 2]] * 3
    assert sorted(order[-6:]) == sorted("abc" * 2)
    assert order[-3:] == order[-6:-3]  # a round has one item of each


async def test_the_loop_goes_on_while_the_thread_works(thread: EngineThread[str]) -> None:
    go = threading.Event()

    def work(_: str) -> Iterator[int]:
        go.wait(10)
        yield 1

    task = asyncio.ensure_future(anext(thread.stream(work)))
    await asyncio.sleep(0.01)  # would never return if the loop were held
    assert not task.done()
    go.set()
    assert await task == 1


async def test_leaving_early_closes_the_work_before_its_next_item(thread: EngineThread[str]) -> None:
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()
    given = 0

    def work(_: str) -> Iterator[int]:
        nonlocal given
        try:
            while True:
                given += 1
                yield given
                time.sleep(0.002)
        finally:
            loop.call_soon_threadsafe(closed.set)

    async with aclosing(thread.stream(work)) as items:
        async for item in items:
            if item == 3:
                break
    await asyncio.wait_for(closed.wait(), 5)
    assert await collect(thread, 1) == [1]


async def test_a_cancelled_caller_frees_the_thread(thread: EngineThread[str]) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(_: str) -> Iterator[None]:
        loop.call_soon_threadsafe(begun.set)
        while True:
            time.sleep(0.001)
            yield None

    async def drain() -> None:
        async for _ in thread.stream(work):
            pass

    task = asyncio.create_task(drain())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.wait_for(collect(thread, 5), 5) == [5]


async def test_a_job_that_is_cancelled_while_it_waits_never_begins(thread: EngineThread[str]) -> None:
    go, begun = threading.Event(), []

    def slow(_: str) -> Iterator[int]:
        go.wait(10)
        yield 0

    def never(_: str) -> Iterator[int]:
        begun.append(1)
        yield 0

    first = asyncio.ensure_future(anext(thread.stream(slow)))
    second = asyncio.ensure_future(anext(thread.stream(never)))
    await asyncio.sleep(0.01)
    second.cancel()
    await asyncio.sleep(0)
    go.set()
    await first
    assert await collect(thread, 1) == [1]
    assert begun == []


async def test_an_error_is_raised_where_the_work_was_asked_for(thread: EngineThread[str]) -> None:
    def work(_: str) -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    seen = []
    with pytest.raises(ValueError, match="broken"):  # noqa: PT012 - what came before the error counts too
        async for item in thread.stream(work):
            seen.append(item)  # noqa: PERF401
    assert seen == [1]
    assert await collect(thread, 2) == [2]


async def test_an_engine_that_fails_to_load_is_tried_again() -> None:
    tries = []

    def load() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no file")
        return "engine"

    thread = EngineThread(load)
    assert thread.engine is None
    with pytest.raises(OSError, match="no file"):
        await collect(thread, 1)
    assert await collect(thread, 1) == [1]
    assert thread.engine == "engine"
    thread.close()
    assert thread.engine is None
    assert await collect(thread, 2) == [2]  # and it starts again
    assert len(tries) == 3
    thread.close()
    thread.close()


def test_several_loops_share_it(thread: EngineThread[str]) -> None:
    results: list[list[int]] = []

    def loop_of_its_own(number: int) -> None:
        results.append(asyncio.run(collect(thread, number)))

    threads = [threading.Thread(target=loop_of_its_own, args=(number,)) for number in range(5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(results) == [[0], [1], [2], [3], [4]]


def test_a_loop_that_closes_in_the_middle_harms_nobody(thread: EngineThread[str]) -> None:
    ended = threading.Event()

    def endless(_: str) -> Iterator[int]:
        try:
            while True:
                time.sleep(0.001)
                yield 1
        finally:
            ended.set()

    loop = asyncio.new_event_loop()
    stream = thread.stream(endless)
    assert loop.run_until_complete(anext(stream)) == 1
    loop.close()
    assert ended.wait(5)
    assert asyncio.run(collect(thread, 3)) == [3]
    with pytest.raises(StopIteration):  # what is left of the stream can be closed by hand
        stream.aclose().send(None)


async def test_closing_stops_what_runs(thread: EngineThread[str]) -> None:
    def endless(_: str) -> Iterator[int]:
        while True:
            time.sleep(0.001)
            yield 1

    stream = thread.stream(endless)
    await anext(stream)
    thread.close()
    assert thread.engine is None
    await stream.aclose()
