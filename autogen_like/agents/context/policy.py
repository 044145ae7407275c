"""Policies: rules for what a model sees. They combine with ``|``, each given what the one before it left.

A policy is immutable, and shared as one likes. Its state for one viewer of one conversation is a `Stage`, which is told
what changed rather than shown everything: a message that arrives costs the same at the 50th turn and at the 5,000th.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, TypeAlias, overload

from ...core.errors import ConfigError
from ...core.termination import StopReason
from ...models.client import ModelClient, ModelRequest, ModelResponse
from .pieces import Counter, Cutter, Edit, Wire

Ask: TypeAlias = Callable[[ModelClient, ModelRequest], Awaitable[ModelResponse]]


class Occasion:
    """The request that a view is wanted for.

    Args:
        client: The model that will see it.
        system: The system message that goes with it.
        tools: The tools that go with it.
        ask: Puts a question to a model, and counts what it costs.
        notice: Tells listeners something.
        behind: Messages that go behind those of the conversation.

    Attributes:
        window: The model's window in tokens; None where it isn't known.
        sent: Tokens of the request, the answer apart, where a policy had a reason to count them.
        stop: Why no request should be made, where a policy says so.
    """

    __slots__ = ("ask", "behind", "client", "notice", "sent", "stop", "system", "tools", "window")

    def __init__(
        self,
        client: ModelClient,
        system: str | None,
        tools: Sequence[Mapping[str, Any]],
        ask: Ask,
        notice: Callable[[str, str], None],
        behind: Sequence[Wire] = (),
    ) -> None:
        self.client, self.system, self.tools = client, system, tools
        self.ask, self.notice = ask, notice
        self.behind = behind
        self.window = client.capabilities.context
        self.sent = 0
        self.stop: StopReason | None = None


class Stage:
    """A policy at work on one view. This one changes nothing: override what you need.

    The places of pieces are numbers that grow. What a stage left out doesn't come back. A summary may stand in the
    place of something that a later stage had dropped already.
    """

    def take(self, edits: list[Edit]) -> list[Edit]:
        """Takes in what one more message changed.

        Args:
            edits: What changed in what this stage is given.

        Returns:
            What thereby changes in what it shows.
        """
        return edits

    async def settle(self, occasion: Occasion) -> list[Edit]:
        """What must change before a request is made; says in ``occasion.stop`` if none should be made."""
        return []


class ContextPolicy(ABC):
    """A rule for what a model sees. Policies are combined with ``|``, or in a list.

    Whatever the policy: a tool result is never shown without its call nor a call without its results, the newest
    message is last and whole, and the order is kept.

    Example:
        >>> from autogen_like.agents.context import HeadAndTail, ShortenToolResults
        >>> ShortenToolResults(10) | HeadAndTail(1, 50)
        ShortenToolResults(10, to=200) | HeadAndTail(1, 50)
    """

    @abstractmethod
    def begin(self, counter: Counter) -> Stage:
        """The policy at work on a new view.

        Args:
            counter: Counts tokens as the view's model does.
        """

    def stages(self, counter: Counter) -> list[Stage]:
        """The stages of a new view, in order; several for a combination."""
        return [self.begin(counter)]

    def apply(self, messages: Iterable[Wire], model: str = "") -> list[Wire]:
        """What the policy leaves of a list of messages, without asking a model: nothing is summarised.

        Args:
            messages: Chat dicts.
            model: Whose tokens to count.

        Returns:
            Chat dicts as an endpoint takes them, each tool result one.
        """
        sight = Sight(self, Counter(model))
        for message in messages:
            sight.add(message)
        return list(sight.shown)

    apply_transform = apply  # AutoGen 0.2's name for it

    def __or__(self, other: ContextPolicy) -> ContextPolicy:
        return Combined((self, other))


class Combined(ContextPolicy):
    """Policies in order. Made by ``|``.

    Args:
        policies: The policies.
    """

    def __init__(self, policies: Iterable[ContextPolicy]) -> None:
        self.policies = tuple(policies)

    def stages(self, counter: Counter) -> list[Stage]:
        return [stage for policy in self.policies for stage in policy.stages(counter)]

    def begin(self, counter: Counter) -> Stage:
        raise ConfigError("a combination of policies has several stages: call stages()")

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.policies))


def as_policy(policy: ContextPolicy | Sequence[ContextPolicy]) -> ContextPolicy:
    """One policy out of one, or of several in order.

    Raises:
        ConfigError: If it is something else.
    """
    if isinstance(policy, ContextPolicy):
        return policy
    policies: list[Any] = list(policy) if isinstance(policy, list | tuple) else [policy]
    wrong = [one for one in policies if not isinstance(one, ContextPolicy)]
    if wrong or not policies:
        found = repr(wrong[0]) if wrong else "an empty list"
        raise ConfigError(f"context must be a policy such as LastMessages(20), or a list of policies, not {found}")
    return policies[0] if len(policies) == 1 else Combined(policies)


class Shown(Sequence[Wire]):
    """What a model is shown: a live, read-only sequence of messages as an endpoint takes them."""

    __slots__ = ("_empty", "_length", "_newest", "_slots", "_where")

    def __init__(self) -> None:
        self._slots: list[tuple[Wire, ...]] = []
        self._where: dict[int, int] = {}
        self._length = 0
        self._empty = 0
        self._newest = -1

    def change(self, edits: Iterable[Edit]) -> None:
        """Carries out what changed."""
        slots, where, in_order = self._slots, self._where, True
        for place, piece in edits:
            at = where.get(place)
            if piece is None:
                if at is not None:
                    self._length -= len(slots[at])
                    self._empty += 1
                    slots[at] = ()
                    del where[place]
            elif at is None:
                in_order = in_order and place > self._newest
                self._newest = max(self._newest, place)
                where[place] = len(slots)
                slots.append(piece.wires)
                self._length += len(piece.wires)
            else:
                self._length += len(piece.wires) - len(slots[at])
                slots[at] = piece.wires
        if not in_order:  # a summary stands where a dropped piece was: once a summary
            self._where = where = dict(sorted(where.items()))
        if not in_order or (self._empty > 16 and self._empty * 2 > len(slots)):
            self._close_gaps()

    def has(self, place: int) -> bool:
        """Whether there is something at a place."""
        return place in self._where

    def _close_gaps(self) -> None:
        """Done when half of it is gaps, so it costs each message a constant."""
        slots = self._slots
        self._slots = [slots[at] for at in self._where.values()]
        self._where = {place: at for at, place in enumerate(self._where)}
        self._empty = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Wire]:
        return chain.from_iterable(self._slots)

    def __reversed__(self) -> Iterator[Wire]:
        return (wire for slot in reversed(self._slots) for wire in reversed(slot))

    @overload
    def __getitem__(self, index: int) -> Wire: ...
    @overload
    def __getitem__(self, index: slice) -> list[Wire]: ...
    def __getitem__(self, index: int | slice) -> Wire | list[Wire]:
        if isinstance(index, slice):
            return list(self)[index]
        at = range(self._length)[index]
        if at * 2 < self._length:
            return next(islice(self, at, None))
        return next(islice(reversed(self), self._length - 1 - at, None))

    def __repr__(self) -> str:
        return repr(list(self))


class Sight:
    """What policies show of one conversation to one viewer: fed message by message.

    Args:
        policy: The policy.
        counter: Counts tokens.
    """

    __slots__ = ("_cutter", "_newest", "_saved", "_stages", "shown")

    def __init__(self, policy: ContextPolicy, counter: Counter) -> None:
        self._stages = policy.stages(counter)
        self._cutter = Cutter()
        self._newest: Edit = (-1, None)
        self._saved = False  # the newest piece is shown although a stage left it out
        self.shown = Shown()

    def add(self, chat: Wire, wires: Sequence[Wire] | None = None) -> None:
        """Takes in one more message.

        Args:
            chat: The message.
            wires: The message as an endpoint takes it, where that is known.
        """
        newest = self._cutter.add(chat, wires)
        if self._saved and newest[0] != self._newest[0]:
            self._saved = False
            self.shown.change([(self._newest[0], None)])
        self._newest = newest
        self._pass_on(0, [newest])

    def _pass_on(self, start: int, edits: list[Edit]) -> None:
        for stage in self._stages[start:]:
            edits = stage.take(edits)
        self.shown.change(edits)
        if not self.shown.has(self._newest[0]):  # a user's policy went too far
            self._saved = True
            self.shown.change([self._newest])

    async def settle(self, occasion: Occasion) -> StopReason | None:
        """Does what is to be done before a request: summaries, and checks against the model's window.

        Returns:
            Why no request should be made, where that is so.
        """
        for index, stage in enumerate(self._stages):
            edits = await stage.settle(occasion)
            if edits:
                self._pass_on(index + 1, edits)
        return occasion.stop
