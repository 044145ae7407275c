"""Runs of a flow: started, kept, paused and gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..agents.agent import call as call_function
from ..agents.chat_result import cost_of
from ..agents.chats import check_models
from ..agents.durable import check_kept, finished, recovered, run_of
from ..agents.pair import Asker
from ..agents.paused import PausedChat
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
    asker = Asker(plan.name, *(name for name, _ in plan.participants()))
    opening = task if isinstance(task, Message) else _opening(task, asker.name)
    opening = Message(asker.name, opening.content)

    async def main(run: Run[FlowResult]) -> FlowResult:
        rule = FlowRule(plan, opening.text, options.data, options.on_step)
        everybody = (asker, *rule.voices)
        flow = rule.voices[0]
        conversation = Conversation(
            everybody, rule, lambda one: flow if one is asker else asker, Transcript(options.past)
        )
        conversation.silent = options.silent
        check_models(everybody)
        for client in plan.clients():
            check_client(client)
        with conversation.held_by(run):
            found = await recovered(run, conversation)
            if found is None:
                return await _held(run, conversation, rule, opening, options)
            return await _held(run, conversation, rule, None, options, finished(found))

    return run_of(main, options, plan.name)


def _opening(task: Any, name: str) -> Message:
    if not isinstance(task, str | Mapping):
        raise ConfigError(f"the task must be a text, a message dict or a Message, not {task!r}")
    return message_from_dict(task, name)


async def _held(
    run: Run[FlowResult],
    conversation: Conversation,
    rule: FlowRule,
    opening: Message | None,
    options: FlowOptions,
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
    kept_here = run.journal is not None and run.parent is None

    def go_on(begin: Callable[[Run[Any]], None]) -> Run[Any]:
        async def main(again: Run[FlowResult]) -> FlowResult:
            begin(again)
            with conversation.held_by(again):
                return await _held(again, conversation, rule, None, options)

        return run_of(main, replace(options, resume=run.id if kept_here else None), rule.plan.name)

    before: Run[Any] = run
    return PausedChat(conversation, before, go_on, lambda _: None)
