"""OpenTelemetry: what a run does, as spans and measurements, for whoever has an SDK configured."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.errors import ConfigError, MissingExtra
from ..core.run import Run
from ..core.steps import Step, watch_all
from .content import Redact, careful
from .redaction import hide_secrets

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

T = TypeVar("T")

CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


class Tracing:
    """Makes OpenTelemetry spans and measurements of runs, after the conventions for generative AI.

    A run is ``invoke_workflow``, the turns in a row of one agent ``invoke_agent``, a request to a model ``chat``, a
    tool call ``execute_tool``. They hang under each other, and under the span that was current where the run began; a
    span that a tool makes hangs under the tool's. See ``docs/observability.md`` for all attributes.

    Args:
        content: Whether what is said is captured: prompts, replies, arguments and results of tools, texts of errors.
            By default as the environment variable ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says, and not.
        redact: What each captured text goes through. By default `hide_secrets`.
        tracer_provider: Where spans go; the process's by default.
        meter_provider: Where measurements go; the process's by default.

    Raises:
        MissingExtra: If OpenTelemetry's API isn't installed.
        ConfigError: If ``redact`` can't be called.

    Example:
        >>> from autogen_like import AssistantAgent, ScriptedModel, Tracing
        >>> async def main() -> str:
        ...     agent = AssistantAgent("ada", llm_config=ScriptedModel(["Four."]))
        ...     result = await Tracing().watch(agent.run(message="2 + 2?"))
        ...     return result.summary
        >>> import asyncio; asyncio.run(main())
        'Four.'
    """

    def __init__(
        self,
        *,
        content: bool | None = None,
        redact: Redact = hide_secrets,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        try:
            from .spans import Spans
        except ImportError as error:
            if not (error.name or "").startswith("opentelemetry"):
                raise
            raise MissingExtra("tracing", "otel") from error
        if not callable(redact):
            raise ConfigError(f"redact must be a function of a text, not {redact!r}")
        wanted = content if content is not None else _content_wanted()
        self._spans = Spans(careful(redact) if wanted else None, tracer_provider, meter_provider)

    @property
    def active(self) -> bool:
        """Whether there is an SDK that spans or measurements would go to."""
        return self._spans.active

    def around(self, step: Step) -> AbstractContextManager[None]:
        """What a step is wrapped in."""
        return self._spans.around(step)

    def watch(self, run: Run[T]) -> Run[T]:
        """Has a run traced that hasn't begun, and all that is nested in it.

        Args:
            run: The run, of ``agent.run(...)``.

        Returns:
            The same run.
        """
        if self.active:
            run.watchers = (*(one for one in run.watchers if not isinstance(one, Tracing)), self)
        return run


_instrumented: Callable[[], None] | None = None


def instrument(**settings: Any) -> Callable[[], None]:
    """Has all runs of this process traced that are made from now on. The last call counts.

    Args:
        **settings: As for `Tracing`.

    Returns:
        A function that ends it.

    Example:
        >>> from autogen_like import instrument
        >>> stop = instrument(content=False)
        >>> stop()
    """
    global _instrumented  # noqa: PLW0603 - one for the process
    tracing = Tracing(**settings)
    if _instrumented is not None:
        _instrumented()
    _instrumented = watch_all(tracing)
    return _instrumented


def _content_wanted() -> bool:
    value = os.environ.get(CONTENT_VARIABLE, "").strip().lower()
    if value in ("", "false", "0", "no_content", "event_only"):
        return False
    if value in ("true", "1", "span_only", "span_and_event"):
        return True
    raise ConfigError(f"{CONTENT_VARIABLE} must be true or false, not {value!r}")
