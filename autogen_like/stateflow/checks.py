"""What can be wrong with a flow, found before anything is spent. Every problem names the state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..core.errors import ConfigError
from .asking import Ask
from .conditions import Raised
from .outputs import Nested
from .plan import ANY, Plan, Transition

if TYPE_CHECKING:
    from .machine import StateFlow

SHOWN = 10


def check(plan: Plan, flow: StateFlow) -> None:
    """Checks a flow.

    Args:
        plan: The flow.
        flow: Its declaration.

    Raises:
        ConfigError: If something is wrong; lists what.
    """
    problems = list(_problems(plan, flow))
    if not problems:
        return
    shown = "\n".join(f"- {problem}" for problem in problems[:SHOWN])
    more = f"\n- and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    raise ConfigError(f"the flow {plan.name!r} can't be run:\n{shown}{more}")


def _problems(plan: Plan, flow: StateFlow) -> Iterable[str]:
    declared = flow.transitions
    if not plan.final:
        yield f"it has no final state: StateFlow({plan.name!r}, ..., final={{'end'}})"
    if plan.initial not in plan.states:
        yield f"its initial state {plan.initial!r} is not declared: flow.state({plan.initial!r}, ...)"
    names = list(_names(plan, declared))
    yield from names
    yield from _order(plan, declared)
    yield from _outputs(plan)
    yield from _inside(flow)
    if not names and plan.final and plan.initial in plan.states:
        yield from _ways(plan)


def _names(plan: Plan, declared: Sequence[Transition]) -> Iterable[str]:
    for edge in declared:
        if edge.source != ANY and edge.source not in plan.states:
            yield f"a transition leads out of {edge.source!r}, which is no state"
        if edge.source in plan.final:
            yield f"the state {edge.source!r} is final, and nothing can lead out of it"
        for target in edge.targets:
            if target not in plan.states:
                yield f"a transition of {edge.source!r} leads to {target!r}, which is no state"
    for state in plan.states.values():
        limited = state.max_visits is not None or state.timeout is not None
        if limited and state.otherwise is None:
            yield f"the state {state.name!r} has a limit: say where to go when it is reached, otherwise=..."
        if not limited and state.otherwise is not None:
            yield f"the state {state.name!r} has otherwise={state.otherwise!r} and no max_visits or timeout to reach"
        if state.otherwise is not None and state.otherwise not in plan.states:
            yield f"the state {state.name!r} has otherwise={state.otherwise!r}, which is no state"
        if state.otherwise == state.name:
            yield f"the state {state.name!r} has itself as otherwise"


def _order(plan: Plan, declared: Sequence[Transition]) -> Iterable[str]:
    """Transitions that the declaration shows can never be taken, or contradict each other."""
    by_source: dict[str, list[Transition]] = {}
    for edge in declared:
        by_source.setdefault(edge.source, []).append(edge)
    for source, edges in by_source.items():
        always: Transition | None = None
        known: dict[object, Transition] = {}
        for edge in edges:
            where = f"of {source!r} to {' or '.join(edge.targets)}"
            if always is not None and not isinstance(edge.condition, Raised):
                first = " or ".join(always.targets)
                yield f"the transition {where} is never taken: the one to {first} always is, before"
            elif edge.condition is None:
                always = edge
            if edge.condition is not None:
                before = known.setdefault(edge.condition, edge)
                if before is not edge:
                    other = " or ".join(before.targets)
                    yield f"the transition {where} is ambiguous: {edge.condition} leads to {other} already"
    for name in plan.states:
        if name not in plan.final and not plan.out[name]:
            yield f"the state {name!r} is not final, and nothing leads out of it"


def _outputs(plan: Plan) -> Iterable[str]:
    agents: dict[str, object] = {}
    for name, agent in plan.participants():
        if name == plan.name:
            yield f"a tool, function or agent has the flow's own name {name!r}: name one of them otherwise"
        elif name in agents and agents[name] is not agent:
            yield f"two participants have the name {name!r}: a tool and an agent, or two agents"
        agents[name] = agent
    for state in plan.states.values():
        for output in state.outputs:
            asks = isinstance(output, Ask) and output.agent is None
            if asks and (output.client or state.client or plan.client) is None:
                yield f"the state {state.name!r} asks a model and has none: ask(model, ...), or model= of state or flow"
        for edge in plan.out[state.name]:
            target = edge.target
            if not isinstance(target, str) and (target.client or state.client or plan.client) is None:
                yield f"the state {state.name!r} has a choice and no model to make it: choose(model, ...)"


def _inside(flow: StateFlow) -> Iterable[str]:
    """Flows that run themselves inside, directly or through others: that would never end."""
    for state in flow.states.values():
        for output in state.outputs:
            if isinstance(output, Nested):
                seen: set[int] = set()
                waiting = [output.flow]
                while waiting:
                    inner = waiting.pop()
                    if inner is flow:
                        yield f"the state {state.name!r} runs the flow {flow.name!r} inside itself"
                    elif id(inner) not in seen:
                        seen.add(id(inner))
                        outputs = (one for other in inner.states.values() for one in other.outputs)
                        waiting += [one.flow for one in outputs if isinstance(one, Nested)]


def _ways(plan: Plan) -> Iterable[str]:
    """States that can't be reached, and states from which no final one can."""
    after = {name: plan.successors(name) for name in plan.states}
    before: dict[str, list[str]] = {name: [] for name in plan.states}
    for name, targets in after.items():
        for target in targets:
            before[target].append(name)
    reached = _reachable([plan.initial], after)
    for name in plan.states:
        if name not in reached:
            yield f"the state {name!r} can't be reached from {plan.initial!r}"
    ending = _reachable(plan.final, before)
    for name in plan.states:
        if name not in ending and plan.out[name]:
            yield f"the state {name!r} has no way to a final state"


def _reachable(begin: Iterable[str], after: Mapping[str, Sequence[str]]) -> set[str]:
    found, waiting = set(begin), list(begin)
    while waiting:
        for name in after.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found
