"""What is measured, for every contestant alike: see ../turns.py. Needs nothing but Python.

A contestant's script makes *jobs*, functions that do the work once, and leaves the clock to this file. What a job needs
(agents, teams) is made before its clock starts, except where making it is what is measured.

- ``two(turns, delay)``: two agents speak in turn, each seeing all that was said; the job gives that many messages.
- ``group(turns, agents)``: the same with a team of agents that speak one after the other.
- ``stream(chunks)``: an agent is asked, and its model answers in that many pieces of text, each of which the program
  gets; the job gives their number.
- ``tool()``: an agent with one tool, made of a function that is there before; each call of the job is a run of its own:
  a question, the model calls the tool, the tool runs, the model answers.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import itertools
import json
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

Job = Callable[[], Awaitable[Sequence[object]]]
Run = Callable[[], Awaitable[str]]
Streamed = Callable[[], Awaitable[int]]

QUESTION = "1 + 2?"
CHARACTERS = 200
CHUNK = " word"
WAIT = 1.0
WAITS = 3
PATIENCE = 60.0

_numbers = itertools.count()
_long = False


def say() -> str:
    """What the model says: never the same twice, since some drop a message that they have seen; long for memory."""
    return f"{next(_numbers):0{CHARACTERS}}" if _long else f"hello {next(_numbers)}"


@dataclass(frozen=True)
class Contestant:
    """What a contestant can do; None is what it has no way to do.

    Attributes:
        overlap: Whether runs of one agent may overlap; otherwise each gets an agent of its own.
    """

    two: Callable[[int, float], Job]
    group: Callable[[int, int], Job | Awaitable[Job]] | None
    tool: Callable[[], Run]
    stream: Callable[[int], Streamed] | None = None
    overlap: bool = True


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        turns: Lengths of the conversations.
        runs: How many runs with a tool.
        chunks: Pieces of a streamed reply.
        concurrent: How many runs at once.
        waiting: How many conversations at once whose model takes a second; 0 leaves it out.
        further: Turns between the two lengths whose memory is compared.
        spend: Seconds that a short measurement may be repeated for.
    """

    turns: tuple[int, ...]
    runs: int = 300
    chunks: int = 2000
    concurrent: int = 500
    waiting: int = 0
    further: int = 300
    spend: float = 0.3


def clock() -> float:
    return time.process_time()


async def measure(contestant: Contestant, plan: Plan) -> dict[str, float]:
    """Everything but the import, which needs a process of its own."""
    group = contestant.group

    def two(turns: int) -> Job:
        return contestant.two(turns, 0)

    def team(agents: int) -> Callable[[int], Job | Awaitable[Job]]:
        return lambda turns: group(turns, agents)

    found: dict[str, float] = {}
    await per_turn(two, 50, plan.spend)  # warm
    for turns in plan.turns:
        found[f"two_{turns}"] = await per_turn(two, turns, plan.spend)
        if group:
            found[f"group_{turns}"] = await per_turn(team(5), turns, plan.spend)
    found["tool"] = await tool_runs(contestant.tool, plan.runs, reuse=True)
    found["tool_built"] = await tool_runs(contestant.tool, plan.runs, reuse=False)
    if contestant.stream:
        found["chunk"] = await per_chunk(contestant.stream, plan.chunks)
    found["concurrent"] = await concurrent(contestant, plan.concurrent)
    found["memory"] = await memory(two, plan.further)
    if group:
        found["memory_ten"] = await memory(team(10), plan.further)
    if plan.waiting:
        found["waiting"] = await waiting(contestant.two, plan.waiting)
    return found


async def per_turn(make: Callable[[int], Job | Awaitable[Job]], turns: int, spend: float) -> float:
    """Milliseconds of CPU a turn."""
    times: list[float] = []
    while not times or (sum(times) < spend and len(times) < 15):
        job = await made(make(turns))
        gc.collect()
        start = clock()
        said = await job()
        times.append(clock() - start)
        assert len(said) == turns, (len(said), turns)
    return statistics.median(times) / turns * 1e3


async def made(job: Job | Awaitable[Job]) -> Job:
    return await job if inspect.isawaitable(job) else job


async def tool_runs(tool: Callable[[], Run], runs: int, *, reuse: bool) -> float:
    """Milliseconds of CPU a run, with a reused agent or one that is built for it."""
    run = tool()
    assert await run() == "3"
    gc.collect()
    start = clock()
    for _ in range(runs):
        await (run if reuse else tool())()
    return (clock() - start) / runs * 1e3


async def per_chunk(stream: Callable[[int], Streamed], chunks: int) -> float:
    """Microseconds of CPU a piece of a streamed reply; what a reply in one piece costs is taken off."""

    async def once(pieces: int) -> float:
        job = stream(pieces)
        gc.collect()
        start = clock()
        assert await job() == pieces
        return clock() - start

    await once(chunks)  # warm
    return statistics.median([await once(chunks) - await once(1) for _ in range(5)]) / (chunks - 1) * 1e6


async def concurrent(contestant: Contestant, count: int) -> float:
    """Runs with a tool a second of CPU, all of them under way at once."""
    times = []
    for _ in range(3):
        one = contestant.tool()
        runs = [one if contestant.overlap else contestant.tool() for _ in range(count)]
        await asyncio.gather(*(run() for run in runs[:10]))
        gc.collect()
        start = clock()
        answers = await asyncio.gather(*(run() for run in runs))
        times.append(clock() - start)
        assert answers == ["3"] * count
    return count / statistics.median(times)


async def memory(make: Callable[[int], Job | Awaitable[Job]], further: int) -> float:
    """Bytes that each further message takes beside its text, agents and result still held."""
    global _long  # noqa: PLW0603 - the model says something else while this is measured
    _long = True
    tracemalloc.start()
    held = []
    for turns in (50, 100, 100 + further):  # the first fills caches
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        job = await made(make(turns))
        said = await job()
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0] - before)
        assert len(said) == turns, (len(said), turns)
        del job, said
    tracemalloc.stop()
    _long = False
    return (held[2] - held[1]) / further - sys.getsizeof("0" * CHARACTERS)


async def waiting(two: Callable[[int, float], Job], count: int) -> float:
    """Wall seconds for conversations at once, of an opening and three answers that take the model a second each."""
    jobs = [two(WAITS + 1, WAIT) for _ in range(count)]
    gc.collect()
    start = time.perf_counter()
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(job() for job in jobs))
    except TimeoutError:
        return float("inf")
    return time.perf_counter() - start


def main(contestant: Contestant) -> None:
    """Reads the plan from the command line and prints what was found."""
    given = json.loads(sys.argv[1])
    plan = Plan(**{**given, "turns": tuple(given["turns"])})
    print(json.dumps(asyncio.run(measure(contestant, plan))), flush=True)
    os._exit(0)  # threads that still wait for a model would keep it
