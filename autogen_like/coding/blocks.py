"""Code blocks in a message: found by Markdown's rules, forgiving where models are careless."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..core.message import content_text

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?:(?P<ticks>`{3,})(?P<info>[^`]*)|(?P<tildes>~{3,})(?P<words>.*))$")
_SHEBANG = re.compile(r"^#!.*?\b(python|bash|sh)[\d.]*\s*$")
_SHELL_WORDS = (  # what a shell block may begin with
    "apt apt-get awk bash brew cat cd chmod chown clear conda cp curl cut date df diff docker du echo env exit export "
    "find git go grep gunzip gzip head hostname java kill less ln ls make mkdir mv nano node npm npx pip pip3 ps pwd "
    "python python3 pytest rm rmdir rsync sed sh sleep sort source ssh sudo tail tar tee touch tr uname uniq uv unzip "
    "wc wget which whoami xargs yarn zip"
)
_COMMANDS = frozenset(_SHELL_WORDS.split())


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A piece of code to run.

    Args:
        code: The code.
        language: Its language in lower case; empty where it isn't known.
    """

    code: str
    language: str


class CodeExtractor(Protocol):
    """Whatever finds code blocks in a message."""

    def extract_code_blocks(self, message: str | Sequence[Any] | None) -> list[CodeBlock]:
        """The code blocks of a message, in order.

        Args:
            message: Text, content parts as chat APIs write them, or None.
        """
        ...


class MarkdownCodeExtractor:
    r"""Finds fenced code blocks.

    Fences are those of CommonMark: three or more backticks or tildes, closed by at least as many of the same; code in
    an indented fence (inside a list) loses that indentation. Where no language is given, Python and shell are told
    apart by looking at the code.

    Args:
        unclosed: Whether a block whose fence is never closed counts, up to the end of the message, as CommonMark
            has it. Models do forget the last fence; but a reply cut off by a token limit also looks like this.

    Example:
        >>> MarkdownCodeExtractor().extract_code_blocks("Run this:\n```python\nprint(1)\n```")
        [CodeBlock(code='print(1)', language='python')]
    """

    def __init__(self, *, unclosed: bool = True) -> None:
        self._unclosed = unclosed

    def extract_code_blocks(self, message: str | Sequence[Any] | None) -> list[CodeBlock]:
        """The code blocks of a message, in order; blocks of nothing but space are left out.

        Args:
            message: Text, content parts as chat APIs write them, or None.
        """
        lines = content_text(message).replace("\r\n", "\n").split("\n")
        blocks: list[CodeBlock] = []
        index = 0
        while index < len(lines):
            opening = _FENCE.match(lines[index])
            index += 1
            if opening is None:
                continue
            body, index = self._body(lines, index, opening["ticks"] or opening["tildes"])
            if body is None:
                continue
            code = textwrap.dedent("\n".join(_outdent(body, opening["indent"]))).strip("\n")
            if code.strip():
                language = _language(opening["info"] or opening["words"] or "")
                blocks.append(CodeBlock(code, language or infer_language(code)))
        return blocks

    def _body(self, lines: list[str], start: int, fence: str) -> tuple[list[str] | None, int]:
        """The lines up to the closing fence, and where to go on; None for a block that doesn't count."""
        for index in range(start, len(lines)):
            if _closes(lines[index].strip(), fence):
                return lines[start:index], index + 1
        for index in range(start, len(lines)):  # print(1)``` : closed, but not on a line of its own
            if lines[index].endswith(fence):
                return [*lines[start:index], lines[index][: -len(fence)]], index + 1
        return (lines[start:], len(lines)) if self._unclosed else (None, len(lines))


def _closes(line: str, fence: str) -> bool:
    return len(line) >= len(fence) and line == fence[0] * len(line)


def _outdent(lines: list[str], indent: str) -> list[str]:
    width = len(indent)
    return [line[width:] if not line[:width].strip() else line.lstrip() for line in lines]


def _language(info: str) -> str:
    """The first word of what stands behind a fence: ``python title="x"``, ``{.python}``."""
    words = info.replace(",", " ").split()
    return words[0].strip("{}").lstrip(".").lower() if words else ""


def infer_language(code: str) -> str:
    """Whether code without a language is Python or shell.

    Args:
        code: The code.

    Returns:
        "python", "sh", or an empty string where it is neither for certain.

    Example:
        >>> infer_language("pip install rich"), infer_language("print(1)"), infer_language("Dear all,")
        ('sh', 'python', '')
    """
    shebang = _SHEBANG.match(code.split("\n", 1)[0])
    if shebang:
        return shebang[1]
    words = next((line.split() for line in code.split("\n") if line.strip() and not line.lstrip().startswith("#")), [])
    command = bool(words) and words[0] in _COMMANDS
    tree = _parsed(code)
    if tree is None:
        return "sh" if command else ""
    # `ls` and `ls -la` are Python expressions too, but nobody means them so.
    return "sh" if command and all(_is_idle(statement) for statement in tree.body) else "python"


def _parsed(code: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _is_idle(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Name | ast.BinOp | ast.Compare)
