"""What tracing costs: process CPU time of a run with two requests and a tool call, off, on, and with all that was said.

    python benchmarks/tracing.py [--runs 300] [--rounds 7]

The model answers at once, and spans go to an exporter that drops them, so that nothing but our work and the SDK's is
measured. "off" has nothing asked for; "no SDK" is `instrument()` in a program that configures none; "dropped" has all
spans sampled out; "SDK alone" makes as many spans, with as many attributes, by hand. Times are medians of rounds in
which the contestants take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from autogen_like import AssistantAgent, FunctionTool, ModelResponse, ScriptedModel, ToolCall, instrument


class Dropping(SpanExporter):
    """Takes spans and forgets them."""

    seen: list[int]

    def __init__(self) -> None:
        self.seen = []

    def export(self, spans: Any) -> SpanExportResult:
        self.seen += [len(span.attributes or {}) for span in spans if isinstance(span, ReadableSpan)]
        return SpanExportResult.SUCCESS


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def adder() -> AssistantAgent:
    call = ModelResponse(None, (ToolCall("c", "add", '{"a": 1, "b": 2}'),), "tool_calls")
    model = ScriptedModel(lambda request: "3" if len(request.messages) > 1 else call, record=False)
    return AssistantAgent("adder", llm_config=model, tools=[FunctionTool(add, inline=True)])


async def tool_runs(runs: int) -> float:
    """Microseconds of CPU time a run."""
    agent = adder()
    started = time.process_time()
    for _ in range(runs):
        await agent.run(message="1 + 2?")
    return (time.process_time() - started) / runs * 1e6


def providers(exporter: SpanExporter, **more: Any) -> dict[str, Any]:
    tracers = TracerProvider(**more)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    return {"tracer_provider": tracers, "meter_provider": MeterProvider()}


def by_hand(runs: int, spans: int, attributes: int) -> float:
    """As many spans as a run makes, by the SDK alone."""
    tracer = providers(Dropping())["tracer_provider"].get_tracer("by hand")
    about = {f"gen_ai.attribute.{number}": "value" for number in range(attributes)}
    started = time.process_time()
    for _ in range(runs):
        for _ in range(spans):
            with tracer.start_as_current_span("span", attributes=about):
                pass
    return (time.process_time() - started) / runs * 1e6


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    seen = Dropping()
    settings: dict[str, Callable[[], dict[str, Any]] | None] = {
        "off": None,
        "no SDK": dict,
        "dropped": lambda: providers(Dropping(), sampler=ALWAYS_OFF),
        "on": lambda: providers(seen),
        "on, with content": lambda: {**providers(Dropping()), "content": True},
    }
    found: dict[str, list[float]] = {name: [] for name in (*settings, "SDK alone")}
    for _ in range(given.rounds):
        for name, make in settings.items():
            stop = instrument(**make()) if make is not None else None
            found[name].append(asyncio.run(tool_runs(given.runs)))
            if stop is not None:
                stop()
        total = given.runs * len(found["on"])
        spans = len(seen.seen) // total
        found["SDK alone"].append(by_hand(given.runs, spans, sum(seen.seen) // len(seen.seen)))
    off = statistics.median(found["off"])
    print(f"{spans} spans a run\n\n| tracing | us of CPU a run | more than off |\n| --- | ---: | ---: |")
    for name, times in found.items():
        median = statistics.median(times)
        print(f"| {name} | {median:.0f} | {'' if name in ('off', 'SDK alone') else f'{median - off:+.0f}'} |")


if __name__ == "__main__":
    main()
