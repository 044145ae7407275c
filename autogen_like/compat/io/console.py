"""``autogen.io.console``."""

from __future__ import annotations

import getpass
from typing import Any

from .base import IOStream


class IOConsole(IOStream):
    """The terminal.

    Example:
        >>> IOConsole().print("a", "b", sep="-")
        a-b
    """

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Prints."""
        print(*objects, sep=sep, end=end, flush=flush)  # noqa: T201 - what it is for

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Asks at the terminal."""
        return getpass.getpass(prompt or "Password: ") if password else input(prompt)
