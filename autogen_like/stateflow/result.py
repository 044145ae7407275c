"""What a run of a flow leaves behind, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..agents.chat_result import ChatResult
from .position import Spent, Step


@dataclass
class FlowResult(ChatResult):
    """The result of a flow: that of a chat, and the way it went. `summary` is the flow's answer.

    Attributes:
        flow: The flow's name.
        state: The state that it was in at the end.
        finished: Whether that is a final state, and all of it was done.
        path: The transitions, the first into the initial state; in a run that went on in another process, those
            before that up to a hundred.
        states: What was spent in each state.
        edges: What was spent on deciding to take each edge, by (source, target), and how often it was taken.
        data: What the flow's functions kept.
    """

    flow: str = ""
    state: str = ""
    finished: bool = False
    path: tuple[Step, ...] = field(default=(), repr=False)
    states: Mapping[str, Spent] = field(default_factory=dict, repr=False)
    edges: Mapping[tuple[str, str], Spent] = field(default_factory=dict, repr=False)
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)


def explain(result: FlowResult) -> str:
    """The way of a run in words: each transition with its reason, then what each state cost.

    Args:
        result: The run's result.
    """
    lines = [f"{result.flow}: {result.stop_reason}"]
    taken = sum(edge.visits for edge in result.edges.values())
    left_out = taken + 1 - len(result.path)
    if left_out > 0:
        lines.append(f"   ... {left_out} steps before that")
    for number, step in enumerate(result.path, left_out + 1):
        way = f"{step.source} -> {step.target}" if step.source else step.target
        lines.append(f"{number:4}. {way}: {step.reason}")
    width = max((len(name) for name in result.states), default=5)
    lines.append(f"{'state':{width}}  visits  requests   prompt  completion        cost  seconds")
    for name, spent in result.states.items():
        lines.append(
            f"{name:{width}}  {spent.visits:6}  {spent.requests:8}  {spent.prompt_tokens:7}  "
            f"{spent.completion_tokens:10}  ${spent.cost:9.4f}  {spent.seconds:7.2f}"
        )
    chosen = Spent()
    for edge in result.edges.values():
        chosen.requests += edge.requests
        chosen.prompt_tokens += edge.prompt_tokens
        chosen.completion_tokens += edge.completion_tokens
        chosen.cost += edge.cost
    if chosen.requests:
        lines.append(
            f"choosing: {chosen.requests} requests, {chosen.prompt_tokens} + {chosen.completion_tokens} tokens, "
            f"${chosen.cost:.4f}"
        )
    return "\n".join(lines)
