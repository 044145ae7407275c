"""The web page of a kept run. All text in it was written by others: it is escaped, and nothing of it does anything."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files

from ..core.message import File, Image, Message, Text, ToolCall, ToolResult
from ..core.text import one_line, visible
from ..core.usage import Tally
from .export import NOTES, attachment, facts, spoken_figures
from .figures import arguments, duration, moment, money, pieces
from .report import Noted, Report, Spoken, Talk

COLORS = 8
LONG = 1200  # characters after which a tool's result is folded
MANY = 14  # lines
# What browsers decode as a picture and as nothing else: no SVG, which is a document of its own.
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|avif|bmp);base64,[A-Za-z0-9+/]+={0,2}")


def page(told: Report) -> str:
    """The page of a run.

    Args:
        told: What there is to tell.
    """
    title = escape(one_line(told.info.title or told.info.id))
    colors: dict[str, int] = {}
    body = [
        f"<h1 dir=auto>{title}</h1>",
        *_facts(told),
        *_usage(told),
        *(line for talk in told.talks for line in _talk(talk, colors)),
        *_waiting(told),
    ]
    return "\n".join((*_head(title), *body, "</body>", "</html>", ""))


@cache
def _style() -> str:
    return files("autogen_like.store").joinpath("page.css").read_text(encoding="utf-8")


def _head(title: str) -> Iterator[str]:
    digest = b64encode(sha256(_style().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{title}</title>"
    yield f"<style>{_style()}</style>"
    yield "</head>"
    yield "<body>"


def _facts(told: Report) -> Iterator[str]:
    yield "<dl>"
    for name, text in facts(told):
        yield f"<dt>{_line(name)}</dt><dd>{_line(text)}</dd>"
    yield "</dl>"


def _usage(told: Report) -> Iterator[str]:
    if not told.spent:
        return
    yield "<h2>Usage</h2>"
    yield '<div class="scroll"><table>'
    heads = ("agent", "model", "requests", "prompt tokens", "completion tokens", "cost", "generating")
    yield f"<thead><tr>{''.join(f'<th scope=col>{head}</th>' for head in heads)}</tr></thead>"
    yield "<tbody>"
    for spent in told.spent:
        yield _row((_line(spent.agent), _line(spent.model), *_tally(spent.tally)))
    yield "</tbody>"
    yield f"<tfoot>{_row(('all', '', *_tally(told.total)))}</tfoot>"
    yield "</table></div>"


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _tally(tally: Tally) -> tuple[str, ...]:
    counts = (tally.requests, tally.prompt_tokens, tally.completion_tokens)
    seconds = duration(tally.seconds) if tally.seconds else ""
    return (*(f"{count:,}" for count in counts), escape(money(tally.cost)), seconds)


def _talk(talk: Talk, colors: dict[str, int]) -> Iterator[str]:
    names = ", ".join(talk.participants)
    what = "A chat inside" if talk.depth else "Conversation"
    yield f'<section class="talk" id="c{talk.number}">'
    yield f'<h2 title="{_line(talk.id)}">{what}: {_line(names)}</h2>'
    for step in talk.steps:
        if isinstance(step, Talk):
            yield from _talk(step, colors)
        elif isinstance(step, Noted):
            yield _note(step)
        else:
            yield from _spoken(step, f"c{talk.number}-{step.number}", colors)
    yield "</section>"


def _note(note: Noted) -> str:
    text = f"{NOTES[note.kind]} · {note.text}" if note.text else NOTES[note.kind]
    title = f' title="{moment(note.at)}"' if note.at is not None else ""
    return f'<p class="note"{title} dir=auto>{_block(text)}</p>'


def _spoken(spoken: Spoken, anchor: str, colors: dict[str, int]) -> Iterator[str]:
    message = spoken.message
    color = colors.setdefault(message.speaker, len(colors)) % COLORS
    figures = "".join(f"<span>{escape(figure)}</span>" for figure in spoken_figures(spoken))
    role = f"<span>{_line(message.role)}</span>" if message.role else ""
    time = f'<time datetime="{spoken.at.isoformat()}" title="{moment(spoken.at)}">{spoken.at:%H:%M:%S}</time>'
    link = f'<a href="#{anchor}" title="{_line(message.id)}">#{spoken.number}</a>'
    yield f'<article class="said c{color}" id="{anchor}">'
    yield f'<header><span class="who">{_line(message.speaker)}</span>{role}{time}{figures}{link}</header>'
    for result in message.tool_results:
        yield from _result(result, spoken.took.get(result.call_id))
    yield from _content(message)
    for call in message.tool_calls:
        yield from _call(call)
    if not (message.content or message.tool_calls or message.tool_results):
        yield '<p class="label">nothing</p>'
    yield "</article>"


def _content(message: Message) -> Iterator[str]:
    content = message.content
    for part in (Text(content),) if isinstance(content, str) else content or ():
        yield from _text(part.text) if isinstance(part, Text) else _attached(part)


def _text(text: str) -> Iterator[str]:
    for piece in pieces(visible(text)):
        if not piece.code:
            yield f'<p class="text" dir=auto>{escape(piece.text)}</p>'
            continue
        if piece.language:
            yield f'<div class="label">{escape(piece.language)}</div>'
        yield f"<pre><code>{escape(piece.text)}</code></pre>"


def _attached(part: Image | File) -> Iterator[str]:
    if isinstance(part, Image) and _PICTURE.fullmatch(part.url):
        yield f'<img src="{part.url}" alt="{_line(attachment(part))}">'
    else:
        yield f'<p class="label">{_line(attachment(part))}</p>'


def _call(call: ToolCall) -> Iterator[str]:
    yield f'<p class="tool">calls <b>{_line(call.name)}</b></p>'
    yield from _folded(arguments(call), "arguments")


def _result(result: ToolResult, seconds: float | None) -> Iterator[str]:
    kind, verdict = ("bad", "failed") if result.error else ("good", "answered")
    took = f" after {duration(seconds)}" if seconds is not None else ""
    name = _line(result.name or "the tool")
    yield f'<p class="tool"><b>{name}</b> <span class="{kind}">{verdict}</span>{took}</p>'
    yield from _folded(result.content, "result")
    if result.whole is not None:
        yield from _folded(result.whole, "whole result", long=True)


def _folded(text: str, what: str, *, long: bool = False) -> Iterator[str]:
    shown = f"<pre dir=auto>{_block(text)}</pre>"
    lines = text.count("\n") + 1
    if long or len(text) > LONG or lines > MANY:
        yield f"<details><summary>the {what}: {lines:,} lines, {len(text):,} characters</summary>{shown}</details>"
    else:
        yield shown


def _waiting(told: Report) -> Iterator[str]:
    for request in told.waiting:
        yield f'<p class="waits"><b>{_line(request.agent)} waits for a person:</b> {_line(request.prompt)}'
        yield f'<br><span class="label">request {_line(request.id)}</span></p>'


def _block(text: str) -> str:
    return escape(visible(text))


def _line(text: str) -> str:
    return escape(one_line(text))
