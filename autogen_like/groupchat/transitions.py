"""Which agents may follow which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.errors import ConfigError

TYPES = ("allowed", "disallowed")


class Transitions:
    """Who may speak after whom.

    Args:
        agents: The members.
        declared: ``{agent: [agents]}``: who may, or may not, follow each.
        kind: "allowed" or "disallowed": what `declared` lists.
        allow_repeat_speaker: Whether an agent may speak twice in a row: for all, or a list of those who may. Only
            without `declared`, which says it itself.

    Raises:
        ConfigError: If the declarations contradict each other or name agents that are not members.
    """

    def __init__(
        self,
        agents: Sequence[Any],
        declared: Mapping[Any, Iterable[Any]] | None = None,
        kind: str | None = None,
        allow_repeat_speaker: bool | Sequence[Any] | None = None,
    ) -> None:
        if declared is not None and allow_repeat_speaker is not None:
            raise ConfigError(
                "allow_repeat_speaker can't be set beside allowed_or_disallowed_speaker_transitions: "
                "say there who may follow themselves"
            )
        if declared is not None and kind not in TYPES:
            raise ConfigError(f"speaker_transitions_type must be one of {TYPES} with transitions, not {kind!r}")
        if declared is None and kind is not None:
            raise ConfigError("speaker_transitions_type needs allowed_or_disallowed_speaker_transitions")
        repeat = True if allow_repeat_speaker is None else allow_repeat_speaker
        if declared is None:
            self.allowed = {
                agent: [other for other in agents if other is not agent or _may(repeat, agent)] for agent in agents
            }
        else:
            self.allowed = _checked(agents, declared, kind == "allowed")

    def after(self, speaker: Any, candidates: Sequence[Any]) -> list[Any]:
        """Those of the candidates that may follow a speaker; anybody may follow one who is no member."""
        if speaker not in self.allowed:
            return list(candidates)
        allowed = self.allowed[speaker]
        return [agent for agent in candidates if agent in allowed]


def _may(repeat: bool | Sequence[Any], agent: Any) -> bool:
    return repeat if isinstance(repeat, bool) else agent in repeat


def _checked(agents: Sequence[Any], declared: Mapping[Any, Iterable[Any]], allowed: bool) -> dict[Any, list[Any]]:
    if any(isinstance(after, str) for after in declared.values()):
        raise ConfigError("allowed_or_disallowed_speaker_transitions must be {agent: [agents]}")
    named = [*declared, *(other for after in declared.values() for other in after)]
    strangers = sorted({str(getattr(one, "name", one)) for one in named if one not in agents})
    if strangers:
        raise ConfigError(f"the transitions name agents that are not in the group: {strangers}")
    if allowed:
        graph = {agent: [other for other in agents if other in declared.get(agent, ())] for agent in agents}
    else:
        graph = {agent: [other for other in agents if other not in declared.get(agent, ())] for agent in agents}
    if not any(graph.values()):
        raise ConfigError("the transitions allow nobody to follow anybody")
    return graph
