"""Who may write to a run: one process, and nobody who was away when another took over. Real processes, and no clock of
theirs."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from autogen_like.core.errors import ConfigError
from autogen_like.core.journal import Opened
from autogen_like.store import Leased, LeaseLost, Store

from .records import OPENED, said, texts

SHORT = 1.0  # seconds that a lease lasts here


class Process:
    """A holder of runs in another process."""

    def __init__(self, url: str, lease: float) -> None:
        command = [sys.executable, str(Path(__file__).parent / "holder.py"), url, str(lease)]
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def order(self, line: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def answer(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def ask(self, line: str) -> str:
        self.order(line)
        return self.answer()

    def end(self) -> None:
        self.popen.kill()
        self.popen.communicate()


@pytest.fixture
def process(url: str) -> Iterator[Callable[..., Process]]:
    made: list[Process] = []

    def make(lease: float = SHORT) -> Process:
        made.append(Process(url, lease))
        return made[-1]

    yield make
    for one in made:
        one.end()


async def free(store: Store, run: str) -> Any:
    """The run, as soon as its lease has run out."""
    while True:
        try:
            return await store.resume(run)
        except Leased:
            await asyncio.sleep(0.05)


async def test_a_run_is_in_one_pair_of_hands(store: Store) -> None:
    run = await store.begin("r")
    with pytest.raises(Leased, match=rf"run 'r' is held by process {os.getpid()} on .* until 20.* UTC") as raised:
        await store.resume("r")
    assert (raised.value.run, isinstance(raised.value, ConfigError)) == ("r", True)
    await run.release()
    again = await store.resume("r")
    with pytest.raises(LeaseLost, match="'r' is no longer ours"):
        await run.append("c", OPENED)
    await run.release()  # which isn't its to give
    await again.append("c", OPENED)
    with pytest.raises(Leased):
        await store.resume("r")


async def test_what_lost_its_lease_keeps_no_other_run_from_writing(store: Store) -> None:
    lost, fine = await store.begin("lost"), await store.begin("fine")
    await lost.release()
    outcomes = await asyncio.gather(
        lost.append("c", OPENED), fine.append("c", OPENED), fine.append("c", said("0")), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [LeaseLost, type(None), type(None)]


async def test_a_deleted_run_cant_be_written(store: Store) -> None:
    run = await store.begin("r")
    await run.release()
    await store.delete("r")
    with pytest.raises(LeaseLost):
        await run.append("c", OPENED)


async def test_a_dead_process_holds_its_run_until_the_lease_ends(store: Store, process: Callable[..., Process]) -> None:
    dying = process()
    assert dying.ask("begin r") == "done"
    assert dying.ask("say r hello") == "done"
    with pytest.raises(Leased):
        await store.resume("r")
    dying.end()
    run = await free(store, "r")
    found = await run.recover("")
    assert texts(found.messages) == ["hello"]


async def test_a_process_that_lives_keeps_its_run(store: Store, process: Callable[..., Process]) -> None:
    living = process()
    assert living.ask("begin r") == "done"
    until = (await store.run("r")).held_by
    await asyncio.sleep(2 * SHORT)  # it renews in the background, though it says nothing
    with pytest.raises(Leased):
        await store.resume("r")
    assert (await store.run("r")).held_by == until
    assert living.ask("say r still-here") == "done"


async def test_a_process_that_was_stopped_and_comes_back_writes_nothing(
    store: Store, process: Callable[..., Process]
) -> None:
    stopped = process()
    assert stopped.ask("begin r") == "done"
    stopped.popen.send_signal(signal.SIGSTOP)
    stopped.order("say r too-late")
    run = await free(store, "r")
    await run.append("r", said("taken over"))
    stopped.popen.send_signal(signal.SIGCONT)
    assert stopped.answer().startswith("LeaseLost: run 'r' is no longer ours to write")
    assert stopped.ask("say r again").startswith("LeaseLost")
    assert texts(await store.messages("r")) == ["taken over"]
    await run.append("r", said("and still ours"))


async def test_a_process_that_was_stopped_and_replaced_by_nobody_goes_on(
    store: Store, process: Callable[..., Process]
) -> None:
    stopped = process()
    assert stopped.ask("begin r") == "done"
    stopped.popen.send_signal(signal.SIGSTOP)
    while (await store.run("r")).status == "running":
        await asyncio.sleep(0.05)
    stopped.popen.send_signal(signal.SIGCONT)
    assert stopped.ask("say r back") == "done"
    while (await store.run("r")).status != "running":  # as soon as it has renewed its lease
        await asyncio.sleep(0.05)


async def test_of_many_that_race_for_a_run_one_gets_it(store: Store, process: Callable[..., Process]) -> None:
    racers = [process(30.0) for _ in range(3)]
    for number in range(10):
        await (await store.begin(f"r{number}")).release()
        for racer in racers:
            racer.order(f"resume r{number}")
        answers = sorted(racer.answer().split(":")[0] for racer in racers)
        assert answers == ["Leased", "Leased", "done"]


async def test_many_begin_in_a_new_database_at_once(url: str, process: Callable[..., Process]) -> None:
    """The tables are made once."""
    starting = [process(30.0) for _ in range(3)]
    for number, one in enumerate(starting):
        one.order(f"begin r{number}")
    assert [one.answer() for one in starting] == ["done"] * 3
    async with Store(url) as store:
        assert {info.id for info in await store.runs()} == {"r0", "r1", "r2"}


async def test_the_clock_of_a_process_is_of_no_account(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases are counted by the database's clock."""
    run = await store.begin("r")
    ahead = time.time() + 1e6
    monkeypatch.setattr(time, "time", lambda: ahead)
    with pytest.raises(Leased) as raised:
        await store.resume("r")
    monkeypatch.undo()
    now = datetime.now(UTC).replace(tzinfo=None)
    assert abs((raised.value.until - now).total_seconds()) < 3600
    await run.release()


async def test_closing_a_store_gives_back_what_it_holds(url: str) -> None:
    async with Store(url) as store:
        await store.begin("r")
    async with Store(url) as other:
        await other.resume("r")


async def test_a_store_opens_again_when_it_is_used_again(store: Store) -> None:
    run = await store.begin("r")
    await run.append("c", OPENED)
    await store.aclose()
    again = await store.resume("r")
    await again.append("c", Opened("", ("ada",), {}))
    with pytest.raises(LeaseLost):
        await run.append("c", said("from before"))


async def test_a_forked_process_has_a_store_of_its_own(url: str) -> None:
    with Store(url) as store:
        await store.begin("parent")
        child = os.fork()
        if child == 0:  # neither threads nor connections came along
            code = 1
            try:
                asyncio.new_event_loop().run_until_complete(_in_a_child(store))
                code = 0
            finally:
                os._exit(code)
        done = await asyncio.to_thread(os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(done[1]) == 0
        assert {info.id for info in await store.runs()} == {"parent", "child"}


async def _in_a_child(store: Store) -> None:
    run = await store.begin("child")
    await run.append("c", OPENED)
