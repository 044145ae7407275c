"""Clients around a client: what they have in common, and what they may know of each other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from .client import Capabilities, ModelClient, ModelRequest, StreamItem


class Layer:
    """A client around another: answers for it, and leaves `complete` and `stream` to the layer.

    Args:
        client: The client inside.
    """

    def __init__(self, client: ModelClient) -> None:
        self.client = client

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.client!r})"

    @property
    def model(self) -> str:
        """The model's name."""
        return self.client.model

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do."""
        return self.client.capabilities

    def identity(self) -> Mapping[str, Any]:
        """What tells the client's answers from those of others."""
        return identity_of(self.client)

    @property
    def served_by(self) -> tuple[str, str]:
        """Who serves the model, and where; see `served_by`."""
        return served_by(self.client)

    def check(self) -> None:
        """Checks the client inside; see `check_client`."""
        check_client(self.client)

    async def aclose(self) -> None:
        """Frees the connections of the client inside."""
        await self.client.aclose()


def identity_of(client: ModelClient) -> Mapping[str, Any]:
    """What tells a client's answers from other clients': its own ``identity()`` where it has one, else its model."""
    identity = getattr(client, "identity", None)
    if callable(identity):
        found: Mapping[str, Any] = identity()
        return found
    return {"model": client.model, "class": f"{type(client).__module__}.{type(client).__qualname__}"}


def served_by(client: ModelClient) -> tuple[str, str]:
    """Who serves a client's model, by the name that OpenTelemetry has for it, and the host: "" where it isn't known."""
    found: tuple[str, str] = getattr(client, "served_by", ("", ""))
    return found


def check_client(client: ModelClient) -> None:
    """Checks that a client could be asked, without asking it: with its own ``check()``, where it has one.

    Raises:
        ConfigError: If it couldn't: there is no key, or no model file.
    """
    check = getattr(client, "check", None)
    if callable(check):
        check()


@asynccontextmanager
async def streaming(client: ModelClient, request: ModelRequest) -> AsyncIterator[AsyncIterator[StreamItem]]:
    """A client's stream, closed at once when it is left early, so that the connection behind it is too."""
    items = client.stream(request)
    try:
        yield items
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()
