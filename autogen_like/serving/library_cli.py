"""``autogen-like models``: fetch, list and remove local models."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from . import library
from .library_sources import KNOWN

if TYPE_CHECKING:
    _SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name


def add_commands(subparsers: _SubParsers) -> None:
    """Adds ``models pull``, ``models list`` and ``models remove``.

    Args:
        subparsers: What ``ArgumentParser.add_subparsers`` gave. Each command sets ``run``, a function of the parsed
            arguments that returns the exit status.
    """
    models = subparsers.add_parser("models", help="local models: pull, list, remove")
    commands = models.add_subparsers(title="commands", metavar="COMMAND", required=True)
    pull = commands.add_parser("pull", help="fetch a model into the library")
    pull.add_argument(
        "source",
        metavar="NAME|URL|PATH",
        help=f"a known name ({', '.join(KNOWN)}), the address of a GGUF file (#sha256=... is checked), a path, or a "
        "repository on the Hugging Face hub (org/name)",
    )
    pull.add_argument("--name", help="what to call it; by default after the source")
    pull.add_argument("--force", action="store_true", help="fetch it again when it is there")
    pull.set_defaults(run=_pull)
    commands.add_parser("list", help="what the library holds, and what it could fetch").set_defaults(run=_list)
    remove = commands.add_parser("remove", help="remove a model from the library")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)


def _pull(arguments: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console()
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns, console=console, transient=True) as bar:
        task = bar.add_task("fetching", total=None)

        def progress(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        path = library.pull(arguments.source, name=arguments.name, force=arguments.force, progress=progress)
    name = path.stem if path.suffix == ".gguf" else path.name
    console.print(f"{name} is at {path}; use it as local:{name}", highlight=False, markup=False, soft_wrap=True)
    return 0


def _list(_: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.table import Table

    present = library.list_models()
    table = Table("model", "size", "where")
    for model in present:
        table.add_row(f"local:{model.name}", f"{model.size / 1e6:.0f} MB", str(model.path))
    for name, known in KNOWN.items():
        if all(model.name != name for model in present):
            table.add_row(f"local:{name}", "-", f"not fetched: autogen-like models pull {name} ({known.about})")
    Console().print(table)
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    Console().print(f"removed {library.remove(arguments.name)}", highlight=False, markup=False, soft_wrap=True)
    return 0
