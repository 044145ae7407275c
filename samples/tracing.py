"""What an operator sees: the spans of a chat with a tool as a tree, made with OpenTelemetry's SDK.

python samples/tracing.py [--model NAME_OR_GGUF]

A real program sends them to a collector instead: see docs/observability.md.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from _model import start

from autogen_like import AssistantAgent, Limits, instrument

try:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
except ImportError:
    sys.exit("This sample needs OpenTelemetry's SDK: pip install opentelemetry-sdk")


def to_celsius(fahrenheit: float) -> float:
    """Turns degrees Fahrenheit into degrees Celsius."""
    return round((fahrenheit - 32) * 5 / 9, 1)


async def ask(agent: AssistantAgent, question: str) -> str:
    """Asks, lets the agent run its tools, and returns the answer."""
    return str((await agent.run(message=question, limits=Limits(turns=4))).summary)


def show(spans: Sequence[ReadableSpan], parent: int | None = None, depth: int = 0) -> None:
    """Prints spans as a tree, with how long they took and what the model used."""
    for span in sorted(spans, key=lambda one: one.start_time or 0):
        if (span.parent.span_id if span.parent else None) == parent:
            took = ((span.end_time or 0) - (span.start_time or 0)) / 1e6
            tokens = (span.attributes or {}).get("gen_ai.usage.output_tokens")
            print(f"{'  ' * depth}{span.name}  {took:.1f} ms{f', {tokens} tokens' if tokens else ''}")
            show(spans, span.context.span_id, depth + 1)


def main(model: dict[str, Any]) -> Sequence[ReadableSpan]:
    """Holds the chat.

    Args:
        model: The agent's ``llm_config``.
    """
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    stop = instrument(tracer_provider=tracers)
    agent = AssistantAgent(
        "helper", "Use the tool.", llm_config={**model, "tool_choice": "required"}, tools=[to_celsius]
    )
    print(asyncio.run(ask(agent, "What is 86 degrees Fahrenheit in Celsius?")))
    stop()
    spans = exporter.get_finished_spans()
    show(spans)
    return spans


if __name__ == "__main__":
    start(main, temperature=0, max_tokens=60)
