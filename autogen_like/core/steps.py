"""Steps: what a run does that takes time, as something that can be wrapped.

An event tells that something happened; it can't be the surroundings of what happens next. A trace needs just that: what
a tool starts belongs under the tool, also when ten run side by side or one goes on in another thread. So who wants to
measure a run is asked, for each step, for a context manager that is entered before the step and left after it, in the
same task and context. Where nobody watches, no step is made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .conversation import Conversation, Turn
    from .message import ToolCall, ToolResult
    from .protocols import Reply, Tool
    from .run import Run
    from .termination import StopReason

log = logging.getLogger("autogen_like.run")


@dataclass(slots=True, eq=False)
class Step:
    """A part of a run. What comes out of it is filled in while it lasts.

    Args:
        run: The run that it is part of.
    """

    run: Run[Any]


@dataclass(slots=True, eq=False)
class RunStep(Step):
    """The run as a whole."""


@dataclass(slots=True, eq=False)
class ConversationStep(Step):
    """A conversation, from its first message to its end."""

    conversation: Conversation
    reason: StopReason | None = None


@dataclass(slots=True, eq=False)
class TurnStep(Step):
    """A participant answers."""

    turn: Turn
    reply: Reply = None


@dataclass(slots=True, eq=False)
class ModelStep(Step):
    """A model is asked, retries and fallbacks included.

    Args:
        conversation: The conversation's id.
        speaker: On whose behalf.
        model: The model's name.
        request: The `ModelRequest`.
        provider: Who serves the model, where that is known.
        server: The host, with its port, where there is one.
        params: The request's sampling parameters, the client's own included.
        streamed: Whether the reply comes in pieces.
        first: When the first piece came, on `time.perf_counter`'s clock.
        response: The `ModelResponse`.
    """

    conversation: str
    speaker: str
    model: str
    request: Any  # of the room `models`, which this one doesn't know
    provider: str = ""
    server: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    streamed: bool = False
    first: float | None = None
    response: Any = None


@dataclass(slots=True, eq=False)
class ToolStep(Step):
    """A tool runs; None stands for one that isn't there."""

    conversation: str
    speaker: str
    call: ToolCall
    tool: Tool | None
    result: ToolResult | None = None


@dataclass(slots=True, eq=False)
class CodeStep(Step):
    """Code blocks run."""

    conversation: str
    speaker: str
    languages: tuple[str, ...]
    exit_code: int | None = None


class Watcher(Protocol):
    """Who wraps the steps of runs. It can neither slow a run down nor fail it: what it raises is logged."""

    @property
    def active(self) -> bool:
        """Whether it wants anything at the moment; asked when a run is made."""
        ...

    def around(self, step: Step) -> AbstractContextManager[object]:
        """What the step is wrapped in. Leaving it sees the exception that the step ended with, and can't swallow it."""
        ...


_everywhere: list[Watcher] = []


def watch_all(watcher: Watcher) -> Callable[[], None]:
    """Has all runs of this process watched that are made from now on, and all that is nested in them.

    Args:
        watcher: Who watches.

    Returns:
        A function that takes it off again.
    """
    _everywhere.append(watcher)

    def unwatch() -> None:
        if watcher in _everywhere:
            _everywhere.remove(watcher)

    return unwatch


def watchers_of(parent: Run[Any] | None) -> tuple[Watcher, ...]:
    """Who watches a new run: who watches the run around it, or whoever watches all."""
    if parent is not None:
        return parent.watchers
    return tuple(watcher for watcher in _everywhere if watcher.active)


@contextmanager
def watched(step: Step) -> Iterator[None]:
    """Wraps a step in what the run's watchers want around it."""
    entered: list[AbstractContextManager[object]] = []
    for watcher in step.run.watchers:
        try:
            wrapping = watcher.around(step)
            wrapping.__enter__()
        except Exception:
            log.exception("what watches a run failed at the beginning of a step: %r", watcher)
        else:
            entered.append(wrapping)
    how: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] = (None, None, None)
    try:
        yield
    except BaseException as error:
        how = (type(error), error, error.__traceback__)
        raise
    finally:
        for wrapping in reversed(entered):
            try:
                wrapping.__exit__(*how)
            except Exception as error:
                if error is not how[1]:  # a generator's context manager raises on what it was told
                    log.exception("what watches a run failed at the end of a step: %r", wrapping)
        del how  # it holds the traceback, which holds it
