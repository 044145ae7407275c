"""What a tool may know of the run that it is called in."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ..core.events import ToolProgress
from ..core.message import ToolCall
from ..core.run import Run, current_run

Scope = tuple[Run[Any] | None, str, str]
"""The run, the conversation's id and the name of the agent whose turn it is."""

scope: ContextVar[Scope | None] = ContextVar("tool_scope", default=None)
"""Set by the runner around the calls of one message."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """A parameter of this type is filled in by the framework; the model doesn't see it.

    Args:
        call: The call that is being answered.
        run: The run, with its budget, its usage and its ``deps``; None outside of one.
        conversation: The conversation's id.
        agent: Name of the agent that runs the tool.

    Example:
        >>> def count(path: str, ctx: ToolContext) -> int:
        ...     "Counts the lines of a file."
        ...     ctx.progress("opening the file")
        ...     return 3
    """

    call: ToolCall
    run: Run[Any] | None = None
    conversation: str = ""
    agent: str = ""
    _loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False, compare=False)

    @property
    def deps(self) -> object:
        """What was given to the run for its tools to reach: ``agent.run(..., deps=database)``."""
        return self.run.deps if self.run is not None else None

    def progress(self, progress: object) -> None:
        """Tells listeners how far the tool is, as a `ToolProgress` event. May be called from any thread.

        Args:
            progress: Anything that says how far: a text, a number from 0 to 1, a dict.
        """
        run, loop = self.run, self._loop
        if run is None or not run.listening:
            return
        event = ToolProgress(self.conversation, self.call, progress)
        if loop is None or loop is _running_loop():
            run.emit(event)
            return
        try:
            loop.call_soon_threadsafe(run.emit, event)  # listeners are called on the run's loop, never beside it
        except RuntimeError:  # the loop is closed: the tool was abandoned and nobody listens any more
            return


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def context_for(call: ToolCall) -> ToolContext:
    """The context of a call that is made here and now."""
    run, conversation, agent = scope.get() or (current_run.get(), "", "")
    return ToolContext(call, run, conversation, agent, _running_loop())
