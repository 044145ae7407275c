"""``autogen-like run``: a script of AutoGen 0.2, as it is."""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError


def add_commands(commands: Any) -> None:
    """Adds ``run`` to the command's subparsers."""
    about = "Runs a script of AutoGen 0.2 unchanged: its `import autogen` finds autogen_like.compat."
    parser = commands.add_parser("run", help="run a script of AutoGen 0.2", description=about)
    parser.add_argument("script", metavar="SCRIPT", help="the script")
    parser.add_argument("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="what the script is given")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    script = Path(arguments.script)
    if not script.is_file():
        raise ConfigError(f"there is no script {script}")
    from ..compat.alias import install  # only here, so that nobody else pays for it

    install()
    before, path = sys.argv, sys.path[:]
    sys.argv = [str(script), *arguments.arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv, sys.path[:] = before, path
    return 0
