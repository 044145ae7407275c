"""What happens in a flow, beside what happens in every conversation."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.events import Event


@dataclass(frozen=True, slots=True)
class StateEntered(Event):
    """A flow is in another state now, or in the same one once more.

    Args:
        flow: The flow's name.
        state: The state.
        visit: Which visit it is, from 1.
    """

    flow: str = ""
    state: str = ""
    visit: int = 1


@dataclass(frozen=True, slots=True)
class OutputProduced(Event):
    """An output of a state is done. What it said is a `MessageAdded` of its own.

    Args:
        flow: The flow's name.
        state: The state.
        output: The output, in words: "ask", "run execute_sql", ...
        index: Its place in the state, from 0.
        ok: Whether it succeeded.
    """

    flow: str = ""
    state: str = ""
    output: str = ""
    index: int = 0
    ok: bool = True


@dataclass(frozen=True, slots=True)
class TransitionTaken(Event):
    """A flow goes from one state to another.

    Args:
        flow: The flow's name.
        source: The state it leaves.
        target: The state it goes to.
        reason: Why.
    """

    flow: str = ""
    source: str = ""
    target: str = ""
    reason: str = ""
