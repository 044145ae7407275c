"""An agent's context: its policy, and what the policy shows of each conversation that the agent is in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from ...core.conversation import Conversation
from ...core.termination import StopReason
from ...core.transcript import Transcript
from .pieces import Counter, Wire
from .policy import ContextPolicy, Occasion, Sight, as_policy

TOO_LONG = 0.75
"""Of a request that the endpoint refused as too long, how much is thought to fit."""


class Context:
    """A policy at work: one sight of each conversation, extended as messages arrive.

    Args:
        policy: A policy, or several in order.

    Raises:
        ConfigError: If it is something else.
    """

    def __init__(self, policy: ContextPolicy | Sequence[ContextPolicy]) -> None:
        self.policy = as_policy(policy)
        self._seen: WeakKeyDictionary[Conversation, _Seen] = WeakKeyDictionary()

    async def see(
        self,
        conversation: Conversation,
        viewer: str | None,
        occasion: Occasion,
        edited: Iterable[Wire] | None = None,
    ) -> Sequence[Wire] | StopReason:
        """What the model is shown.

        Args:
            conversation: The conversation.
            viewer: Who looks; None for somebody outside.
            occasion: The request it is for.
            edited: The conversation as hooks have edited it, where they have; then all of it is gone through.

        Returns:
            The messages as an endpoint takes them, live and to be read only; or why there should be no request.
        """
        model = occasion.client.model
        seen = self._seen.get(conversation)
        if seen is None or not seen.still_holds(conversation.transcript, viewer, model):
            seen = self._seen[conversation] = _Seen(self.policy, conversation.transcript, viewer, model)
        if seen.window is not None:
            occasion.window = min(seen.window, occasion.window or seen.window)
        sight = seen.sight() if edited is None else _sight_of(edited, self.policy, model)
        reason = await sight.settle(occasion)
        seen.sent = occasion.sent
        return reason if reason is not None else sight.shown

    def refused(self, conversation: Conversation) -> bool:
        """Learns that the last request was too long for the endpoint; whether a shorter one can be made."""
        seen = self._seen.get(conversation)
        if seen is None or not seen.sent:
            return False  # no policy that could do something about it
        seen.window = int(seen.sent * TOO_LONG)
        return True

    def __deepcopy__(self, memo: object) -> Context:
        return Context(self.policy)

    def __reduce__(self) -> tuple[type[Context], tuple[ContextPolicy]]:
        return Context, (self.policy,)

    def __repr__(self) -> str:
        return f"Context({self.policy!r})"


class _Seen:
    """What was seen of one conversation.

    Attributes:
        sent: Tokens of the last request; 0 where nobody counted.
        window: How many fit, as far as the endpoint has shown.
    """

    def __init__(self, policy: ContextPolicy, transcript: Transcript, viewer: str | None, model: str) -> None:
        self._view = transcript.view(viewer)
        self._start = self._view.start
        self._transcript, self._viewer, self._model = transcript, viewer, model
        self._sight = Sight(policy, Counter(model))
        self._taken = self._start
        self.sent = 0
        self.window: int | None = None

    def still_holds(self, transcript: Transcript, viewer: str | None, model: str) -> bool:
        """Whether it is the same conversation, nothing of it was forgotten, and the model is the same."""
        return (
            transcript is self._transcript
            and self._view.start == self._start
            and viewer == self._viewer
            and model == self._model
        )

    def sight(self) -> Sight:
        """The policy's sight of all that was said."""
        messages, viewer = self._transcript.messages, self._viewer
        while self._taken < len(messages):
            message = messages[self._taken]
            self._taken += 1
            self._sight.add(message.render(viewer), message.wire(viewer))
        return self._sight


def _sight_of(messages: Iterable[Wire], policy: ContextPolicy, model: str) -> Sight:
    sight = Sight(policy, Counter(model))
    for message in messages:
        sight.add(message)
    return sight
