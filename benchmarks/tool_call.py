"""The overhead of one tool call in the runner: process CPU time in microseconds, validation of the arguments included.

    python benchmarks/tool_call.py [--calls 2000] [--rounds 7] [--nap 1.0]

The tools do next to nothing, so what is measured is the runner, pydantic and, where there is one, the thread. Numbers
are medians of rounds. Below them: how long a hundred calls of one message take that wait a second each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from dataclasses import dataclass
from typing import Any

from autogen_like import FunctionTool, Run, Toolbox, ToolCall, ToolContext
from autogen_like.tools.runner import run_calls

INLINE, THREAD, TOGETHER = 60.0, 200.0, 1.2  # targets: microseconds, microseconds, seconds for naps of one


@dataclass
class Line:
    """An item of an order."""

    item: str
    count: int = 1


def add(a: int, b: int = 2) -> int:
    """Adds two numbers."""
    return a + b


async def aadd(a: int, b: int = 2) -> int:
    """Adds two numbers."""
    return a + b


def order(lines: list[Line], ctx: ToolContext, note: str | None = None) -> int:
    """Orders."""
    return sum(line.count for line in lines)


PLAIN = '{"a": 1, "b": 3}'
NESTED = json.dumps({"lines": [{"item": f"item {n}", "count": n} for n in range(10)], "note": "soon"})
CASES: list[tuple[str, FunctionTool, str, float]] = [
    ("async", FunctionTool(aadd), PLAIN, INLINE),
    ("inline", FunctionTool(add, inline=True), PLAIN, INLINE),
    ("async, with a time-out", FunctionTool(aadd, timeout=60), PLAIN, INLINE),
    ("async, null for an optional (strict)", FunctionTool(aadd, strict=True), '{"a": 1, "b": null}', INLINE),
    ("inline, ten dataclasses and a context", FunctionTool(order, inline=True), NESTED, INLINE),
    ("thread", FunctionTool(add), PLAIN, THREAD),
    ("thread, with a time-out", FunctionTool(add, timeout=60), PLAIN, THREAD),
]


async def overhead(tool: FunctionTool, arguments: str, calls: int, run: Run[Any] | None) -> float:
    """Microseconds of CPU time a call."""
    box, call = Toolbox([tool]), [ToolCall("c1", tool.name, arguments)]
    for _ in range(50):
        (result,) = await run_calls(call, box, run=run)
        assert not result.error, result.content
    began = time.process_time()
    for _ in range(calls):
        await run_calls(call, box, run=run)
    return (time.process_time() - began) / calls * 1e6


async def listened(tool: FunctionTool, arguments: str, calls: int) -> float:
    """The same in a run that somebody listens to."""

    async def main(run: Run[Any]) -> float:
        return await overhead(tool, arguments, calls, run)

    run: Run[float] = Run(main)
    run.subscribe(lambda _: None)
    return await run


async def together(nap: float, count: int = 100) -> dict[str, float]:
    """Seconds that calls of one message take which wait side by side."""

    def sync() -> None:
        time.sleep(nap)

    async def asynchronous() -> None:
        await asyncio.sleep(nap)

    found = {}
    for kind, function in (("async", asynchronous), ("thread", sync)):
        box = Toolbox([FunctionTool(function, name="nap", description="Waits.")])
        began = time.perf_counter()
        await run_calls([ToolCall(str(number), "nap", "{}") for number in range(count)], box)
        found[kind] = time.perf_counter() - began
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000, help="calls in a round")
    parser.add_argument("--rounds", type=int, default=7, help="rounds, of which the median is shown")
    parser.add_argument("--nap", type=float, default=1.0, help="seconds that each of the hundred calls waits")
    options = parser.parse_args()

    print(f"{'a call':<42}{'us CPU':>8}{'target':>8}  verdict")
    for label, tool, arguments, target in CASES:
        rounds = [asyncio.run(overhead(tool, arguments, options.calls, None)) for _ in range(options.rounds)]
        show(label, statistics.median(rounds), target, 1)
    label, tool, arguments, target = CASES[0]
    rounds = [asyncio.run(listened(tool, arguments, options.calls)) for _ in range(options.rounds)]
    show(f"{label}, in a run with a listener", statistics.median(rounds), target, 1)

    print(f"\n{f'a hundred calls of {options.nap:g} s side by side':<42}{'s':>8}{'target':>8}  verdict")
    for kind, seconds in asyncio.run(together(options.nap)).items():
        show(kind, seconds, TOGETHER * options.nap, 2)


def show(label: str, value: float, target: float, digits: int) -> None:
    """Prints a row."""
    print(f"{label:<42}{value:>8.{digits}f}{f'< {target:g}':>8}  {'met' if value < target else 'MISSED'}")


if __name__ == "__main__":
    main()
