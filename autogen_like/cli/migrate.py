"""``autogen-like migrate``: AutoGen 0.2's scripts, moved."""

from __future__ import annotations

import argparse
from typing import Any

from ..core.text import one_line


def add_commands(commands: Any) -> None:
    """Adds ``migrate`` to the command's subparsers."""
    about = "Rewrites the imports of AutoGen 0.2's scripts and notebooks, and tells line by line what differs, and why."
    parser = commands.add_parser("migrate", help="move AutoGen 0.2's scripts", description=about)
    parser.add_argument("path", metavar="PATH", help="a script, a notebook, or a folder of them")
    parser.add_argument("--dry-run", action="store_true", help="only tell; change nothing")
    parser.epilog = "The exit status is 1 where something that a script uses isn't there."
    parser.set_defaults(run=_migrate)


def _migrate(arguments: argparse.Namespace) -> int:
    from ..compat.migration import migrate  # only here, so that nobody else pays for it

    reports = migrate(arguments.path, write=not arguments.dry_run)
    missing = differs = 0
    for report in reports:
        if report.error:
            print(f"{report.path}: {one_line(report.error)}")
        for (cell, finding), line in zip(report.findings, report.lines, strict=True):
            where = f"{report.path}:{finding.line}" if cell is None else f"{report.path}: cell {cell}: {finding.line}"
            print(f"{where}: {finding.kind}: {finding.text}\n    {one_line(line)}")
            missing += finding.kind == "missing"
            differs += finding.kind == "differs"
    changed = sum(report.changed for report in reports)
    verb = "would be rewritten" if arguments.dry_run else "rewritten"
    print(f"{changed} files {verb}; {differs} lines behave differently; {missing} use something that isn't here.")
    return int(missing > 0 or any(report.error for report in reports))
