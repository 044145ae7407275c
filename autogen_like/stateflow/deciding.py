"""Which transition is taken: the first that holds, and where it leads once the limits of visits are looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..core.termination import StopReason
from .choosing import Choose
from .conditions import Raised
from .context import Context
from .plan import State

# Decides a choice among the states that are legal now.
Chooser = Callable[[Choose, tuple[str, ...]], Awaitable[tuple[str, str] | StopReason]]


@dataclass(frozen=True, slots=True)
class Decision:
    """Where to go, and why."""

    target: str
    reason: str


async def decide(context: Context, choose: Chooser) -> Decision | StopReason:
    """The one transition that is taken.

    Args:
        context: Where the flow is.
        choose: Decides where a transition leaves a choice.

    Returns:
        Where to go; the reason to end where nothing leads out, or a limit is reached.
    """
    position, state = context.position, context.declared
    if position.expired and state.otherwise is not None:
        return _within_visits(context, Decision(state.otherwise, f"the {state.timeout} s of {state.name!r} are over"))
    for edge in context.plan.out[position.state]:
        condition = edge.condition
        if (position.failed is not None) is not isinstance(condition, Raised):
            continue  # after an exception, only what waits for one is looked at
        if condition is not None and not await condition.holds(context):
            continue
        reason = str(condition) if condition is not None else "always"
        if isinstance(edge.target, str):
            return _within_visits(context, Decision(edge.target, reason))
        open_ = tuple(name for name in edge.targets if not _used_up(context, name)) or edge.targets
        if len(open_) == 1:
            return _within_visits(context, Decision(open_[0], f"{reason}: the only one left"))
        found = await choose(edge.target, open_)
        if isinstance(found, StopReason):
            return found
        why = found[1] if condition is None else f"{condition}: {found[1]}"
        return _within_visits(context, Decision(found[0], why))
    return StopReason("no_speaker", f"no transition of the state {position.state!r} holds", context.flow)


def _used_up(context: Context, name: str) -> bool:
    limit = context.plan.states[name].max_visits
    return limit is not None and context.position.visits(name) >= limit


def _within_visits(context: Context, decision: Decision) -> Decision | StopReason:
    """The decision, or where those go who find a state's visits used up."""
    passed: set[str] = set()
    target, reason = decision.target, decision.reason
    while _used_up(context, target):
        state: State = context.plan.states[target]
        passed.add(target)
        reason = f"{reason}; {target!r} was visited {state.max_visits} times"
        target = str(state.otherwise)
        if target in passed:
            return StopReason("max_turns", f"the visits of {', '.join(sorted(passed))} are used up", context.flow)
    return Decision(target, reason)
