"""The write barrier: what the loop awaits before it emits or acts."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, runtime_checkable

from .message import Message, ToolCall, ToolResult

Record: TypeAlias = Message | tuple[ToolCall, ToolResult | None]
"""A message, or a tool call that is about to run (with None) or has run (with its result)."""


@runtime_checkable
class Journal(Protocol):
    """Where a run is written before it is acted on. Runs have none by default, which costs nothing.

    The loop awaits `append` before any listener, tool or agent acts on the record: an implementation returns when
    the record is durable.
    """

    async def append(self, conversation: str, record: Record) -> Any:
        """Writes one record; what it returns is ignored."""
        ...
