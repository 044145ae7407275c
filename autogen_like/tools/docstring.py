"""What a docstring says about a function and its parameters, in Google's, NumPy's or reST's style."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

_GOOGLE = re.compile(
    r"(Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|Other Parameters|Attributes|Returns?|Yields?"
    r"|Raises|Warns|Examples?|Notes?|References|See Also|Todo|Warnings?):"
)
_NUMPY = re.compile(
    r"Parameters|Other Parameters|Attributes|Methods|Returns|Yields|Receives|Raises|Warns|Warnings|See Also|Notes"
    r"|References|Examples?"
)
_ARGUMENTS = ("Args", "Arguments", "Parameters", "Params", "Keyword Args", "Keyword Arguments", "Other Parameters")
_GOOGLE_ENTRY = re.compile(r"\*{0,2}(?P<names>\w+)\s*(?:\(.*?\))?\s*:(?:\s+(?P<text>.*))?$")
_NUMPY_ENTRY = re.compile(r"(?P<names>\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_REST = re.compile(r":(?P<field>\w+)(?P<about>(?:\s+[^\s:]+)*)\s*:(?:\s+(?P<text>.*))?$")
_REST_ARGUMENTS = ("param", "parameter", "arg", "argument", "key", "keyword")


def parse_docstring(text: str | None) -> tuple[str, dict[str, str]]:
    r"""The first paragraph, and the description of each parameter.

    Args:
        text: A docstring, or None.

    Returns:
        The first paragraph on one line (empty when there is none), and descriptions by parameter name.

    Example:
        >>> parse_docstring("Adds.\n\nArgs:\n    a: The first\n        number.\n    b (int): The second.")
        ('Adds.', {'a': 'The first number.', 'b': 'The second.'})
        >>> parse_docstring("Adds.\n\nParameters\n----------\na : int\n    The first.")
        ('Adds.', {'a': 'The first.'})
        >>> parse_docstring("Adds.\n\n:param int a: The first.")
        ('Adds.', {'a': 'The first.'})
    """
    lines = inspect.cleandoc(text or "").splitlines()
    summary: list[str] = []
    for index, line in enumerate(lines):
        if _begins_section(lines, index) or (summary and not line.strip()):
            break
        if line.strip():
            summary.append(line.strip())
    described: dict[str, str] = {}
    for name, said in _entries(lines):
        if said and name not in described:
            described[name] = said
    return " ".join(summary), described


def _begins_section(lines: list[str], index: int) -> bool:
    return bool(_GOOGLE.fullmatch(lines[index].rstrip()) or _is_numpy(lines, index) or _REST.match(lines[index]))


def _is_numpy(lines: list[str], index: int) -> bool:
    """Whether a line is underlined, as NumPy's headings are."""
    under = lines[index + 1].strip() if index + 1 < len(lines) else ""
    return len(under) > 2 and not under.strip("-=") and bool(_NUMPY.fullmatch(lines[index].strip()))


def _entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Names and what is said of them, whichever the style: a docstring may mix them."""
    index = 0
    while index < len(lines):
        line = lines[index]
        field = _REST.match(line)
        if field:
            name = field["about"].split()[-1:]
            if field["field"] in _REST_ARGUMENTS and name:
                yield name[0].lstrip("*\\"), _joined(field["text"], _body(lines, index + 1))
            index += 1
        elif _is_numpy(lines, index):
            index += 2
            if line.strip() in _ARGUMENTS:
                yield from _numpy(lines, index)
        elif _GOOGLE.fullmatch(line.rstrip()) and line.rstrip(": ") in _ARGUMENTS:
            body = _body(lines, index + 1)
            yield from _google(body)
            index += 1 + len(body)
        else:
            index += 1


def _body(lines: list[str], start: int) -> list[str]:
    """The lines from `start` on that are indented or empty."""
    end = start
    while end < len(lines) and (not lines[end].strip() or lines[end][0].isspace()):
        end += 1
    return lines[start:end]


def _google(body: list[str]) -> Iterator[tuple[str, str]]:
    margin = next((_depth(line) for line in body if line.strip()), 0)
    name = ""
    said: list[str] = []
    for line in body:
        entry = _GOOGLE_ENTRY.match(line.strip()) if _depth(line) <= margin else None
        if entry:
            yield name, _joined(None, said)
            name, said = entry["names"], [entry["text"] or ""]
        else:
            said.append(line)
    yield name, _joined(None, said)


def _numpy(lines: list[str], start: int) -> Iterator[tuple[str, str]]:
    index = start
    while index < len(lines) and not _begins_section(lines, index):
        body = _body(lines, index + 1)
        entry = _NUMPY_ENTRY.match(lines[index])
        if entry:
            for name in entry["names"].split(","):
                yield name.strip().lstrip("*"), _joined(None, body)
        elif lines[index].strip():
            return
        index += 1 + len(body)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(first: str | None, rest: list[str]) -> str:
    return " ".join(part for part in ((first or "").strip(), *(line.strip() for line in rest)) if part)
