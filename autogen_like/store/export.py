"""Kept runs as Markdown and as a web page, to read and to share.

What these hold is what the records hold: messages, tool calls and their results, what was used and when. No agent's
configuration is in a store, so none is in an export.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ..core.message import File, Image, Message, Text, ToolResult
from ..core.sync import in_worker
from ..core.text import one_line, visible
from .figures import arguments, duration, moment, money, pieces
from .report import Noted, Report, Spoken, Talk, report
from .store import Store

NOTES = {
    "forked": "forked", "resumed": "resumed", "answered": "a person answered", "unfinished": "not finished",
    "ended": "ended", "paused": "paused",
}  # fmt: skip
_PLAIN = re.compile(r"[\w .-]+", re.ASCII)
_SPECIAL = re.compile(r"[<\[\]*&\\|#~@]|://|(?<!\w)_|_(?!\w)")
# Entities, since no reader of Markdown takes one for syntax: tags, links, images, and what looks like an entity.
_ACTIVE = re.compile(r"<(?=[A-Za-z/!?])|\](?=[(:\[])|&(?=#?\w+;)")
_ENTITIES = {"<": "&lt;", "]": "&#93;", "&": "&amp;"}


async def export_markdown(store: Store, run_id: str) -> str:
    r"""A run as Markdown.

    What was said stands in quotes, with its own lists, emphasis and code; tags, links and images in it are shown as
    they were written and do nothing, since nobody knows who wrote them.

    Args:
        store: Where it is kept.
        run_id: Its id.

    Raises:
        ConfigError: If there is no such run.

    Example:
        >>> import asyncio, tempfile
        >>> from autogen_like import AssistantAgent, ScriptedModel, Store
        >>> async def main(folder: str) -> str:
        ...     async with Store(f"sqlite:///{folder}/chats.db") as store:
        ...         agent = AssistantAgent("ada", llm_config=ScriptedModel(["Four."]))
        ...         await agent.run(message="2 + 2?", store=store)
        ...         (run,) = await store.runs()
        ...         return await export_markdown(store, run.id)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     print(asyncio.run(main(folder)).splitlines()[0])
        # 2 + 2?
    """
    told = await report(store, run_id)
    return await in_worker(lambda: "\n".join(_lines(told)) + "\n")


async def export_html(store: Store, run_id: str) -> str:
    """A run as a web page that needs nothing else: no script, no network, light or dark as its reader likes.

    Images are shown where the message holds them itself (as a ``data:`` URI), and are never fetched. It takes and
    raises what `export_markdown` does.

    Example:
        A file for whoever is to read it::

            Path("trip.html").write_text(await export_html(store, run.id), encoding="utf-8")
    """
    from .page import page

    return await in_worker(page, await report(store, run_id))


def facts(told: Report) -> list[tuple[str, str]]:
    """What there is to say of a run as a whole, as names and plain text."""
    info, why = told.info, told.info.reason
    found = [
        ("run", info.id),
        ("status", info.status if why is None else str(why) if why.kind == info.status else f"{info.status}, {why}"),
        ("participants", ", ".join(info.participants)),
        ("began", moment(info.started)),
        ("last written", f"{moment(info.updated)}, {duration((info.updated - info.started).total_seconds())} later"),
        ("messages", f"{info.messages} in {info.conversations} conversation{'s' * (info.conversations != 1)}"),
        ("used", f"{told.total.total_tokens:,} tokens, {money(told.total.cost)}"),
    ]
    if info.forked_from is not None:
        origin = info.forked_from
        found.insert(1, ("forked from", f"{origin['run']}, after message {origin['messages']}"))
    found += [(f"metadata: {key}", str(value)) for key, value in info.metadata.items()]
    return found


def spoken_figures(spoken: Spoken) -> list[str]:
    """How long a message took, and what was used for it."""
    found = [] if spoken.seconds is None else [duration(spoken.seconds)]
    if spoken.tokens:
        found.append(f"{spoken.tokens:,} tokens")
    if spoken.cost:
        found.append(money(spoken.cost))
    return found


def attachment(part: Image | File) -> str:
    """What an image or a file is, in a line."""
    name = "image" if isinstance(part, Image) else f"file {part.name}"
    address = part.url if isinstance(part, Image) else part.data
    if address is None:
        return f"{name}, {getattr(part, 'file_id', None)}"
    if address.startswith("data:"):
        head, _, data = address.partition(",")
        return f"{name}, {head[5:].removesuffix(';base64') or 'text/plain'}, {len(data):,} characters"
    return f"{name} at {address}"


# --- Markdown


def _lines(told: Report) -> Iterator[str]:
    yield f"# {_name(told.info.title or told.info.id)}"
    yield ""
    yield from _table(("", ""), facts(told))
    if told.spent:
        yield "## Usage"
        yield ""
        rows = [
            (spent.agent, spent.model, f"{spent.tally.requests:,}", f"{spent.tally.prompt_tokens:,}",
             f"{spent.tally.completion_tokens:,}", money(spent.tally.cost), duration(spent.tally.seconds))
            for spent in told.spent
        ]  # fmt: skip
        yield from _table(("agent", "model", "requests", "prompt", "completion", "cost", "generating"), rows)
    for talk in told.talks:
        yield from _talk(talk)
    for request in told.waiting:
        yield f"**waits for {_name(request.agent)}'s person** ({_name(request.id)})"
        yield ""
        yield from _quoted(request.prompt)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield "| " + " | ".join(_name(cell).replace("|", r"\|") for cell in row) + " |"
    yield ""


def _talk(talk: Talk) -> Iterator[str]:
    names = ", ".join(map(_name, talk.participants))
    inside = " inside" if talk.depth else ""
    yield f"## Conversation {talk.number}{inside}: {names}"
    yield ""
    for step in talk.steps:
        if isinstance(step, Talk):
            yield from _talk(step)
            yield f"*Conversation {talk.number} goes on.*"
            yield ""
        elif isinstance(step, Noted):
            when = f", {moment(step.at)}" if step.at is not None else ""
            yield f"*{NOTES[step.kind]}{when}:* {_name(step.text)}".rstrip()
            yield ""
        else:
            yield from _spoken(step)


def _spoken(spoken: Spoken) -> Iterator[str]:
    message = spoken.message
    yield f"### {spoken.number}. {_name(message.speaker)}"
    yield ""
    yield f"*{' · '.join([moment(spoken.at), *spoken_figures(spoken)])}*"
    yield ""
    for result in message.tool_results:
        yield from _result(result, spoken.took.get(result.call_id))
    yield from _content(message)
    for call in message.tool_calls:
        yield f"calls **{_name(call.name)}**"
        yield ""
        yield from _fenced(arguments(call), "json")


def _result(result: ToolResult, seconds: float | None) -> Iterator[str]:
    verdict = "failed" if result.error else "answered"
    took = f" after {duration(seconds)}" if seconds is not None else ""
    yield f"**{_name(result.name or 'the tool')}** {verdict}{took}"
    yield ""
    yield from _fenced(result.content if result.whole is None else result.whole, "text")


def _content(message: Message) -> Iterator[str]:
    content = message.content
    parts = (Text(content),) if isinstance(content, str) else content or ()
    for part in parts:
        if isinstance(part, Text):
            yield from _quoted(part.text)
        else:
            yield f"*{_name(attachment(part))}*"
            yield ""


def _quoted(text: str) -> Iterator[str]:
    """A text in quotes, which end whatever it opens; its code beside them, where all readers look for code."""
    for piece in pieces(visible(text)):
        if piece.code:
            yield from _fenced(piece.text, piece.language)
        else:
            calm = _ACTIVE.sub(lambda found: _ENTITIES[found[0]], piece.text)
            yield from (f"> {line}  " if line.strip() else ">" for line in calm.split("\n"))  # each stays a line
            yield ""


def _fenced(text: str, language: str) -> Iterator[str]:
    text = visible(text)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield fence + (language if _PLAIN.fullmatch(language) else "")
    yield text
    yield fence
    yield ""


def _name(text: str) -> str:
    """A name, or a line of text, that nothing in it turns into anything else."""
    line = one_line(text)
    if _PLAIN.fullmatch(line) or not line.strip():
        return line
    longest = max(map(len, re.findall("`+", line)), default=0)
    if not longest and not _SPECIAL.search(line):
        return line
    ticks = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"
