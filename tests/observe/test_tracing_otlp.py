"""Traces as they leave the process: over OTLP, to a receiver that reads them with OpenTelemetry's own definitions."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from autogen_like import AssistantAgent, ModelResponse, ScriptedModel, ToolCall, Tracing


class Receiver:
    """An OTLP endpoint."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.metrics: list[Any] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.take(self.path, body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            traces = ExportTraceServiceRequest.FromString(body)
            self.spans += [s for r in traces.resource_spans for scope in r.scope_spans for s in scope.spans]
        elif path == "/v1/metrics":
            metrics = ExportMetricsServiceRequest.FromString(body)
            self.metrics += [m for r in metrics.resource_metrics for scope in r.scope_metrics for m in scope.metrics]

    def under(self, parent: bytes = b"") -> list[Any]:
        found = sorted((s for s in self.spans if s.parent_span_id == parent), key=lambda s: s.start_time_unix_nano)
        return [(span.name, self.under(span.span_id)) for span in found]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


TREE = [
    (
        "invoke_workflow ada",
        [("invoke_agent ada", [("chat scripted", []), ("execute_tool add", []), ("chat scripted", [])])],
    )
]


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


async def test_spans_and_measurements_arrive_as_they_were_made(receiver):
    tracers, reader = TracerProvider(), PeriodicExportingMetricReader(OTLPMetricExporter(f"{receiver.url}/v1/metrics"))
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{receiver.url}/v1/traces")))
    meters = MeterProvider([reader])
    call = ModelResponse(None, (ToolCall("1", "add", '{"a": 1, "b": 2}'),))
    agent = AssistantAgent("ada", llm_config=ScriptedModel([call, "3"]), tools=[add])
    await Tracing(tracer_provider=tracers, meter_provider=meters).watch(agent.run(message="1 + 2?"))
    tracers.shutdown()
    meters.shutdown()
    assert receiver.under() == TREE
    assert {metric.name for metric in receiver.metrics} >= {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gen_ai.execute_tool.duration",
        "gen_ai.invoke_agent.duration",
        "gen_ai.workflow.duration",
    }


PROGRAM = """
import asyncio

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from autogen_like import AssistantAgent, ModelResponse, ScriptedModel, ToolCall, instrument

instrument()
trace.set_tracer_provider(TracerProvider())  # the program's own, and after the fact
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))

def add(a: int, b: int) -> int:
    "Adds."
    return a + b

call = ModelResponse(None, (ToolCall("1", "add", '{"a": 1, "b": 2}'),))
ada = AssistantAgent("ada", llm_config=ScriptedModel([call, "3"]), tools=[add])

async def main() -> None:
    await ada.run(message="1 + 2?")

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_program_that_configures_an_sdk_for_itself_is_traced_without_further_ado(receiver):
    env = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, env=env, timeout=120)
    assert receiver.under() == TREE
