"""Figures as people read them, and what a message's text is made of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.message import ToolCall

# Possessive throughout: a long line that is none is seen through in one go.
_FENCE = re.compile(r"(?P<indent>[ \t]*+)(?P<fence>`{3,}+|~{3,}+)[ \t]*+(?P<language>[^\s`]*+)[^`]*+")


def money(dollars: float) -> str:
    """Dollars.

    Example:
        >>> money(0), money(0.00001), money(0.0123), money(12.5)
        ('$0', '<$0.0001', '$0.0123', '$12.50')
    """
    if dollars == 0:
        return "$0"
    if 0 < dollars < 0.0001:
        return "<$0.0001"
    return f"${dollars:.2f}" if dollars >= 1 else f"${dollars:.4f}"


def duration(seconds: float) -> str:
    """A time span.

    Example:
        >>> duration(0.0031), duration(1.26), duration(75), duration(7500), duration(200_000)
        ('3 ms', '1.3 s', '1 min 15 s', '2 h 5 min', '2 d 7 h')
    """
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    if seconds < 86400:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
    return f"{int(seconds // 86400)} d {int(seconds % 86400 // 3600)} h"


def moment(at: datetime) -> str:
    """A time, to the second.

    Example:
        >>> from datetime import UTC
        >>> moment(datetime(2026, 1, 2, 3, 4, 5, 678, UTC))
        '2026-01-02 03:04:05 UTC'
    """
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def arguments(call: ToolCall) -> str:
    """A call's arguments, a line each where they are JSON; as the model wrote them otherwise.

    Example:
        >>> print(arguments(ToolCall("c", "add", '{"a": 1}')))
        {
          "a": 1
        }
    """
    try:
        read = json.loads(call.arguments, parse_float=_same, object_pairs_hook=_once)
        return json.dumps(read, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return call.arguments


def _same(number: str) -> float:
    if repr(float(number)) != number:
        raise ValueError(f"{number} would come back in other digits")
    return float(number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise ValueError("a name that is there twice would come back once")
    return read


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text.

    Args:
        text: What it says, without the fence around code.
        code: Whether it is a block of code.
        language: What the fence says that it is.
    """

    text: str
    code: bool = False
    language: str = ""


def pieces(text: str) -> Iterator[Piece]:
    r"""A text as prose and blocks of code. Only fences are looked for, however far they are indented.

    Example:
        >>> [(piece.text, piece.language) for piece in pieces("Look:\n```python\n1 + 1\n```\nEasy.")]
        [('Look:', ''), ('1 + 1', 'python'), ('Easy.', '')]
    """
    prose: list[str] = []
    code: list[str] = []
    opened: re.Match[str] | None = None
    for line in text.split("\n"):
        fence = _FENCE.fullmatch(line)
        if opened is None:
            if fence is None:
                prose.append(line)
                continue
            yield from _prose(prose)
            opened, prose, code = fence, [], []
        elif fence is not None and not fence["language"] and fence["fence"].startswith(opened["fence"]):
            yield Piece("\n".join(code), code=True, language=opened["language"])
            opened = None
        else:
            code.append(line.removeprefix(opened["indent"]))
    if opened is not None:  # nobody closed it: the rest is code
        yield Piece("\n".join(code), code=True, language=opened["language"])
    yield from _prose(prose)


def _prose(lines: list[str]) -> Iterator[Piece]:
    text = "\n".join(lines).strip("\n")
    if text.strip():
        yield Piece(text)
