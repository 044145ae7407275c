"""What a docstring says about a function and its parameters (Google style)."""

from __future__ import annotations

import inspect
import re

_SECTION = re.compile(r"^(Args|Arguments|Parameters|Returns|Return|Yields|Raises|Example|Examples|Note|Notes):\s*$")
_ARGUMENTS = ("Args", "Arguments", "Parameters")
_ENTRY = re.compile(r"^\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)$")


def parse_docstring(text: str | None) -> tuple[str, dict[str, str]]:
    r"""The first paragraph, and the description of each parameter.

    Args:
        text: A docstring, or None.

    Returns:
        The first paragraph on one line (empty when there is none), and descriptions by parameter name.

    Example:
        >>> parse_docstring("Adds.\n\nArgs:\n    a: The first\n        number.\n    b (int): The second.")
        ('Adds.', {'a': 'The first number.', 'b': 'The second.'})
    """
    lines = inspect.cleandoc(text or "").splitlines()
    summary: list[str] = []
    for line in lines:
        if _SECTION.match(line) or (summary and not line.strip()):
            break
        if line.strip():
            summary.append(line.strip())
    return " ".join(summary), _arguments(lines)


def _arguments(lines: list[str]) -> dict[str, str]:
    described: dict[str, str] = {}
    inside, indent, name = False, 0, ""
    for line in lines:
        section = _SECTION.match(line)
        if section:
            inside, indent, name = section.group(1) in _ARGUMENTS, 0, ""
            continue
        if not inside or not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        if depth == 0:  # the section is over: text at the margin belongs to none
            inside = False
            continue
        indent = indent or depth
        entry = _ENTRY.match(line.strip()) if depth <= indent else None
        if entry:
            name = entry["name"]
            described[name] = entry["text"].strip()
        elif name:
            described[name] = f"{described[name]} {line.strip()}".strip()
    return {name: text for name, text in described.items() if text}
