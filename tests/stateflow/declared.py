"""Functions that flows in files name."""

from __future__ import annotations

import os  # noqa: F401 - what a file must not reach
from os import getcwd  # noqa: F401 - the same
from typing import Any


def look(query: str) -> str:
    "Looks something up."
    return f"found {query}"


def note(context: Any) -> None:
    context.data["noted"] = True


async def happy(context: Any) -> bool:
    return True


def part(context: Any) -> list[dict[str, str]]:
    return [{"role": "user", "content": context.task}]


def good(result: Any) -> bool:
    return "found" in result.content


def answer(context: Any) -> str:
    return f"answer to {context.task}"


def _private() -> None:
    raise AssertionError


class Thing:
    pass


table = {"a": 1}
