"""A flow in the conversation loop: the rule says which state it is in, and the voices do what is done there.

This is the paper's division: process grounding (which state, and what leads to which) is the rule's, sub-task solving
(what is done inside a state) that of the participants.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from ..agents.agent import call as call_function
from ..core.conversation import Conversation, Turn
from ..core.errors import ConversationError, PersonNeeded, ReplayDiffers
from ..core.events import Event
from ..core.message import Message
from ..core.protocols import Participant, Reply
from ..core.run import Run
from ..core.termination import StopReason
from .choosing import Choose
from .conditions import Raised
from .context import Context
from .deciding import decide
from .events import OutputProduced, StateEntered, TransitionTaken
from .outputs import Call, Moment, Output
from .plan import Plan
from .position import Outcome, Position

T = TypeVar("T")
OnStep = Callable[[Event], Any]


class _Expired(Exception):
    """The state's time is over."""


class FlowRule:
    """Which state a run of a flow is in, and what is done next.

    Args:
        plan: The flow.
        task: What it was asked.
        data: What its functions find in `Context.data`.
        on_step: Called with each event of the flow, and waited for.
    """

    def __init__(self, plan: Plan, task: str, data: Mapping[str, Any], on_step: OnStep | None = None) -> None:
        self.plan = plan
        self.task = task
        self.position = Position(data=dict(data))
        self._on_step = on_step
        self._voices = plan.cast.voices
        self._ready: Message | None = None  # what a function wants said

    def snapshot(self) -> dict[str, Any]:
        """Where the run is, and what it was asked."""
        return {**self.position.snapshot(), "task": self.task}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state that `snapshot` gave."""
        self.position.restore(state)
        self.task = state["task"]

    async def next(self, conversation: Conversation) -> Participant | StopReason:
        """Who speaks next: on the way there, transitions are taken and functions called that say nothing."""
        run = conversation.active
        assert run is not None  # noqa: S101 - the loop asks, in a run
        context = Context(self.plan, self.position, self.task, conversation.transcript, run)
        self.position.charge(run)
        try:
            return await self._next(Moment(context, conversation, run, None, self.plan.name))
        except (ConversationError, PersonNeeded, ReplayDiffers):
            raise
        except Exception as error:
            where = f"state {self.position.state!r}"
            raise ConversationError(
                f"{self.plan.name}, {where}: {type(error).__name__}: {error}",
                agent=self.plan.name,
                backend=where,
                turn=len(conversation.transcript),
                transcript=conversation.transcript,
            ) from error

    async def _next(self, at: Moment) -> Participant | StopReason:
        position = self.position
        if not position.state:
            await self._enter(at, self.plan.initial, "it begins")
        silent = 0
        while True:
            over = at.run.over_budget()
            if over is not None:
                return over
            output = await self._due(at)
            if isinstance(output, Call):
                await self._called(output, at)
                if self._ready is not None:
                    return self._voices[self.plan.name]
            elif output is not None:
                return self._voices[output.speaker or self.plan.name]
            else:
                reason = await self._leave(at)
                if reason is not None:
                    return reason
            silent += 1
            if silent > 1:  # states that say nothing must not keep others, or a cancellation, waiting
                await asyncio.sleep(0)

    async def _due(self, at: Moment) -> Output | None:
        """The output that is to be produced; None where the state has no more."""
        position = self.position
        outputs = self.plan.states[position.state].outputs
        while position.index < len(outputs):
            output = outputs[position.index]
            broken = position.failed is not None or position.expired
            if not broken and (not position.said or not output.done(at)):
                return output
            if position.said or broken:
                await self._produced(output, at)
            if broken:
                position.index, position.said = len(outputs), 0
                return None
            position.index, position.said = position.index + 1, 0
        return None

    async def _produced(self, output: Output, at: Moment) -> None:
        if at.run.listening or self._on_step is not None:
            last, position = self.position.last, self.position
            name = f"{output.kind} {last.name}" if last is not None and last.name else output.kind
            ok = last is not None and last.ok
            event = OutputProduced(at.conversation.id, self.plan.name, position.state, name, position.index, ok)
            await self._tell(event, at.run)

    async def _called(self, output: Call, at: Moment) -> None:
        """Calls a function; what it wants said waits for the flow's turn."""
        position = self.position
        place = f"{len(at.context.transcript)}.{position.taken}.{position.index}"
        with at.run.at(place):
            said = await self._attempt(output, at)
        if isinstance(said, Message):
            self._ready = said
            return
        await self._produced(output, at)
        position.index += 1

    async def produce(self, turn: Turn, speaker: str) -> Reply:
        """Does what is to be done at this turn.

        Args:
            turn: The turn.
            speaker: Who speaks.
        """
        position, ready = self.position, self._ready
        if ready is not None:
            self._ready = None
            position.said += 1
            return ready
        conversation, state = turn.conversation, self.plan.states[position.state]
        if position.index >= len(state.outputs):  # a last word, asked for by who cuts the run off
            return None
        output = state.outputs[position.index]
        turn.backend = f"state {state.name!r}, {output.kind}"
        context = Context(self.plan, position, self.task, conversation.transcript, turn.run)
        reply = await self._attempt(output, Moment(context, conversation, turn.run, turn, speaker))
        if isinstance(reply, Message):
            position.said += 1
        return reply

    async def _attempt(self, output: Output, at: Moment) -> Reply:
        """What an output says; where it fails and a transition waits for that, what went wrong."""
        position, state = self.position, self.plan.states[self.position.state]
        try:
            if state.timeout is None:
                return await output.produce(at)
            return await self._in_time(output.produce(at))
        except (PersonNeeded, ReplayDiffers):
            raise
        except _Expired:
            position.expired = True
            position.last = Outcome(output.kind, ok=False, name=output.speaker)
            said = f"Not finished: the {state.timeout} s of the state {state.name!r} are over."
            return Message(at.speaker, said, role="user")
        except Exception as error:
            if not any(isinstance(edge.condition, Raised) for edge in self.plan.out[state.name]):
                raise
            position.failed = tuple(one.__name__ for one in type(error).__mro__)
            position.last = Outcome(output.kind, ok=False, name=output.speaker)
            return Message(at.speaker, f"Error: {type(error).__name__}: {error}", role="user")
        finally:
            position.charge(at.run)

    async def _in_time(self, work: Coroutine[Any, Any, T]) -> T:
        timeout = self.plan.states[self.position.state].timeout or 0.0
        limit = asyncio.timeout(max(timeout - self.position.seconds, 0.0))
        try:
            async with limit:
                return await work
        except TimeoutError as error:
            if limit.expired():
                raise _Expired from error
            raise

    async def _leave(self, at: Moment) -> StopReason | None:
        """Goes on to another state, or says why not."""
        position, plan = self.position, self.plan
        source = position.state
        if source in plan.final and position.failed is None:
            return StopReason("answered", f"{plan.name} has reached {source!r}", plan.name)
        if position.taken >= plan.max_transitions:
            return StopReason("max_turns", f"max_transitions={plan.max_transitions}", plan.name)

        async def choose(choice: Choose, options: tuple[str, ...]) -> tuple[str, str] | StopReason:
            return await choice.among(options, at.context, at.conversation.id, at.run)

        try:
            deciding = decide(at.context, choose)
            found = await (deciding if at.context.declared.timeout is None else self._in_time(deciding))
        except _Expired:
            position.expired = True
            return None
        if isinstance(found, StopReason):
            return found
        position.charge(at.run, (source, found.target))
        if at.run.listening or self._on_step is not None:
            event = TransitionTaken(at.conversation.id, plan.name, source, found.target, found.reason)
            await self._tell(event, at.run)
        await self._enter(at, found.target, found.reason)
        return None

    async def _enter(self, at: Moment, target: str, reason: str) -> None:
        position = self.position
        position.enter(target, reason, len(at.context.transcript))
        if at.run.listening or self._on_step is not None:
            event = StateEntered(at.conversation.id, self.plan.name, target, position.visits(target))
            await self._tell(event, at.run)

    async def _tell(self, event: Event, run: Run[Any]) -> None:
        if run.listening:
            run.emit(event)
        if self._on_step is not None:
            await call_function(self._on_step, event)
