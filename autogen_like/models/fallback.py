"""One client after the other, until one answers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from ..core.errors import ConfigError, ModelError
from .client import Capabilities, Delta, ModelClient, ModelRequest, ModelResponse, StreamItem
from .layer import check_client, identity_of, served_by, streaming

_log = logging.getLogger(__name__)


class Fallback:
    """Several clients, asked in order: the next one when one fails, or when its answer isn't accepted.

    Args:
        clients: The clients; each request begins with the first.
        accept: Whether an answer will do; the last client's always does. Streamed text is held back until it is known.

    Raises:
        ConfigError: If there are no clients.

    Example:
        >>> import asyncio
        >>> from autogen_like.models.scripted import ScriptedModel
        >>> both = Fallback([ScriptedModel([ModelError("down")]), ScriptedModel(["Hello"])])
        >>> asyncio.run(both.complete(ModelRequest([]))).content
        'Hello'
    """

    def __init__(
        self, clients: Sequence[ModelClient], *, accept: Callable[[ModelResponse], bool] | None = None
    ) -> None:
        if not clients:
            raise ConfigError("Fallback needs at least one client")
        self.clients = tuple(clients)
        self._accept = accept

    def __repr__(self) -> str:
        return f"Fallback({list(self.clients)!r})"

    @property
    def model(self) -> str:
        """The first client's model."""
        return self.clients[0].model

    @property
    def capabilities(self) -> Capabilities:
        """What all of them can do, since any of them may answer."""
        return reduce(_common, (client.capabilities for client in self.clients))

    def identity(self) -> Mapping[str, Any]:
        """What tells its answers from those of other clients."""
        return {"model": self.model, "fallback": [dict(identity_of(client)) for client in self.clients]}

    @property
    def served_by(self) -> tuple[str, str]:
        """Who serves the first client's model, and where."""
        return served_by(self.clients[0])

    def check(self) -> None:
        """Checks that one of them could be asked.

        Raises:
            ConfigError: If none could; the first one's reason.
        """
        reasons: list[ConfigError] = []
        for client in self.clients:
            try:
                check_client(client)
            except ConfigError as error:
                reasons.append(error)
            else:
                return
        raise reasons[0]

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """The first answer.

        Raises:
            ModelError: If all fail; it tells the errors of all.
        """
        errors: list[ModelError] = []
        refused: ModelResponse | None = None
        for client in self.clients:
            try:
                response = await client.complete(request)
            except ModelError as error:
                self._failed(client, error, errors)
                continue
            if self._accept is None or self._accept(response):
                return response
            refused = response
        if refused is not None:
            return refused
        raise self._summed(errors)

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        """The first answer, in pieces. A client that fails after its first piece is not replaced."""
        errors: list[ModelError] = []
        refused: list[StreamItem] = []
        for client in self.clients:
            held: list[StreamItem] = []
            shown = False
            try:
                async with streaming(client, request) as items:
                    async for item in items:
                        if self._accept is not None:
                            held.append(item)
                            continue
                        shown = shown or isinstance(item, Delta)
                        yield item
            except ModelError as error:
                if shown:
                    raise
                self._failed(client, error, errors)
                continue
            if self._accept is None:
                return
            refused = held
            if isinstance(held[-1], ModelResponse) and self._accept(held[-1]):
                break
        if not refused:
            raise self._summed(errors)
        for item in refused:
            yield item

    async def aclose(self) -> None:
        """Frees the connections of all clients."""
        for client in self.clients:
            await client.aclose()

    def _failed(self, client: ModelClient, error: ModelError, errors: list[ModelError]) -> None:
        errors.append(error)
        if len(errors) < len(self.clients):
            about = {"model": client.model, "status": error.status}
            _log.warning("%s failed, the next model of the list is asked: %s", client.model, error, extra=about)

    def _summed(self, errors: list[ModelError]) -> ModelError:
        if len(errors) == 1:
            return errors[0]
        lines = [f"  {number}. {error}" for number, error in enumerate(errors, 1)]
        waits = [error.retry_after for error in errors if error.retry_after is not None]
        summed = ModelError(
            f"all {len(errors)} models of the list failed:\n" + "\n".join(lines),
            status=errors[-1].status,
            retry_after=min(waits, default=None),
            transient=any(error.transient for error in errors),
        )
        summed.__cause__ = errors[-1]
        return summed


def _common(one: Capabilities, other: Capabilities) -> Capabilities:
    windows = [able.context for able in (one, other) if able.context is not None]
    return Capabilities(
        choices=one.choices and other.choices,
        json_schema=one.json_schema and other.json_schema,
        tools=one.tools and other.tools,
        images=one.images and other.images,
        context=min(windows, default=None),
    )
