"""Who takes part in runs of a flow: the flow itself, what speaks beside it in its states, and who asks."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from ..agents.pair import Asker
from ..core.conversation import Turn
from ..core.protocols import Participant, Reply

if TYPE_CHECKING:
    from .plan import Plan


class Voice:
    """A name under which outputs of a flow speak; what is said is the affair of each run's `FlowRule`.

    Args:
        name: The name.
        agent: The agent that speaks, where it is one.
    """

    __slots__ = ("agent", "name")

    def __init__(self, name: str, agent: Any = None) -> None:
        self.name = name
        self.agent = agent

    @property
    def model_client(self) -> Any:
        """The agent's model."""
        return getattr(self.agent, "model_client", None)

    def reply(self, turn: Turn) -> Coroutine[Any, Any, Reply]:
        """Produces the output whose turn it is."""
        rule: Any = turn.conversation.rule  # a `FlowRule`, which knows what is to be done
        said: Coroutine[Any, Any, Reply] = rule.produce(turn, self.name)
        return said


class Cast:
    """Everybody who may speak in a run of a flow. It keeps nothing of a run, so that all runs share it.

    Args:
        plan: The flow.
    """

    def __init__(self, plan: Plan) -> None:
        others = plan.participants()
        self.asker = Asker(plan.name, *(name for name, _ in others))
        self.flow = Voice(plan.name)
        self.voices: Mapping[str, Voice] = {plan.name: self.flow} | {name: Voice(name, one) for name, one in others}
        self.everybody: tuple[Participant, ...] = (self.asker, *self.voices.values())
        self.clients = tuple(plan.clients())

    def counterpart(self, participant: Participant) -> Participant:
        """Whom somebody talks to: the asker to the flow, all others to the asker."""
        return self.flow if participant is self.asker else self.asker
