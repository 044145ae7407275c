"""What a flow declares, as one immutable piece: its states, what leads where, and what all of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..models.client import ModelClient
from ..tools.toolbox import Toolbox, ToolSource
from .cast import Cast
from .conditions import Condition

if TYPE_CHECKING:
    from .choosing import Choose
    from .context import Context
    from .outputs import Output
    from .views import View

ANY = "*"
_NO_TOOLS = Toolbox()


@dataclass(frozen=True, slots=True)
class State:
    """A state: what is done in it, with what, and how often and how long at most; see `StateFlow.state`."""

    name: str
    outputs: tuple[Output, ...] = ()
    client: ModelClient | None = None
    tools: ToolSource | None = None
    view: View = None
    temperature: float | None = None
    max_visits: int | None = None
    timeout: float | None = None
    otherwise: str | None = None
    description: str = ""

    @property
    def offer(self) -> ToolSource:
        """The tools that its model may call."""
        return self.tools if self.tools is not None else _NO_TOOLS


@dataclass(frozen=True, slots=True)
class Transition:
    """What leads from one state to another.

    Args:
        source: The state; "*" for any that isn't final.
        target: The state, or a choice among several.
        condition: When; None for always.
    """

    source: str
    target: str | Choose
    condition: Condition | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """Where it may lead."""
        return (self.target,) if isinstance(self.target, str) else self.target.targets

    @property
    def label(self) -> str:
        """When it is taken, in words."""
        if not isinstance(self.target, str):
            chosen = "the model chooses"
            return f"{self.condition}: {chosen}" if self.condition is not None else chosen
        return str(self.condition) if self.condition is not None else ""


@dataclass(frozen=True)
class Plan:
    """A checked flow.

    Attributes:
        name: The flow's name.
        initial: The first state.
        final: The states in which it ends.
        states: All states, also final ones that were only named.
        out: What leads out of each state, in the order in which it is tried.
        client: The model of states that have none.
        system: The system message of all requests.
        instruction: Where a state's prompt stands: "last", behind the history, or "first", in the system message.
        max_transitions: How many transitions a run may take.
        answer: Makes the run's answer.
    """

    name: str
    initial: str
    final: frozenset[str]
    states: Mapping[str, State]
    out: Mapping[str, Sequence[Transition]]
    client: ModelClient | None = None
    system: str = ""
    instruction: str = "last"
    max_transitions: int = 100
    answer: Callable[[Context], Any] | None = None

    def edges(self) -> list[tuple[str, str, str]]:
        """All edges as (source, target, label), in the order of the states."""
        found = []
        for name, state in self.states.items():
            found += [(name, target, edge.label) for edge in self.out[name] for target in edge.targets]
            if state.otherwise is not None:
                found.append((name, state.otherwise, _limit(state)))
        return found

    def successors(self, name: str) -> list[str]:
        """Where a state may lead."""
        found = [target for edge in self.out[name] for target in edge.targets]
        otherwise = self.states[name].otherwise
        return found if otherwise is None else [*found, otherwise]

    @cached_property
    def cast(self) -> Cast:
        """Who takes part in its runs."""
        return Cast(self)

    def participants(self) -> list[tuple[str, Any]]:
        """Who speaks beside the flow itself: each name with its agent, or None where it is a tool or function.

        The same name may stand for different agents: that is for the check to find.
        """
        found: dict[tuple[str, int], tuple[str, Any]] = {}
        for state in self.states.values():
            for output in state.outputs:
                if output.speaker:
                    found.setdefault((output.speaker, id(output.agent)), (output.speaker, output.agent))
        return list(found.values())

    def clients(self) -> Iterable[ModelClient]:
        """All models that may be asked."""
        own = [self.client] if self.client is not None else []
        for state in self.states.values():
            own += [state.client] if state.client is not None else []
            own += [client for output in state.outputs if (client := output.client) is not None]
            chosen = (edge.target for edge in self.out[state.name])
            own += [one.client for one in chosen if not isinstance(one, str) and one.client is not None]
        return {id(client): client for client in own}.values()


def _limit(state: State) -> str:
    limits = [f"{state.max_visits} visits"] if state.max_visits is not None else []
    limits += [f"{state.timeout:g} s"] if state.timeout is not None else []
    return f"after {' or '.join(limits)}"


def compiled(states: Mapping[str, State], transitions: Sequence[Transition], final: Iterable[str]) -> dict[str, Any]:
    """For each state what leads out of it, in the order of declaration, wildcards among them."""
    ends = set(final)
    own: dict[str, list[tuple[int, Transition]]] = {name: [] for name in states}
    wild = [(order, one) for order, one in enumerate(transitions) if one.source == ANY]
    for order, one in enumerate(transitions):
        if one.source in own:
            own[one.source].append((order, one))
    shared = tuple(one for _, one in wild)
    out: dict[str, Sequence[Transition]] = {}
    for name, found in own.items():
        if name in ends:
            out[name] = ()
        elif not found or not wild:
            out[name] = tuple(one for _, one in found) if found else shared
        else:
            out[name] = tuple(one for _, one in sorted([*found, *wild], key=lambda item: item[0]))
    return out
