"""``autogen.graph_utils``: who may speak after whom, checked and drawn."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, MissingExtra

_log = logging.getLogger(__name__)


def has_self_loops(allowed_speaker_transitions: Mapping[Any, Sequence[Any]]) -> bool:
    """Whether somebody may speak twice in a row.

    Example:
        >>> has_self_loops({"a": ["b"], "b": ["b"]})
        True
    """
    return any(agent in after for agent, after in allowed_speaker_transitions.items())


def check_graph_validity(allowed_speaker_transitions_dict: Mapping[Any, Sequence[Any]], agents: Sequence[Any]) -> None:
    """Checks transitions; what is only strange is a warning in the log.

    Raises:
        ConfigError: If they are no ``{agent: [agents]}``, nobody may follow anybody, or name no member at all.
    """
    graph = allowed_speaker_transitions_dict
    if not graph or not isinstance(graph, Mapping):
        raise ConfigError("the transitions must be a dict {agent: [agents]} that isn't empty")
    if not all(isinstance(after, list) for after in graph.values()):
        raise ConfigError("the transitions must be a dict {agent: [agents]}: each value must be a list")
    members = [getattr(agent, "name", None) for agent in agents]
    named = [*graph, *(one for after in graph.values() for one in after)]
    strangers = [one for one in named if not isinstance(getattr(one, "name", None), str)]
    if strangers:
        raise ConfigError(f"the transitions must be made of agents, not of {strangers[0]!r}")
    if not any(graph.values()):
        raise ConfigError("the transitions allow nobody to follow anybody")
    following = {one.name for after in graph.values() for one in after}
    isolated = [agent.name for agent, after in graph.items() if not after and agent.name not in following]
    if isolated:
        _log.warning("isolated: %s may follow nobody, and nobody may follow them", isolated)
    if {one.name for one in named} != set(members):
        _log.warning("the agents in allowed_speaker_transitions do not match agents, the members of the group")
    for agent, after in graph.items():
        names = [one.name for one in after]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            _log.warning("duplicate: %s may be followed by %s, who are listed twice", agent.name, twice)


def invert_disallowed_to_allowed(
    disallowed_speaker_transitions_dict: Mapping[Any, Sequence[Any]], agents: Sequence[Any]
) -> dict[Any, list[Any]]:
    """Who may follow, where it is said who may not.

    Example:
        >>> invert_disallowed_to_allowed({"a": ["a"]}, ["a", "b"])
        {'a': ['b'], 'b': ['a', 'b']}
    """
    disallowed = disallowed_speaker_transitions_dict
    return {agent: [one for one in agents if one not in disallowed.get(agent, ())] for agent in agents}


def visualize_speaker_transitions_dict(
    speaker_transitions_dict: Mapping[Any, Sequence[Any]],
    agents: Sequence[Any],
    export_path: str | Path | None = None,
) -> None:
    """Draws who may follow whom: agents on a circle, an arrow for each transition.

    Args:
        speaker_transitions_dict: ``{agent: [agents]}``.
        agents: The agents.
        export_path: The picture's file (png, svg, pdf); without one, it is shown.

    Raises:
        MissingExtra: If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyArrowPatch
    except ImportError:
        raise MissingExtra("drawing transitions", "plot") from None
    figure = Figure(figsize=(6, 6))
    if export_path is None:
        from matplotlib import pyplot as plt

        figure = plt.figure(figsize=(6, 6))
    axes = figure.add_subplot()
    places = {agent.name: _place(index, len(agents)) for index, agent in enumerate(agents)}
    for agent, after in speaker_transitions_dict.items():
        for other in after:
            axes.add_patch(FancyArrowPatch(*_arrow(places, agent, other), **_line(agent is other)))
    for name, (x, y) in places.items():
        axes.plot([x], [y], "o", markersize=34, color="#cfe2f3", markeredgecolor="#3d6b99")
        axes.annotate(name, (x, y), ha="center", va="center", fontsize=9)
    axes.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
    axes.set_axis_off()
    if export_path is not None:
        figure.savefig(export_path)
    else:
        plt.show()
        plt.close(figure)


def _place(index: int, count: int) -> tuple[float, float]:
    angle = math.pi / 2 - 2 * math.pi * index / max(count, 1)
    return (math.cos(angle), math.sin(angle)) if count > 1 else (0.0, 0.0)


def _arrow(places: Mapping[str, tuple[float, float]], agent: Any, other: Any) -> tuple[Any, Any]:
    start, end = places[agent.name], places[other.name]
    if agent is not other:
        return start, end
    x, y = start  # to itself: a loop outside the circle
    return (x * 1.05 - 0.12 * y, y * 1.05 + 0.12 * x), (x * 1.05 + 0.12 * y, y * 1.05 - 0.12 * x)


def _line(loop: bool) -> dict[str, Any]:
    style = "arc3,rad=-1.6" if loop else "arc3,rad=0.12"
    shrink = 10 if loop else 20
    return {
        "arrowstyle": "-|>", "mutation_scale": 14, "connectionstyle": style, "color": "#555555",
        "shrinkA": shrink, "shrinkB": shrink,
    }  # fmt: skip
