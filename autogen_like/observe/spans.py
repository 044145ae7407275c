"""Spans and measurements of steps, after OpenTelemetry's GenAI conventions. Loaded when somebody traces."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import context, metrics, trace
from opentelemetry.trace import ProxyTracerProvider, Span, SpanKind, Status, StatusCode

from .._version import __version__
from ..core.message import Message
from ..core.step_log import failure
from ..core.steps import CodeStep, ConversationStep, ModelStep, RunStep, Step, ToolStep, TurnStep
from . import attributes as told
from .content import Redact
from .instruments import Instruments

_NAME = "autogen_like"


@dataclass(slots=True, eq=False)
class _Timed:
    """A step under way.

    Attributes:
        span: Its span.
        started: When it began, on `time.perf_counter`'s clock.
        seconds: How long it took, once it is over.
        error: What kind of failure it ended with.
    """

    span: Span
    started: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0
    error: str | None = None


@dataclass(slots=True, eq=False)
class _Agent(_Timed):
    """The agent that speaks: one span for all of its turns in a row, which ends when its last turn did."""

    name: str = ""
    run: Any = None
    ended: int = 0  # nanoseconds since the epoch
    tokens: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Talk:
    """A conversation under way, and who speaks in it."""

    run: Any
    agent: _Agent | None = None


_talk: ContextVar[_Talk | None] = ContextVar("traced_talk", default=None)
_agent: ContextVar[_Agent | None] = ContextVar("traced_agent", default=None)


class Spans:
    """Makes spans and measurements of steps.

    Args:
        redact: What each text goes through that is captured; None where no content is.
        tracer_provider: Where spans go; the process's by default.
        meter_provider: Where measurements go; the process's by default.
    """

    def __init__(self, redact: Redact | None, tracer_provider: Any, meter_provider: Any) -> None:
        self._redact = redact
        self._given = tracer_provider is not None or meter_provider is not None
        self._tracer = trace.get_tracer(_NAME, __version__, tracer_provider)
        self._measure = Instruments(metrics.get_meter(_NAME, __version__, meter_provider))

    @property
    def active(self) -> bool:
        """Whether there is an SDK that spans or measurements would go to."""
        return (
            self._given
            or not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)
            or type(metrics.get_meter_provider()).__name__ != "_ProxyMeterProvider"  # it has no public name
        )

    def around(self, step: Step) -> AbstractContextManager[None]:
        """What a step is wrapped in."""
        return _WRAPS[type(step)](self, step)

    @contextmanager
    def _run(self, step: RunStep) -> Iterator[None]:
        name = step.run.name
        with self._span(f"invoke_workflow {name}".strip(), told.of_run(step), self._count_run(name)):
            yield

    @contextmanager
    def _conversation(self, step: ConversationStep) -> Iterator[None]:
        """A conversation has no span of its own: it is the run's. When it ends, so does its last speaker's span."""
        span = trace.get_current_span()
        span.set_attribute("gen_ai.conversation.id", step.conversation.id)
        talk = _Talk(step.run)
        token = _talk.set(talk)
        try:
            yield
        finally:
            _talk.reset(token)
            self._leave(talk)
            if step.reason is not None:
                span.set_attribute("autogen_like.stop_reason", step.reason.kind)

    @contextmanager
    def _turn(self, step: TurnStep) -> Iterator[None]:
        talk = _talk.get()
        if talk is not None and talk.run is step.run:
            with self._speaking(talk, step):
                yield
            return
        alone = _Talk(step.run)  # a last word, after the conversation
        try:
            with self._speaking(alone, step):
                yield
        finally:
            self._leave(alone)

    @contextmanager
    def _speaking(self, talk: _Talk, step: TurnStep) -> Iterator[None]:
        """A turn is a part of the speaker's ``invoke_agent``, which goes on until somebody else speaks."""
        name, agent = step.turn.speaker.name, talk.agent
        if agent is None or agent.name != name:
            self._leave(talk)
            span = self._tracer.start_span(f"invoke_agent {name}", attributes=told.of_turn(step, self._redact))
            agent = talk.agent = _Agent(span, name=name, run=step.run)
        token, attached = _agent.set(agent), context.attach(trace.set_span_in_context(agent.span))
        started = time.perf_counter()
        try:
            yield
        except BaseException as error:
            self._fail(agent, error)
            raise
        finally:
            context.detach(attached)
            _agent.reset(token)
            agent.seconds += time.perf_counter() - started
            agent.ended = time.time_ns()
            if self._redact is not None and isinstance(step.reply, Message):
                agent.span.set_attribute("gen_ai.output.messages", told.reply(step.reply, self._redact))

    def _leave(self, talk: _Talk) -> None:
        """Ends the span of who spoke last."""
        agent, talk.agent = talk.agent, None
        if agent is not None:
            agent.span.set_attributes(agent.tokens)
            agent.span.end(agent.ended)
            self._measure.agent(agent.seconds, agent.name, agent.error)

    @contextmanager
    def _model(self, step: ModelStep) -> Iterator[None]:
        about = told.of_model(step)
        kind = SpanKind.CLIENT if step.server else SpanKind.INTERNAL
        started = time.perf_counter()

        def count(timed: _Timed) -> None:
            if step.response is not None and step.response.cached:
                return  # nobody was asked
            self._measure.request(timed.seconds, step, about, timed.error)
            if step.first is not None:
                self._measure.first_piece(step.first - started, about)

        at_start = {**about, **told.of_request(step)}
        with self._span(f"chat {step.model}", at_start, count, kind) as timed:
            recording = timed.span.is_recording()
            if recording and self._redact is not None:
                timed.span.set_attributes(told.said_to_model(step, self._redact))
            yield
            if step.response is not None:
                self._add_to_agent(step)
                if recording:
                    timed.span.set_attributes(told.of_response(step, started, self._redact))

    def _add_to_agent(self, step: ModelStep) -> None:
        agent, usage = _agent.get(), step.response.usage
        if agent is None or agent.run is not step.run:
            return
        agent.span.set_attributes(
            {"gen_ai.provider.name": step.provider or "_OTHER", "gen_ai.request.model": step.model}
        )
        for key, count in told.tokens(usage).items():
            agent.tokens[key] = agent.tokens.get(key, 0) + count

    @contextmanager
    def _tool(self, step: ToolStep) -> Iterator[None]:
        # The name of a tool that isn't there was made up by a model: it names no span, and labels nothing.
        name = step.call.name if step.tool is not None else ""
        about = told.of_tool(step, self._redact)
        with self._span(f"execute_tool {name}".strip(), about, self._count_tool(name or "_OTHER")) as timed:
            yield
            result = step.result
            if result is None:
                return
            if result.error:
                self._mark(timed, result.error_type or "tool_error", result.content)
            if self._redact is not None:
                timed.span.set_attribute("gen_ai.tool.call.result", self._redact(result.content))

    @contextmanager
    def _code(self, step: CodeStep) -> Iterator[None]:
        with self._span("execute_tool code", told.of_code(step), self._count_tool("code")) as timed:
            yield
            if step.exit_code is not None:
                timed.span.set_attribute("process.exit.code", step.exit_code)
                if step.exit_code:
                    self._mark(timed, "exit_code", "")

    def _count_run(self, name: str) -> Callable[[_Timed], None]:
        return lambda timed: self._measure.workflow(timed.seconds, name, timed.error)

    def _count_tool(self, name: str) -> Callable[[_Timed], None]:
        return lambda timed: self._measure.tool(timed.seconds, name, timed.error)

    @contextmanager
    def _span(
        self, name: str, about: Mapping[str, Any], count: Callable[[_Timed], None], kind: SpanKind = SpanKind.INTERNAL
    ) -> Iterator[_Timed]:
        with self._tracer.start_as_current_span(
            name, kind=kind, attributes=about, record_exception=False, set_status_on_exception=False
        ) as span:
            timed = _Timed(span)
            try:
                yield timed
            except BaseException as error:
                self._fail(timed, error)
                raise
            finally:
                timed.seconds = time.perf_counter() - timed.started
                count(timed)

    def _fail(self, timed: _Timed, error: BaseException) -> None:
        kind = failure(error)
        if kind is not None:
            self._mark(timed, kind, "" if kind == "cancelled" else str(error))

    def _mark(self, timed: _Timed, kind: str, text: str) -> None:
        """Marks a step as failed. What errors say may quote what was said: it is content."""
        timed.error = kind
        timed.span.set_attribute("error.type", kind)
        said = self._redact(text) if self._redact is not None and text else None
        timed.span.set_status(Status(StatusCode.ERROR, said))


_WRAPS: Mapping[type[Step], Callable[[Spans, Any], AbstractContextManager[None]]] = {
    RunStep: Spans._run,  # noqa: SLF001 - its own
    ConversationStep: Spans._conversation,  # noqa: SLF001
    TurnStep: Spans._turn,  # noqa: SLF001
    ModelStep: Spans._model,  # noqa: SLF001
    ToolStep: Spans._tool,  # noqa: SLF001
    CodeStep: Spans._code,  # noqa: SLF001
}
