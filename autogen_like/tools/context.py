"""What a tool may know of the run that it is called in."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, cast

from ..core.events import ToolProgress
from ..core.message import ToolCall
from ..core.run import Run, current_run
from ..core.transcript import Transcript

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # a plain `ToolContext` is one whose deps may be anything

    D = TypeVar("D", default=Any)
else:
    from typing import TypeVar

    D = TypeVar("D")


class Scope(NamedTuple):
    """Where the calls of one message are made.

    Attributes:
        run: The run.
        conversation: The conversation's id.
        agent: Name of the agent whose turn it is.
        transcript: What was said until then.
    """

    run: Run[Any] | None = None
    conversation: str = ""
    agent: str = ""
    transcript: Transcript | None = None


scope: ContextVar[Scope | None] = ContextVar("tool_scope", default=None)
"""Set by the runner around the calls of one message."""


class _State:
    """What changes while a call runs."""

    __slots__ = ("given_up",)

    def __init__(self) -> None:
        self.given_up = False


@dataclass(frozen=True, slots=True)
class ToolContext(Generic[D]):
    """A parameter of this type is filled in by the framework; the model doesn't see it.

    ``ToolContext[Database]`` tells type checkers what `deps` is.

    Args:
        call: The call that is being answered.
        run: The run, with its budget, its usage and its ``deps``; None outside of one.
        conversation: The conversation's id.
        agent: Name of the agent that runs the tool.
        transcript: Everything said so far in the conversation, the call included, to be read; None outside of one.

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
    transcript: Transcript | None = field(default=None, repr=False, compare=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False, compare=False)
    _state: _State = field(default_factory=_State, repr=False, compare=False)

    @property
    def deps(self) -> D:
        """What was given to the run for its tools to reach: ``agent.run(..., deps=database)``; None without it."""
        return cast("D", self.run.deps if self.run is not None else None)

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the result any more: the time is over, or the run was cancelled.

        A thread can't be stopped from outside, so a sync function that works for long should look here now and then.
        """
        return self._state.given_up

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

    def _give_up(self) -> None:
        self._state.given_up = True


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def context_for(call: ToolCall) -> ToolContext[Any]:
    """The context of a call that is made here and now."""
    run, conversation, agent, transcript = scope.get() or Scope(current_run.get())
    return ToolContext(call, run, conversation, agent, transcript, _running_loop())


def give_up(context: ToolContext[Any]) -> None:
    """Notes that nobody waits for the result any more; see `ToolContext.cancelled`."""
    context._give_up()  # noqa: SLF001 - not for tools to call
