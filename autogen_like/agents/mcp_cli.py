"""``autogen-like mcp``: serves agents of a Python file or module over MCP."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError

TOKEN = "AUTOGEN_LIKE_MCP_TOKEN"  # noqa: S105 - where it is looked for: on a command line, everybody would see it


def add_commands(commands: Any) -> None:
    """Adds ``mcp`` to the command's subparsers."""
    parser = commands.add_parser(
        "mcp",
        help="serve agents as tools of an MCP server",
        description=f"Serve agents as tools of an MCP server. Over HTTP, {TOKEN} holds the token that clients send.",
    )
    parser.add_argument("agents", metavar="WHERE:NAME", help="a module or file, and an agent or {name: agent} in it")
    parser.add_argument("--http", action="store_true", help="over streamable HTTP; over stdio otherwise")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="the port (%(default)s)")
    parser.add_argument(
        "--name-of-host", action="append", default=[], help="a name that clients reach it by; repeatable"
    )
    parser.set_defaults(run=serve)


def serve(arguments: argparse.Namespace) -> None:
    """Serves until it is interrupted."""
    from .mcp_server import serve_mcp

    serve_mcp(
        load(arguments.agents),
        transport="streamable-http" if arguments.http else "stdio",
        host=arguments.host,
        port=arguments.port,
        token=os.environ.get(TOKEN) or None,
        hosts=arguments.name_of_host,
    )


def load(where: str) -> Any:
    """What a ``module:name`` or ``file.py:name`` stands for.

    Raises:
        ConfigError: If there is no such module, file or name.
    """
    place, _, name = where.rpartition(":")
    if not place or not name:
        raise ConfigError(f"say where the agent is, as module:name or file.py:name, not {where!r}")
    if place.endswith(".py"):
        path = Path(place).resolve()
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise ConfigError(f"there is no file {place}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        sys.path.insert(0, str(path.parent))
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, str(Path.cwd()))
        try:
            module = importlib.import_module(place)
        except ModuleNotFoundError as error:
            if error.name != place.partition(".")[0] and error.name != place:
                raise
            raise ConfigError(f"there is no module {place!r} here or among the installed ones") from error
    try:
        return getattr(module, name)
    except AttributeError:
        raise ConfigError(f"there is no {name!r} in {place}") from None
