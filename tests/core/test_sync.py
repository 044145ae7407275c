"""Sync meets async: from anywhere, nested anyhow, with errors, contexts and Ctrl-C going where they belong."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from autogen_like.core import sync
from autogen_like.core.sync import in_place, in_worker, run, under_sync_face


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


def script(source: str, *, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    head = "import asyncio, os, signal, sys, threading, time\nfrom autogen_like.core.sync import *\n"
    source = head + textwrap.dedent(source)
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=timeout, check=False)


def within(seconds: float, function: Callable[[], Any]) -> Any:
    """What the function returns; a deadlock fails the test instead of hanging it."""
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(function()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "deadlock"
    return outcome[0]


# --- from anywhere


def test_a_script_gets_the_result() -> None:
    assert run(double(21)) == 42


async def test_it_works_where_a_loop_is_already_running() -> None:
    assert run(double(21)) == 42


def test_the_coroutine_runs_on_one_loop_of_its_own_thread() -> None:
    async def where() -> tuple[int, asyncio.AbstractEventLoop]:
        return threading.get_ident(), asyncio.get_running_loop()

    first, second = run(where()), run(where())
    assert first == second
    assert first[0] != threading.get_ident()


def test_a_callback_may_start_another_chat() -> None:
    def callback(depth: int) -> int:
        return depth if depth == 0 else 1 + run(outer(depth - 1))

    async def outer(depth: int) -> int:
        return await in_place(callback, depth)

    assert within(20, lambda: run(outer(20))) == 20


def test_a_callback_runs_on_the_thread_that_waits() -> None:
    async def main() -> int:
        return await in_place(threading.get_ident)

    assert run(main()) == threading.get_ident()


async def test_under_async_a_callback_runs_on_a_worker() -> None:
    assert await in_place(threading.get_ident) != threading.get_ident()
    assert not under_sync_face()


def test_a_coroutine_can_tell_that_a_thread_waits_for_it() -> None:
    async def main() -> bool:
        return under_sync_face()

    assert run(main())


def test_it_works_from_worker_threads() -> None:
    async def main() -> int:
        return await in_worker(lambda: run(double(21)))

    assert within(20, lambda: run(main())) == 42


def test_it_works_on_the_loops_own_thread() -> None:
    async def main(depth: int) -> int:
        return 0 if depth == 0 else 1 + run(main(depth - 1))  # a predicate, called in place, that starts a chat

    assert within(20, lambda: run(main(5))) == 5


def test_a_worker_below_a_chat_on_the_loops_own_thread_does_not_wait_for_the_blocked_loop() -> None:
    async def tool() -> int:
        return await in_worker(lambda: run(double(21)))

    async def main() -> int:
        return run(tool())

    assert within(20, lambda: run(main())) == 42


async def test_a_worker_below_a_chat_below_a_running_loop() -> None:
    async def nested() -> int:
        return await in_worker(lambda: run(double(21)))

    assert await asyncio.wait_for(in_worker(lambda: run(nested())), 20) == 42


def test_more_tools_that_wait_for_tools_than_a_pool_has_threads() -> None:
    async def inner() -> int:
        return await in_worker(lambda: 1)

    async def main() -> int:
        return sum(await asyncio.gather(*(in_worker(lambda: run(inner())) for _ in range(80))))

    assert within(30, lambda: run(main())) == 80


def test_a_callback_may_run_a_loop_of_its_own() -> None:
    async def own() -> int:
        assert not under_sync_face()
        return await in_place(lambda: 42)

    async def main() -> int:
        return await in_place(lambda: asyncio.run(own()))

    assert within(20, lambda: run(main())) == 42


def test_what_outlives_its_caller_still_has_its_callbacks_run() -> None:
    heard: list[int] = []
    done = threading.Event()
    tasks = []

    async def later() -> None:
        await asyncio.sleep(0.02)
        heard.append(await in_place(lambda: 42))
        done.set()

    async def main() -> None:
        tasks.append(asyncio.ensure_future(later()))

    run(main())
    assert done.wait(20)
    assert heard == [42]


def test_many_threads_at_once_get_their_own_results() -> None:
    async def main(number: int) -> tuple[int, int]:
        return await double(number), await in_place(lambda: number)

    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(lambda number: run(main(number)), range(200))) == [(2 * n, n) for n in range(200)]


def test_callbacks_of_parallel_branches_all_run_on_the_waiting_thread() -> None:
    async def main() -> list[int]:
        return await asyncio.gather(*(in_place(threading.get_ident) for _ in range(20)))

    assert set(run(main())) == {threading.get_ident()}


def test_only_a_coroutine_can_be_run() -> None:
    with pytest.raises(TypeError, match="takes a coroutine"):
        run(double)  # type: ignore[arg-type]


# --- errors and contexts


@pytest.mark.parametrize("how", [in_place, in_worker])
def test_errors_of_coroutines_and_callbacks_are_raised_where_they_are_awaited(how: Any) -> None:
    def fail() -> None:
        raise KeyError("x")

    async def main() -> str:
        with pytest.raises(KeyError):
            await how(fail)
        raise ValueError("y")

    with pytest.raises(ValueError, match="y"):
        run(main())
    assert run(double(1)) == 2


@pytest.mark.parametrize("how", [in_place, in_worker])
def test_a_callback_that_runs_out_of_items_raises_and_does_not_hang(how: Any) -> None:
    async def main() -> None:
        await how(next, iter(()))

    def outcome() -> str:
        try:
            run(main())
        except RuntimeError as error:
            return str(error)
        return ""

    assert "StopIteration" in within(20, outcome)


async def test_the_same_under_async() -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(in_place(next, iter(())), 20)


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.mark.parametrize("how", [in_place, in_worker])
def test_context_variables_go_all_the_way_down_and_not_back(how: Any) -> None:
    async def innermost() -> str:
        return variable.get()

    def callback() -> str:
        assert variable.get() == "coroutine"
        variable.set("callback")
        return run(innermost())

    async def main() -> str:
        assert variable.get() == "caller"
        variable.set("coroutine")
        inner = await how(callback)
        assert variable.get() == "coroutine"
        return str(inner)

    token = variable.set("caller")
    try:
        assert run(main()) == "callback"
        assert variable.get() == "caller"
    finally:
        variable.reset(token)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_in_a_callback_cancels_the_coroutine_and_comes_through(kind: type[BaseException]) -> None:
    seen: list[str] = []

    def callback() -> None:
        raise kind

    async def main() -> None:
        try:
            await in_place(callback)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")

    with pytest.raises(kind):
        run(main())
    assert seen == ["cancelled", "cleaned up"]
    assert run(double(21)) == 42


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_sys_exit_on_the_loops_thread_reaches_the_caller_and_leaves_the_loop_alive(kind: type[BaseException]) -> None:
    async def main() -> None:
        await asyncio.sleep(0)
        raise kind(3)

    async def other() -> int:
        await asyncio.sleep(0.05)
        return 42

    def outcome() -> tuple[BaseException | None, int]:
        with ThreadPoolExecutor(1) as pool:
            neighbour = pool.submit(run, other())
            try:
                run(main())
            except BaseException as error:
                return error, neighbour.result()
            return None, neighbour.result()

    error, result = within(20, outcome)
    assert type(error) is kind
    assert result == 42
    assert within(20, lambda: run(double(21))) == 42


def test_sys_exit_in_a_worker_reaches_the_caller() -> None:
    async def main() -> None:
        await in_worker(sys.exit, 3)

    with pytest.raises(SystemExit):
        run(main())
    assert run(double(21)) == 42


def test_ctrl_c_at_the_terminal_cancels_what_runs_and_surfaces() -> None:
    done = script("""
        async def main():
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                await asyncio.sleep(60)
            finally:
                print("cleaned up")
        try:
            run(main())
        except KeyboardInterrupt:
            print("interrupted")
        async def more():
            return "goes on"
        print(run(more()))
    """)
    assert done.stdout.split("\n") == ["cleaned up", "interrupted", "goes on", ""], done.stderr
    assert done.stderr == ""


def test_ctrl_c_during_a_blocking_callback_cancels_what_runs_and_surfaces() -> None:
    done = script("""
        async def main():
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                await in_place(time.sleep, 60)
            finally:
                print("cleaned up")
        try:
            run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """)
    assert done.stdout.split() == ["cleaned", "up", "interrupted"], done.stderr


def test_a_function_that_hangs_does_not_keep_the_program_from_ending() -> None:
    done = script("""
        async def main():
            try:
                await asyncio.wait_for(in_worker(time.sleep, 60), 0.05)
            except TimeoutError:
                print("abandoned")
        run(main())
        asyncio.run(main())
    """)
    assert done.stdout.split() == ["abandoned", "abandoned"], done.stderr
    assert done.returncode == 0


def test_a_worker_that_ends_after_its_loop_was_closed_is_quiet() -> None:
    done = script("""
        threads = []
        def slow():
            threads.append(threading.current_thread())
            time.sleep(0.2)
        async def main():
            try:
                await asyncio.wait_for(in_worker(slow), 0.05)
            except TimeoutError:
                pass
        asyncio.run(main())
        threads[0].join()
    """)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_forked_child_starts_loops_of_its_own() -> None:
    done = script("""
        async def double(number):
            return 2 * await in_place(lambda: number)
        assert run(double(1)) == 2
        def forked():
            child = os.fork()
            if child == 0:
                os._exit(run(double(21)))
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        async def within():
            return await in_place(forked), await in_worker(forked), forked()
        print(forked(), run(within()), run(double(4)))
    """)
    assert done.stdout.strip() == "42 (42, 42, 42) 8", done.stderr


def test_the_loops_are_reused() -> None:
    async def nested() -> int:
        return run(double(1))

    run(nested())
    before = len(sync._loops)
    for _ in range(20):
        run(nested())
    assert len(sync._loops) == before
    assert not any(one.blocked for one in sync._loops)


# --- worker threads


async def test_an_idle_worker_thread_is_used_again_and_a_busy_one_is_not():
    used = {await in_worker(threading.get_ident) for _ in range(50)}
    assert len(used) < 10  # more than one, since a thread hands its result over just before it is idle
    meeting = threading.Barrier(8, timeout=20)
    await asyncio.gather(*(in_worker(meeting.wait) for _ in range(8)))


async def test_a_worker_thread_ends_when_nothing_comes_and_keeps_nothing_of_its_last_job(monkeypatch):
    monkeypatch.setattr(sync, "IDLE", 0.2)
    monkeypatch.setattr(sync, "_idle", [])

    class Big:
        def here(self) -> threading.Thread:
            return threading.current_thread()

    big = Big()
    gone = weakref.ref(big)
    thread = await in_worker(big.here)
    del big
    while sync._idle == [] and thread.is_alive():
        await asyncio.sleep(0.001)
    assert gone() is None
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()
    assert sync._idle == []
    assert await in_worker(lambda: 3) == 3


async def test_a_job_that_comes_when_a_worker_thread_was_about_to_end_is_done(monkeypatch):
    monkeypatch.setattr(sync, "IDLE", 0.0)
    assert [await in_worker(lambda n=n: n) for n in range(200)] == list(range(200))
