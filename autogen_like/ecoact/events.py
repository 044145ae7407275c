"""What happens to the tools of a conversation, and in a search."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.events import Event


@dataclass(frozen=True, slots=True)
class ToolRegistered(Event):
    """A tool is registered: the model sees its schema from its next request on.

    Args:
        agent: Whose model registered it.
        tool: The tool's name.
        tokens: Tokens of its schema, which each request from now on carries.
    """

    agent: str = ""
    tool: str = ""
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class ToolUnregistered(Event):
    """A tool that was not used for long has made room.

    Args:
        agent: Whose model had registered it.
        tool: The tool's name.
        tokens: Tokens of its schema, which requests no longer carry.
        lost: Tokens of the cached prompt behind it, which the next request pays in full, for all that left together.
    """

    agent: str = ""
    tool: str = ""
    tokens: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class BranchEnded(Event):
    """A path of a search has come to its end.

    Args:
        agent: Who searches.
        depth: How many steps it had.
        answer: The answer that it came to; None where it was given up.
        why: Why it ended.
    """

    agent: str = ""
    depth: int = 0
    answer: str | None = None
    why: str = ""
