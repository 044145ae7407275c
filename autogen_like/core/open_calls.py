"""Calls that wait for their results: a result answers an open call, and no call is parted from its result."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import TranscriptError
from .message import Message, ToolCall, ToolResult


def check_results(message: Message, calls: Sequence[ToolCall]) -> None:
    """Checks that a message answers only calls that are open.

    Raises:
        TranscriptError: If it answers another.
    """
    wanted = {call.id for call in calls}
    stray = [result.call_id for result in message.tool_results if result.call_id not in wanted]
    if stray:
        raise TranscriptError(
            f"{message.speaker} answers the tool call {stray[0]!r}, which nobody has made or which was answered "
            "before: a result goes with the call_id of an open call"
        )


def unanswered(calls: Sequence[ToolCall], why: str, results: Sequence[ToolResult] = ()) -> tuple[ToolResult, ...]:
    """Results for the calls that these results don't answer."""
    answered = {result.call_id for result in results}
    return tuple(ToolResult(call.id, call.name, why, error=True) for call in calls if call.id not in answered)


def with_results(message: Message, results: tuple[ToolResult, ...]) -> Message:
    """The same message with other results."""
    return Message(
        message.speaker, message.content, message.tool_calls, results, message.role, message.extra, message.id
    )
