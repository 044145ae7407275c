"""A flow that selects the next speaker of a group: each state names the member who speaks in it.

Where the flow is, is read from what was said: a chat that goes on in another process is looked through once, without
asking a model; what a model chose shows in who spoke next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any
from weakref import WeakKeyDictionary

from ..agents.chat_result import ChatResult
from ..core.errors import ConfigError
from ..core.events import Notice
from ..core.message import Message
from ..core.run import Run, current_run
from ..core.termination import StopReason
from ..core.transcript import Transcript
from ..groupchat.group import GroupChat
from .asking import Ask
from .choosing import Choose
from .context import Context
from .deciding import decide
from .events import StateEntered, TransitionTaken
from .plan import Plan
from .position import Outcome, Position
from .result import FlowResult

_FAILED_CODE = "(execution failed)"


@dataclass(slots=True)
class _Followed:
    """How far a group's chat has been looked through."""

    seen: Transcript
    position: Position = field(default_factory=Position)
    task: str = ""
    ended: bool = True


class Selector:
    """Follows the chats of groups through a flow."""

    def __init__(self) -> None:
        self._followed: WeakKeyDictionary[GroupChat, _Followed] = WeakKeyDictionary()

    async def next(self, plan: Plan, group: GroupChat) -> Any:
        """The member who speaks next; None where the flow has ended.

        Args:
            plan: The flow.
            group: The group.

        Raises:
            ConfigError: If a state doesn't name a member of the group.
        """
        speakers = _speakers(plan, group)
        transcript = group.transcript
        known = self._followed.get(group)
        if known is None or known.seen.id != transcript.id or len(known.seen) > len(transcript):
            known = self._followed[group] = _Followed(Transcript(id=transcript.id))
        messages = transcript.messages
        while len(known.seen) < len(messages):
            end = _turn_end(messages, len(known.seen))
            known.seen.messages += messages[len(known.seen) : end]
            following = messages[end].speaker if end < len(messages) else None
            await self._follow(plan, known, speakers, following)
        return None if known.ended else group.agent_by_name(speakers[known.position.state])

    def result_of(self, plan: Plan, group: GroupChat, result: ChatResult) -> FlowResult:
        """A chat's result, with the way that it took; see `StateFlow.result_of`."""
        known = self._followed.get(group)
        if known is None:
            raise ConfigError(f"the flow {plan.name!r} hasn't selected the speakers of a chat of this group yet")
        position = known.position
        return FlowResult(
            **{spec.name: getattr(result, spec.name) for spec in fields(ChatResult)},
            flow=plan.name,
            state=position.state,
            finished=known.ended and position.state in plan.final,
            path=tuple(position.path),
            states={name: replace(spent) for name, spent in position.states.items()},
            edges={edge: replace(spent) for edge, spent in position.edges.items()},
            data=dict(position.data),
        )

    async def _follow(self, plan: Plan, known: _Followed, speakers: Mapping[str, str], following: str | None) -> None:
        """Goes on by one turn, and past states in which nobody speaks.

        Args:
            plan: The flow.
            known: Where it is.
            speakers: Who speaks in each state.
            following: Who spoke then; None where nobody has yet.
        """
        run = current_run.get() if following is None else None
        position = known.position
        if known.ended:
            position = known.position = Position()
            known.ended, known.task = False, known.seen.messages[-1].text
            if run is not None:
                position.set_out(run)
            _enter(plan, known, plan.initial, "it begins", run)
        else:
            position.last = _outcome(known.seen.messages, speakers.get(position.state, ""))
            known.ended = await self._goes_on(plan, known, speakers, following, run)
        while not known.ended and position.state not in speakers:
            known.ended = await self._goes_on(plan, known, speakers, following, run)

    async def _goes_on(
        self, plan: Plan, known: _Followed, speakers: Mapping[str, str], following: str | None, run: Run[Any] | None
    ) -> bool:
        """Takes one transition; whether the flow has ended instead."""
        position, source = known.position, known.position.state
        if source in plan.final:
            return True
        context = Context(plan, position, known.task, known.seen, run)

        async def choose(choice: Choose, options: tuple[str, ...]) -> tuple[str, str] | StopReason:
            if following is not None:
                fits = [name for name in options if speakers.get(name) == following]
                return (fits or [choice.default])[0], "who spoke next shows it"
            if run is None:
                raise ConfigError("a model can only choose the next state while the group chat runs")
            return await choice.among(options, context, known.seen.id, run)

        if run is not None:
            position.charge(run)
        limit = StopReason("max_turns", f"max_transitions={plan.max_transitions}")
        found = await decide(context, choose) if position.taken < plan.max_transitions else limit
        if isinstance(found, StopReason):
            if run is not None and run.listening:
                run.emit(Notice(known.seen.id, plan.name, f"the flow ended in {source!r}: {found}", "warning"))
            return True
        if run is not None:
            position.charge(run, (source, found.target))
            if run.listening:
                run.emit(TransitionTaken(known.seen.id, plan.name, source, found.target, found.reason))
        _enter(plan, known, found.target, found.reason, run)
        return False


def _enter(plan: Plan, known: _Followed, state: str, reason: str, run: Run[Any] | None) -> None:
    position = known.position
    position.enter(state, reason, len(known.seen))
    if run is not None and run.listening:
        run.emit(StateEntered(known.seen.id, plan.name, state, position.visits(state)))


def _speakers(plan: Plan, group: GroupChat) -> dict[str, str]:
    """Who speaks in each state; states without outputs only lead on."""
    found: dict[str, str] = {}
    for state in plan.states.values():
        if not state.outputs:
            continue
        output = state.outputs[0]
        if len(state.outputs) > 1 or not isinstance(output, Ask) or output.agent is None or output.prompt:
            raise ConfigError(
                f"in a group, the state {state.name!r} of the flow {plan.name!r} can only name who speaks: one "
                "ask(agent), without a prompt"
            )
        if output.agent not in group.agents:
            raise ConfigError(
                f"the state {state.name!r} names {output.speaker!r}, who is not in the group {group.agent_names}"
            )
        found[state.name] = output.speaker
    return found


def _turn_end(messages: list[Message], start: int) -> int:
    """Where the turn that begins at a message ends: who runs its own tools speaks on until they are done."""
    end = start
    while end + 1 < len(messages):
        now, then = messages[end], messages[end + 1]
        own = now.speaker == then.speaker and (
            (now.tool_calls and then.tool_results)
            or (now.tool_results and end > start and messages[end - 1].tool_calls)
        )
        if not own:
            break
        end += 1
    return end + 1


def _outcome(messages: list[Message], speaker: str) -> Outcome:
    last = messages[-1]
    failed = any(result.error for result in last.tool_results) or (
        last.text.startswith("exitcode:") and _FAILED_CODE in last.text
    )
    return Outcome("ask", not failed, speaker)
