"""Runs of a flow: started, kept, paused and gone on with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ..agents.agent import call as call_function
from ..agents.chat_result import cost_of
from ..agents.chats import check_models
from ..agents.durable import check_kept, finished, recovered, run_of
from ..agents.paused import Main, PausedChat
from ..core.conversation import Conversation
from ..core.errors import ConfigError
from ..core.journal import JournalStore
from ..core.limits import Limits
from ..core.message import Message, message_from_dict
from ..core.run import Ask, Run
from ..core.termination import StopCondition, StopReason
from ..core.transcript import Transcript
from ..models.layer import check_client
from .context import Context
from .plan import Plan
from .result import FlowResult
from .rule import FlowRule, OnStep


@dataclass(frozen=True, slots=True)
class FlowOptions:
    """How a flow is run; the arguments of `StateFlow.run`."""

    data: Mapping[str, Any] = field(default_factory=dict)
    past: Iterable[Message] = ()
    silent: bool = False
    on_step: OnStep | None = None
    stop: StopCondition | None = None
    limits: Limits | None = None
    human: Ask | str | None = None
    deps: object = None
    store: JournalStore | str | None = None
    resume: str | None = None
    uncertain: str = "ask"

    def __post_init__(self) -> None:
        check_kept(self.store, self.resume, self.uncertain)
        if self.on_step is not None and not callable(self.on_step):
            raise ConfigError(f"on_step must be a function of the event, not {self.on_step!r}")


def execution(plan: Plan, task: Any, options: FlowOptions) -> Run[FlowResult]:
    """A run of a flow, ready to be started.

    Args:
        plan: The flow.
        task: What it is asked: a text, a chat dict or a `Message`.
        options: How.

    Raises:
        ConfigError: If the task is none of these.
    """
    asker = plan.cast.asker.name
    given = task if isinstance(task, Message) else _opening(task, asker)
    opening = Message(asker, given.content)

    return run_of(partial(_begun, plan, opening, options), options, plan.name)


async def _begun(plan: Plan, opening: Message, options: FlowOptions, run: Run[FlowResult]) -> FlowResult:
    """Holds the run's conversation, from its beginning or from where another process left it."""
    rule, cast = FlowRule(plan, opening.text, options.data, options.on_step), plan.cast
    conversation = Conversation(cast.everybody, rule, cast.counterpart, Transcript(options.past))
    conversation.silent = options.silent
    check_models(cast.everybody)
    for client in cast.clients:
        check_client(client)
    with conversation.held_by(run):
        found = await recovered(run, conversation)
        if found is None:
            return await _held(conversation, rule, options, run, opening)
        return await _held(conversation, rule, options, run, None, finished(found))


def _opening(task: Any, name: str) -> Message:
    if not isinstance(task, str | Mapping):
        raise ConfigError(f"the task must be a text, a message dict or a Message, not {task!r}")
    return message_from_dict(task, name)


async def _held(
    conversation: Conversation,
    rule: FlowRule,
    options: FlowOptions,
    run: Run[FlowResult],
    opening: Message | None = None,
    ended: StopReason | None = None,
) -> FlowResult:
    """Runs the conversation, unless it has `ended` already, and makes its result."""
    position, plan = rule.position, rule.plan
    position.set_out(run)
    reason = ended or await conversation.converse(run, opening, stop=options.stop)
    answer: Any = _last_word(conversation)
    done = reason.kind == "answered" and position.state in plan.final
    if plan.answer is not None and done:
        answer = await call_function(plan.answer, Context(plan, position, rule.task, conversation.transcript, run))
    paused = _paused(run, conversation, rule, options) if reason.kind == "paused" else None
    return FlowResult(
        chat_history=list(conversation.transcript.view(plan.name)),
        summary=answer,
        cost=cost_of(run.usage),
        human_input=list(run.human_input),
        stop_reason=reason,
        messages=tuple(conversation.transcript),
        usage_by_agent=run.usage_by_agent,
        paused=paused,
        run_id=run.id,
        flow=plan.name,
        state=position.state,
        finished=done,
        path=tuple(position.path),
        states=dict(position.states),
        edges=dict(position.edges),
        data=dict(position.data),
    )


def _last_word(conversation: Conversation) -> str:
    """The newest text of the flow, nothing that was said before it was asked."""
    asker = conversation.participants[0].name
    for message in reversed(conversation.transcript.messages):
        if message.speaker == asker:
            return ""
        if message.text:
            return message.text
    return ""


def _paused(run: Run[FlowResult], conversation: Conversation, rule: FlowRule, options: FlowOptions) -> PausedChat:
    """How to go on when the person has answered."""

    def again(main: Main, resume: str | None) -> Run[FlowResult]:
        return run_of(main, replace(options, resume=resume), rule.plan.name)

    return PausedChat(conversation, run, partial(_held, conversation, rule, options), again, lambda _: None)
