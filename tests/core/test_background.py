"""Loops on threads of their own: used from anywhere, started once, anew after a fork."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from autogen_like.core.background import BackgroundLoop


async def where() -> tuple[int, str]:
    return id(asyncio.get_running_loop()), threading.current_thread().name


def test_all_threads_and_loops_use_the_one_that_is_started_first():
    background = BackgroundLoop("the-one")
    assert not any(thread.name == "the-one" for thread in threading.enumerate())
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: asyncio.run(background.call(where())), range(8)))
    assert {name for _, name in seen} == {"the-one"}
    assert len(set(seen)) == 1
    assert sum(thread.name == "the-one" for thread in threading.enumerate()) == 1


async def test_cancelling_the_wait_cancels_the_work():
    begun, ended = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(BackgroundLoop("cancelled").call(work()))
    await asyncio.to_thread(begun.wait, 60)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.to_thread(ended.wait, 60)


async def test_what_the_work_raises_is_raised_where_it_is_awaited():
    async def work() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        await BackgroundLoop("raising").call(work())


def test_after_a_fork_the_child_has_a_loop_of_its_own():
    background = BackgroundLoop("forked")
    assert background.submit(where()).result()[1] == "forked"
    child = os.fork()
    if child == 0:
        os._exit(0 if background.submit(where()).result(60)[1] == "forked" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert background.submit(where()).result()[1] == "forked"
