"""What is measured, after OpenTelemetry's GenAI conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter

    from ..core.steps import ModelStep

# Bounds as the conventions have them: for requests, in seconds; tokens; and agents and tools, which may take long.
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_PIECE = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_TOKENS = tuple(4**power for power in range(14))


class Instruments:
    """The histograms. Their labels are few: names of agents, tools and models, and kinds of errors; no ids.

    Args:
        meter: Makes them.
    """

    def __init__(self, meter: Meter) -> None:
        def seconds(name: str, what: str, bounds: tuple[float, ...] = _SECONDS) -> Histogram:
            return meter.create_histogram(name, "s", what, explicit_bucket_boundaries_advisory=bounds)

        self._requests = seconds("gen_ai.client.operation.duration", "GenAI operation duration.")
        self._first = seconds("gen_ai.client.operation.time_to_first_chunk", "Time to the first chunk.", _PIECE)
        self._agents = seconds("gen_ai.invoke_agent.duration", "Duration of an agent's invocation.")
        self._tools = seconds("gen_ai.execute_tool.duration", "Duration of a tool's execution.")
        self._workflows = seconds("gen_ai.workflow.duration", "Duration of a workflow.")
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )

    def request(self, seconds: float, step: ModelStep, about: dict[str, Any], error: str | None) -> None:
        """A request to a model: how long it took, and what it used.

        Args:
            seconds: How long.
            step: The request.
            about: Labels: model, provider, server.
            error: What kind of failure it ended with.
        """
        labels = {"gen_ai.operation.name": "chat", **about}
        response = step.response
        if response is not None and response.model:
            labels["gen_ai.response.model"] = response.model
        self._requests.record(seconds, _with_error(labels, error))
        if response is None or response.usage.estimated:  # the conventions forbid to report what was estimated
            return
        usage = response.usage
        for kind, count in (("input", usage.prompt_tokens), ("output", usage.completion_tokens)):
            self._tokens.record(count, {**labels, "gen_ai.token.type": kind})

    def first_piece(self, seconds: float, about: dict[str, Any]) -> None:
        """How long the first piece of a streamed reply took."""
        self._first.record(seconds, {"gen_ai.operation.name": "chat", **about})

    def agent(self, seconds: float, name: str, error: str | None) -> None:
        """An agent's turns in a row."""
        self._agents.record(seconds, _with_error({"gen_ai.agent.name": name}, error))

    def tool(self, seconds: float, name: str, error: str | None) -> None:
        """A tool call."""
        self._tools.record(seconds, _with_error({"gen_ai.tool.name": name}, error))

    def workflow(self, seconds: float, name: str, error: str | None) -> None:
        """A run."""
        self._workflows.record(seconds, _with_error({"gen_ai.workflow.name": name} if name else {}, error))


def _with_error(labels: dict[str, Any], error: str | None) -> dict[str, Any]:
    return labels if error is None else {**labels, "error.type": error}
