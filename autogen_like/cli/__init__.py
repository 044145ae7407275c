"""The ``autogen-like`` command. Each room brings its own commands; this file only puts them under one roof."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from .._version import __version__
from ..core.errors import AutogenLikeError
from ..core.text import visible


def build_parser() -> argparse.ArgumentParser:
    """Makes the parser with every room's commands.

    A command stores the function that carries it out as ``run`` (``set_defaults(run=...)``): it takes the parsed
    arguments and returns the exit status.

    Example:
        >>> build_parser().prog
        'autogen-like'
    """
    from ..agents import mcp_cli
    from ..serving import library_cli, serve_cli
    from . import migrate, run, runs

    parser = argparse.ArgumentParser(prog="autogen-like", description="Agents that converse, and their local models.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    library_cli.add_commands(commands)
    serve_cli.add_commands(commands)
    mcp_cli.add_commands(commands)
    runs.add_commands(commands)
    run.add_commands(commands)
    migrate.add_commands(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: The words after the program's name; those of this process by default.

    Returns:
        The exit status: 0 where it went well, 1 where an error was told on stderr, 130 where it was interrupted, 141
        where whoever read its output has left. Wrong usage raises `SystemExit` with status 2, as argparse does.
    """
    arguments = build_parser().parse_args(argv)
    try:
        status: int | None = arguments.run(arguments)
    except AutogenLikeError as error:
        print(f"autogen-like: {visible(str(error))}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        with contextlib.suppress(OSError):  # so that the interpreter can't fail to write the rest when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return status or 0


if __name__ == "__main__":
    sys.exit(main())
