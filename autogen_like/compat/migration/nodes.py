"""What the rules read of a syntax tree, and what they say of it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something to know about a line.

    Args:
        line: The line, from 1.
        kind: "rewritten", "differs" (it works, in another way), or "missing" (it doesn't work).
        text: What, and why.
    """

    line: int
    kind: Literal["rewritten", "differs", "missing"]
    text: str


def differs(node: ast.AST, text: str) -> Finding:
    """It works, in another way."""
    return Finding(getattr(node, "lineno", 1), "differs", text)


def called(node: ast.AST) -> str:
    """The name of what is called, without what it belongs to."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def keywords_of(node: ast.AST) -> dict[str, ast.expr]:
    """The arguments of a call that have names."""
    return {one.arg: one.value for one in node.keywords if one.arg} if isinstance(node, ast.Call) else {}


def is_open(node: ast.AST) -> bool:
    """Whether a call has arguments that can't be seen: ``**settings``."""
    return isinstance(node, ast.Call) and any(one.arg is None for one in node.keywords)


def entries_of(node: ast.AST | None) -> dict[str, ast.expr]:
    """The entries of a dict as it is written: ``{...}`` or ``dict(...)``."""
    if isinstance(node, ast.Call) and called(node) == "dict":
        return keywords_of(node)
    if not isinstance(node, ast.Dict):
        return {}
    pairs = zip(node.keys, node.values, strict=True)
    return {key.value: value for key, value in pairs if isinstance(key, ast.Constant) and isinstance(key.value, str)}


def constant(node: ast.expr | None) -> object:
    """What is written there, where it is a constant; otherwise `...`."""
    return node.value if isinstance(node, ast.Constant) else ...
