"""What a store costs: milliseconds a message, beside a bare fsync; whether that grows; opening; many at once.

    python benchmarks/store.py [--messages 5000] [--long 100000] [--at-once 200] [--postgres URL]

Wall-clock time, so other work on the machine shows; CPU time stands beside it, and targets are held against that where
it is there. A message is one append that is awaited, as the loop does: 600 bytes of message and state.
PostgreSQL is measured where its URL is given.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from autogen_like.core.journal import Opened, Said
from autogen_like.core.message import Message
from autogen_like.store import Store, StoredRun

TEXT = "A message of a common length, as agents say them to each other: a sentence or two. " * 3
FIGURES = {"actual": {"model": [9, 9000, 900, 0.09, 9.5]}, "cached": {}}
STATE = {
    "version": 1, "auto_replies": {"ada": 3, "bob": 3}, "began": 0, "rule": {"version": 1, "turns": 5}, "paused": None,
    "run": {"turns": 9, "usage": FIGURES, "usage_by_agent": {"ada": FIGURES}},
}  # fmt: skip
OPENED = Opened("", ("ada", "bob"), STATE)
A_MESSAGE, OPEN, BLOCKED = 0.3, 1.0, 1.0  # targets: milliseconds, seconds, seconds


def line(what: str, value: float, unit: str, cpu: float | None = None, target: float | None = None) -> None:
    """Prints a figure."""
    beside = f"  CPU {cpu:8.3f}" if cpu is not None else " " * 14
    told = value if cpu is None else cpu
    judged = "" if target is None else f"  target {target:g}: {'met' if told <= target else 'MISSED'}"
    print(f"{what:<58} {value:9.3f} {unit:<3}{beside}{judged}")


async def spoken(run: StoredRun, count: int, conversation: str = "c") -> tuple[float, float]:
    """Milliseconds a message, wall and CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(count):
        await run.append(conversation, Said(Message("ada", f"{number} {TEXT}"), STATE))
    return (time.perf_counter() - wall) / count * 1e3, (time.process_time() - cpu) / count * 1e3


async def a_message(url: str, count: int, durability: Any) -> tuple[float, float]:
    """The median of five rounds."""
    async with Store(url, durability=durability) as store, await store.begin() as run:
        await run.append("c", OPENED)
        await spoken(run, 200)
        rounds = [await spoken(run, count // 5) for _ in range(5)]
    return statistics.median(wall for wall, _ in rounds), statistics.median(cpu for _, cpu in rounds)


def bare_fsync(folder: str, count: int = 500) -> float:
    """Milliseconds for writing 4 KiB and fsync."""
    with (Path(folder) / "fsync").open("wb") as file:
        began = time.perf_counter()
        for _ in range(count):
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
    return (time.perf_counter() - began) / count * 1e3


async def long_conversation(url: str, count: int, name: str) -> None:
    """What a message costs at the end of a long conversation, and opening it."""
    async with Store(url) as store:
        run = await store.begin()
        await run.append("c", OPENED)
        line(f"{name}: a message at the beginning", *_ms(await spoken(run, 500)))
        for start in range(0, count, 500):
            said = (Said(Message("ada", f"{start + number} {TEXT}"), STATE) for number in range(500))
            await asyncio.gather(*(run.append("c", record) for record in said))
        line(f"{name}: a message behind {count} others", *_ms(await spoken(run, 500)))
        await run.release()
        id = run.id  # noqa: A001
    opened = []
    for _ in range(3):
        gc.collect()
        async with Store(url) as store:
            wall, cpu = time.perf_counter(), time.process_time()
            async with await store.resume(id) as again:
                found = await again.recover("")
            opened.append((time.perf_counter() - wall, time.process_time() - cpu))
            assert found is not None
            assert len(found.messages) == count + 1000
            del found
    wall, cpu = statistics.median(one for one, _ in opened), statistics.median(one for _, one in opened)
    line(f"{name}: opening {count} messages", wall, "s", cpu, OPEN)
    tracemalloc.start()
    async with Store(url) as store:
        found = await store.messages("c")
        now, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        text = sum(len(message.text) for message in found)
    line(f"{name}: memory of {text / 1e6:.0f} MB of text, opened", now / 1e6, "MB")
    line(f"{name}: ... and at most while it was opened", most / 1e6, "MB")


def _ms(figures: tuple[float, float]) -> tuple[float, str, float]:
    return figures[0], "ms", figures[1]


async def at_once(url: str, conversations: int, each: int, name: str) -> None:
    """Many conversations at once: how long the slowest append took, and whether all is there."""
    waits: list[float] = []

    async def timed(work: Coroutine[Any, Any, Any]) -> Any:
        began = time.perf_counter()
        done = await work
        waits.append(time.perf_counter() - began)
        return done

    async def converse(store: Store, number: int) -> None:
        run = await timed(store.begin(f"r{number}"))
        await timed(run.append(f"c{number}", OPENED))
        for turn in range(each):
            await timed(run.append(f"c{number}", Said(Message("ada", f"{turn} {TEXT}"), STATE)))
        await timed(run.release())

    async with Store(url) as store:
        await store.runs()
        began = time.perf_counter()
        await asyncio.gather(*(converse(store, number) for number in range(conversations)))
        seconds = time.perf_counter() - began
        lost = conversations * each
        for number in range(conversations):
            lost -= len(await store.messages(f"c{number}"))
    print(f"{name}: {conversations} conversations of {each} messages at once: {lost} lost, {seconds:.1f} s")
    line(f"{name}: ... a message, all together", seconds / (conversations * each) * 1e3, "ms")
    line(f"{name}: ... the slowest write", max(waits), "s", target=BLOCKED)


def in_a_folder(measure: Callable[[str], Coroutine[Any, Any, Any]], folder: str) -> Any:
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        return asyncio.run(measure(f"sqlite:///{fresh}/chats.db"))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])  # type: ignore[union-attr]
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--long", type=int, default=100_000)
    parser.add_argument("--at-once", type=int, default=200)
    parser.add_argument(
        "--folder", default=tempfile.gettempdir(), help="where the files are made: of the disk to measure"
    )
    parser.add_argument("--postgres", help="the URL of an empty database")
    given = parser.parse_args()
    folder, count = given.folder, given.messages
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    process = in_a_folder(lambda url: a_message(url, count, "process"), folder)
    line('SQLite, durability="process": a message', *_ms(process), A_MESSAGE)
    power = in_a_folder(lambda url: a_message(url, max(count // 10, 50), "power"), folder)
    line('SQLite, durability="power": a message', *_ms(power))
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        line("... beside 4 KiB and a bare fsync", bare_fsync(fresh), "ms")
    in_a_folder(lambda url: long_conversation(url, given.long, "SQLite"), folder)
    in_a_folder(lambda url: at_once(url, given.at_once, 20, "SQLite"), folder)
    if given.postgres:
        line("PostgreSQL: a message", *_ms(asyncio.run(a_message(given.postgres, max(count // 5, 50), "process"))))
        asyncio.run(long_conversation(given.postgres, given.long, "PostgreSQL"))
        asyncio.run(at_once(given.postgres, 5 * given.at_once, 10, "PostgreSQL"))


if __name__ == "__main__":
    main()
