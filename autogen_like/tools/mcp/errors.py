"""What goes wrong between this program and an MCP server."""

from __future__ import annotations

from typing import Any

from ...core.errors import AutogenLikeError


class McpError(AutogenLikeError):
    """An MCP server can't be started or reached, or doesn't speak MCP.

    Args:
        message: Which server, and what happened.
        details: What else is known, for the person who must mend it: what the server printed, say. Models aren't told.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(f"{message}; {details}" if details else message)
        self.message = message
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.details)


class CallFailed(Exception):
    """A call of a server's tool has no result; the text says why, for the model."""
