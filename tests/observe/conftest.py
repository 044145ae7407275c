"""Spans and measurements in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from autogen_like import instrument


class Telemetry:
    """What was exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    @property
    def providers(self) -> dict[str, Any]:
        return {"tracer_provider": self.tracers, "meter_provider": self.meters}

    @property
    def spans(self) -> list[ReadableSpan]:
        """All that ended, as they began."""
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (found,) = self.named(name)
        return found

    def attributes(self, name: str) -> dict[str, Any]:
        return dict(self.one(name).attributes or {})

    def tree(self) -> list[Any]:
        """Names of spans, each with the list of those under it where there are any."""
        return self._under(None)

    def _under(self, parent: int | None) -> list[Any]:
        found: list[Any] = []
        for span in self.spans:
            if (span.parent.span_id if span.parent else None) != parent:
                continue
            children = self._under(span.context.span_id)
            found.append((span.name, children) if children else span.name)
        return found

    def texts(self) -> str:
        """Everything that was exported, as text."""
        told = [f"{span.to_json()} {span.attributes} {span.status.description} {span.events}" for span in self.spans]
        return "\n".join([*told, str(self.reader.get_metrics_data())])

    def points(self, name: str) -> list[Any]:
        """The data points of a metric."""
        data = self.reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """Nothing is traced yet; for what a test configures itself."""
    made = Telemetry()
    yield made
    made.tracers.shutdown()
    made.meters.shutdown()


@pytest.fixture
def traced(telemetry: Telemetry) -> Iterator[Telemetry]:
    """All runs are traced, without content."""
    stop = instrument(content=False, **telemetry.providers)
    yield telemetry
    stop()
