"""What a state's model sees of the history: all of it, a part, or what a template or function makes of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..core.errors import ConfigError
from ..core.limits import is_count
from ..core.transcript import Appended, wire_messages
from .context import Context

_FIELD = re.compile(r"\{(task|last|history|state|flow)\}")


@dataclass(frozen=True, slots=True)
class LastMessagesView:
    """The last messages only."""

    count: int


@dataclass(frozen=True, slots=True)
class SinceView:
    """What was said since a state was entered last; all where it wasn't."""

    state: str


View: TypeAlias = "LastMessagesView | SinceView | str | Callable[[Context], Sequence[Mapping[str, Any]]] | None"
"""None is all; a string is a template of one message with {task}, {last}, {history}, {state} and {flow}."""


def last(count: int) -> LastMessagesView:
    """A view of the last messages: ``view=last(3)``. A tool's result is never parted from its call.

    Args:
        count: How many.

    Raises:
        ConfigError: If it isn't at least 1.
    """
    if not is_count(count):
        raise ConfigError(f"last() takes the number of messages to see, at least 1, not {count!r}")
    return LastMessagesView(count)


def since(state: str) -> SinceView:
    """A view of what was said since a state was entered last: ``view=since("plan")``.

    Args:
        state: The state's name.
    """
    return SinceView(state)


def filled(template: str, context: Context) -> str:
    """A template with its fields filled in. Other braces stay as they are.

    Args:
        template: May have {task}, {last} (the newest message), {history}, {state} and {flow}.
        context: Where the fields come from.
    """
    if "{" not in template:
        return template
    return _FIELD.sub(lambda match: _field(match[1], context), template)


def _field(name: str, context: Context) -> str:
    if name == "history":
        said = context.transcript.messages
        return "\n".join(f"{message.speaker}: {_shown(message.render(None))}" for message in said)
    return str({"task": context.task, "last": context.text, "state": context.state, "flow": context.flow}[name])


def _shown(message: Mapping[str, Any]) -> str:
    calls = [f"{call['function']['name']}({call['function']['arguments']})" for call in message.get("tool_calls", ())]
    return "\n".join([str(message.get("content") or ""), *calls]).strip()


def seen(view: View, context: Context, viewer: str) -> Sequence[Mapping[str, Any]] | None:
    """What a participant sees of the history, as chat dicts; None for all.

    Args:
        view: The view.
        context: Where the flow is.
        viewer: The participant's name.
    """
    if view is None:
        return None
    if isinstance(view, str):
        return [{"role": "user", "content": filled(view, context)}]
    if callable(view):
        return list(view(context))
    transcript = context.transcript
    if isinstance(view, LastMessagesView):
        start = len(transcript) - view.count
    else:
        start = context.position.entered.get(view.state, 0)
    whole = transcript.view(viewer)
    return list(whole)[max(0, transcript.boundary(start) - whole.start) :]


def wire(view: View, context: Context, viewer: str, tail: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """What a model is sent: what it sees, and what comes behind that.

    Args:
        view: The view.
        context: Where the flow is.
        viewer: Who asks.
        tail: What comes behind.
    """
    part = seen(view, context, viewer)
    head = context.transcript.view(viewer).wire if part is None else wire_messages(part)
    return Appended(head, tail) if tail else head
