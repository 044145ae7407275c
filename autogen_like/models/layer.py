"""Clients around a client: what they have in common, and what they may know of each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .client import Capabilities, ModelClient


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
