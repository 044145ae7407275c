"""Several replicas of one model: a conversation stays with one, which has its beginning in its prefix cache."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..core.errors import ConfigError, ModelError
from ..models.client import Capabilities, Delta, ModelClient, ModelRequest, ModelResponse, StreamItem
from ..models.layer import check_client, identity_of, served_by, streaming

log = logging.getLogger("autogen_like.scale")
KEPT = 100_000  # conversations whose replica is remembered
SLACK = 1.25  # times the mean load that a replica may have before a new conversation goes to the next


class Replicas:
    """A model client that sends each conversation to one of several replicas of a model, and to the same each time.

    A new conversation goes to the replica that its id points to (rendezvous hashing, so that every process, also one
    that resumes it, finds the same), unless that has more than its share to do (bounded loads). Where a replica fails
    for a reason that may pass, the conversation moves to the next, and stays there.

    Args:
        clients: A client for each replica; all of the same model.

    Raises:
        ConfigError: If there are none.

    Example:
        >>> import asyncio
        >>> from autogen_like import ScriptedModel
        >>> from autogen_like.core.protocols import PrefixHint
        >>> replicas = [ScriptedModel(lambda _, name=name: name) for name in ("one", "two")]
        >>> model, hint = Replicas(replicas), PrefixHint("a conversation", "ada")
        >>> said = {asyncio.run(model.complete(ModelRequest([], prefix=hint))).content for _ in range(5)}
        >>> len(said)
        1
    """

    def __init__(self, clients: Sequence[ModelClient]) -> None:
        if not clients:
            raise ConfigError("Replicas needs at least one client")
        self.clients = tuple(clients)
        self._busy = [0] * len(self.clients)
        self._homes: OrderedDict[str, int] = OrderedDict()

    def __repr__(self) -> str:
        return f"Replicas({list(self.clients)!r})"

    @property
    def model(self) -> str:
        """The model's name."""
        return self.clients[0].model

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do."""
        return self.clients[0].capabilities

    def identity(self) -> Mapping[str, Any]:
        """What tells its answers from other models': the same, whichever replica answers."""
        return identity_of(self.clients[0])

    @property
    def served_by(self) -> tuple[str, str]:
        """Who serves the first replica, and where."""
        return served_by(self.clients[0])

    def check(self) -> None:
        """Checks that all could be asked; see `check_client`."""
        for client in self.clients:
            check_client(client)

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """One reply, of the conversation's replica.

        Raises:
            ModelError: If all replicas fail; the last one's.
        """
        *others, last = self._order(request)
        for place in others:
            try:
                with self._at(place, request):
                    return await self.clients[place].complete(request)
            except ModelError as error:
                self._moves(place, error)
        with self._at(last, request):
            return await self.clients[last].complete(request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        """The same in pieces. A replica that fails after its first piece is not replaced."""
        *others, last = self._order(request)
        for place in (*others, last):
            shown = False
            try:
                with self._at(place, request):
                    async with streaming(self.clients[place], request) as items:
                        async for item in items:
                            shown = shown or isinstance(item, Delta)
                            yield item
            except ModelError as error:
                if shown or place == last:
                    raise
                self._moves(place, error)
            else:
                return

    async def aclose(self) -> None:
        """Frees the connections of all."""
        for client in self.clients:
            await client.aclose()

    def _order(self, request: ModelRequest) -> list[int]:
        """The replicas in the order in which they are asked."""
        key = request.prefix.conversation if request.prefix is not None else None
        if key is None:  # nothing to come back to: whoever has least to do
            return sorted(range(len(self.clients)), key=self._busy.__getitem__)
        order = sorted(range(len(self.clients)), key=lambda place: _weight(key, place))
        home = self._homes.get(key)
        if home is None:
            most = SLACK * (sum(self._busy) + 1) / len(self.clients)
            home = next((place for place in order if self._busy[place] < most), order[0])
        return [home, *(place for place in order if place != home)]

    @contextmanager
    def _at(self, place: int, request: ModelRequest) -> Iterator[None]:
        """Marks a replica as having more to do, and as the conversation's home."""
        if request.prefix is not None:
            self._homes[request.prefix.conversation] = place
            self._homes.move_to_end(request.prefix.conversation)
            if len(self._homes) > KEPT:
                self._homes.popitem(last=False)
        self._busy[place] += 1
        try:
            yield
        finally:
            self._busy[place] -= 1

    def _moves(self, place: int, error: ModelError) -> None:
        """Takes a failure that another replica may not have; any other is raised."""
        if not error.transient:
            raise error
        log.warning("replica %d of %s failed, the conversation moves to the next: %s", place, self.model, error)


def _weight(key: str, place: int) -> bytes:
    return hashlib.blake2b(f"{place} {key}".encode(), digest_size=8).digest()
