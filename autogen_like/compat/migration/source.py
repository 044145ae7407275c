"""Python source as it can be parsed and edited: scripts, and cells with a notebook's own commands in them."""

from __future__ import annotations

import ast
import re

_COMMAND = re.compile(r"^(\s*)([%!].*)$")


def parsed(source: str) -> ast.Module:
    """The syntax tree of a script or a cell; a notebook's ``%`` and ``!`` commands count as nothing.

    Raises:
        SyntaxError: If it isn't Python.
    """
    if source.lstrip().startswith("%%"):
        return ast.Module([], [])
    lines = [_COMMAND.sub(r"\1pass", line) for line in source.split("\n")]
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree: ast.Module = compile("\n".join(lines), "<source>", "exec", flags=flags)
    return tree


def replaced(source: str, node: ast.stmt, text: str) -> str:
    """The source with another text in the place of a statement."""
    lines = source.split("\n")
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    head = lines[first].encode()[: node.col_offset].decode()
    tail = lines[last].encode()[node.end_col_offset :].decode()
    lines[first : last + 1] = (head + text + tail).split("\n")
    return "\n".join(lines)


def segment(source: str, node: ast.stmt) -> str:
    """The text of a statement."""
    return ast.get_source_segment(source, node) or ""
