"""``autogen-like runs``: what a store keeps, looked at, gone on with, and taken elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from ..core.errors import ConfigError
from ..core.text import one_line, visible

if TYPE_CHECKING:
    from ..store import Store
    from ..store.listing import RunInfo

STORE = "AUTOGEN_LIKE_STORE"  # may hold a password: on a command line, everybody would see it
SUFFIXES = {".jsonl": "jsonl", ".md": "markdown", ".html": "html", ".htm": "html"}
STATUS = ("running", "interrupted", "paused", "ended")
_Work: TypeAlias = "Callable[[Store, argparse.Namespace], Coroutine[Any, Any, None]]"


def add_commands(commands: Any) -> None:
    """Adds ``runs`` and its commands to the command's subparsers."""
    about = f"Kept runs. Where they are kept is said by --store, or by the environment variable {STORE}."
    runs = commands.add_parser("runs", help="kept runs: list, show, resume, fork, export, ...", description=about)
    group = runs.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, work: _Work, about: str, *arguments: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = group.add_parser(name, help=about, description=f"{about.capitalize()}.")
        for argument in arguments:
            parser.add_argument(argument.lower().replace(":", "_"), metavar=argument)
        parser.add_argument("--store", metavar="URL", help=f"the database, like sqlite:///chats.db (default: ${STORE})")
        parser.set_defaults(run=partial(_with_store, work, name == "import"))
        return parser

    listing = command("list", _list, "the newest runs")
    listing.add_argument("--json", action="store_true", help="as JSON, with all that is known of each")
    listing.add_argument("--limit", type=int, default=50, help="how many (%(default)s)")
    listing.add_argument("--before", metavar="ID", help="only those older than this one")
    listing.add_argument("--status", choices=STATUS, help="only those that are")
    command("show", _show, "what was said in a run", "ID")
    resume = command("resume", _resume, "go on with a run that ended before its time", "ID", "WHERE:NAME")
    resume.epilog = (
        "WHERE:NAME is a function in a module or a file (chats.py:trip), which takes store= and resume= and returns "
        "agent.run(..., store=store, resume=resume). The module is imported."
    )
    fork = command("fork", _fork, "a new run that goes on from a message of another; prints its id", "ID")
    fork.add_argument("--at", metavar="MESSAGE", help="the number or id of the last message it has; all by default")
    fork.add_argument("--conversation", metavar="ID", help="a chat inside the run; its outermost one by default")
    fork.add_argument("--title", default="", help="what to call it in lists")
    export = command("export", _export, "a run as JSON Lines, Markdown or a web page", "ID")
    export.add_argument("--format", choices=sorted(set(SUFFIXES.values())), help="by default what FILE ends with")
    export.add_argument("-o", "--output", metavar="FILE", default="-", help="where to; - is the standard output")
    command("import", _import, "take in a run that was exported as JSON Lines; prints its id", "FILE")
    command("delete", _delete, "delete a run; its forks keep what they share with it", "ID")
    command("answer", _answer, "answer what a paused run waits for; resume goes on with it", "ID", "REQUEST", "TEXT")


def _with_store(work: _Work, new: bool, arguments: argparse.Namespace) -> None:
    from ..store import Store

    url = arguments.store or os.environ.get(STORE)
    if not url:
        raise ConfigError(f"say where the runs are kept: --store sqlite:///chats.db, or {STORE} in the environment")
    store = Store(url)
    _check_file(url, new)
    arguments.function = _loaded(arguments.where_name) if "where_name" in arguments else None

    async def main() -> None:
        async with store:
            await work(store, arguments)

    asyncio.run(main())
    sys.stdout.flush()


def _check_file(url: str, new: bool) -> None:
    """A name that was mistyped makes no new file."""
    from sqlalchemy import make_url

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not new and not Path(str(parsed.database)).exists():
        raise ConfigError(f"there is no file {parsed.database}: runs that are kept with {url!r} would be there")


# --- looking


async def _list(store: Store, arguments: argparse.Namespace) -> None:
    found = await store.runs(arguments.limit, arguments.before, arguments.status)
    if arguments.json:
        _print(json.dumps([_as_json(info) for info in found], indent=2, default=str))
    elif found:
        for line in _table(found, shutil.get_terminal_size().columns if sys.stdout.isatty() else None):
            _print(line)


def _as_json(info: RunInfo) -> dict[str, Any]:
    reason = info.reason
    return {
        "id": info.id, "status": info.status, "title": info.title, "metadata": info.metadata,
        "reason": {"kind": reason.kind, "detail": reason.detail, "by": reason.by} if reason is not None else None,
        "participants": info.participants, "conversations": info.conversations, "messages": info.messages,
        "tokens": info.tokens, "cost": info.cost, "started": info.started.isoformat(),
        "updated": info.updated.isoformat(), "forked_from": info.forked_from, "held_by": info.held_by,
    }  # fmt: skip


