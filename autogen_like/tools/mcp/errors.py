"""What goes wrong between this program and an MCP server."""

from __future__ import annotations

from ...core.errors import AutogenLikeError


class McpError(AutogenLikeError):
    """An MCP server can't be started or reached, or doesn't speak MCP. The message names the server."""


class CallFailed(Exception):
    """A call of a server's tool has no result; the text says why, for the model."""
