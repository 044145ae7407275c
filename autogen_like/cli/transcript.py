"""A kept run as a terminal shows it: plain lines, and nothing in them that a terminal would act on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..core.text import one_line, visible

if TYPE_CHECKING:
    from ..store.report import Report, Spoken, Talk

INSIDE = "  | "


def transcript(told: Report) -> Iterator[str]:
    """The lines of a run.

    Args:
        told: What there is to tell.
    """
    from ..store.export import facts

    for name, text in facts(told):
        yield f"{one_line(name)}: {one_line(text)}"
    for talk in told.talks:
        yield from _talk(talk)
    for request in told.waiting:
        yield ""
        yield f"{one_line(request.agent)} waits for a person: {one_line(request.prompt)}"
        yield f"answer with: autogen-like runs answer {one_line(told.info.id)} {one_line(request.id)} TEXT"


def _talk(talk: Talk) -> Iterator[str]:
    from ..store.export import NOTES
    from ..store.report import Noted, Spoken

    yield ""
    yield f"=== {one_line(', '.join(talk.participants))} === (conversation {one_line(talk.id)})"
    for step in talk.steps:
        if isinstance(step, Spoken):
            yield ""
            yield from _spoken(step)
        elif isinstance(step, Noted):
            yield ""
            yield f"({NOTES[step.kind]}{': ' if step.text else ''}{one_line(step.text)})"
        else:
            yield from (f"{INSIDE}{line}" for line in _talk(step))


def _spoken(spoken: Spoken) -> Iterator[str]:
    from ..store.export import spoken_figures
    from ..store.figures import arguments, duration

    message = spoken.message
    figures = ", ".join([f"{spoken.at:%H:%M:%S}", *spoken_figures(spoken)])
    yield f"#{spoken.number} {one_line(message.speaker)} ({figures})"
    for result in message.tool_results:
        took = spoken.took.get(result.call_id)
        after = f" after {duration(took)}" if took is not None else ""
        yield f"{one_line(result.name or 'the tool')} {'failed' if result.error else 'answered'}{after}"
        yield from _lines(result.content)
    if message.content:
        yield from _lines(message.text)
    for call in message.tool_calls:
        yield f"calls {one_line(call.name)}"
        yield from _lines(arguments(call))


def _lines(text: str) -> Iterator[str]:
    return iter(visible(text).split("\n"))