def _table(found: Sequence[RunInfo], width: int | None) -> Iterator[str]:
    """Rows of columns; what is at the end, the title, is cut where a terminal would break the line."""
    from rich.cells import cell_len, set_cell_size

    from ..store.figures import moment, money

    rows = [("ID", "STATUS", "MESSAGES", "TOKENS", "COST", "UPDATED", "TITLE")] + [
        (one_line(info.id), info.status, f"{info.messages:,}", f"{info.tokens:,}", money(info.cost),
         moment(info.updated), one_line(info.title))
        for info in found
    ]  # fmt: skip
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)][:-1]
    for *cells, title in rows:
        figures = [
            " " * (wide - cell_len(cell)) + cell if place in (2, 3, 4) else set_cell_size(cell, wide)
            for place, (cell, wide) in enumerate(zip(cells, widths, strict=True))
        ]
        line = "  ".join((*figures, title))
        yield (line if width is None or cell_len(line) <= width else set_cell_size(line, width - 1) + "…").rstrip()


async def _show(store: Store, arguments: argparse.Namespace) -> None:
    from ..store.report import report
    from .transcript import transcript

    for line in transcript(await report(store, arguments.id)):
        _print(line)


# --- going on


def _loaded(where: str) -> Callable[..., Any]:
    from inspect import signature

    from ..agents.mcp_cli import load

    function = load(where)
    try:
        signature(function).bind(store=None, resume="")
    except (TypeError, ValueError):
        raise ConfigError(
            f"{where} must be a function that takes store= and resume=, and returns a run: "
            "return agent.run(..., store=store, resume=resume)"
        ) from None
    return function  # type: ignore[no-any-return]


async def _resume(store: Store, arguments: argparse.Namespace) -> None:
    from ..core.run import Run
    from ..observe.console import ConsolePrinter

    await store.run(arguments.id)
    run = arguments.function(store=store, resume=arguments.id)
    if not isinstance(run, Run):
        if isinstance(run, Coroutine):
            run.close()
        raise ConfigError(
            f"{arguments.where_name} must return a run, not {type(run).__name__}: "
            "return agent.run(..., store=store, resume=resume)"
        )
    run.subscribe(ConsolePrinter())
    await run
    info = await store.run(arguments.id)
    if info.status == "paused":
        _print(f"paused: autogen-like runs show {info.id} says what it waits for")


async def _fork(store: Store, arguments: argparse.Namespace) -> None:
    conversation = arguments.conversation
    known = {one.id: one for one in await store.conversations(arguments.id)}
    if conversation is None:
        opened = [one for one in known.values() if one.key is not None]
        if not opened:
            raise ConfigError(f"in run {arguments.id!r} no conversation has begun: there is nothing to fork")
        conversation = min(opened, key=lambda one: str(one.key).count("/")).id
    elif conversation not in known:
        raise ConfigError(f"run {arguments.id!r} has no conversation {conversation!r}; it has {', '.join(known)}")
    at = arguments.at
    place = int(at) if at is not None and at.isascii() and at.isdigit() and len(at) < 10 else at
    _print(await store.fork(conversation, place, in_run=arguments.id, title=arguments.title))


async def _answer(store: Store, arguments: argparse.Namespace) -> None:
    await store.answer(arguments.id, arguments.request, arguments.text)


async def _delete(store: Store, arguments: argparse.Namespace) -> None:
    await store.delete(arguments.id)


# --- files


async def _export(store: Store, arguments: argparse.Namespace) -> None:
    form = arguments.format or SUFFIXES.get(Path(arguments.output).suffix.lower(), "jsonl")
    lines = _exported(store, arguments.id, form)
    first = await anext(lines)  # before the file is touched: there may be no such run
    with _opened(arguments.output) as file:
        file.write(first.encode())
        async for line in lines:
            file.write(line.encode())


async def _exported(store: Store, run_id: str, form: str) -> AsyncIterator[str]:
    from ..store.export import export_html, export_markdown

    if form == "jsonl":
        async for line in store.export_lines(run_id):
            yield f"{line}\n"
    else:
        yield await (export_html if form == "html" else export_markdown)(store, run_id)


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with Path(name).open("wb") as file:
            yield file
    except OSError as error:
        raise ConfigError(f"{name} can't be written: {error.strerror or error}") from error


async def _import(store: Store, arguments: argparse.Namespace) -> None:
    name = arguments.file
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()  # noqa: ASYNC240 - nothing else runs
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{name} can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is no exported run: it is no UTF-8 ({error.reason} at {error.start})") from error
    _print(await store.import_lines(text.split("\n")))


def _print(line: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    print(visible(line).encode(encoding, "backslashreplace").decode(encoding))
