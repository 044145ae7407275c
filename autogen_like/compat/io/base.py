"""``autogen.io.base``: where agents print to and ask, instead of the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class OutputStream(Protocol):
    """Something to print to."""

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Prints, as the built-in function does."""
        ...


@runtime_checkable
class InputStream(Protocol):
    """Somebody to ask."""

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Asks, as the built-in function does; what is typed isn't shown where it is a password."""
        ...


@runtime_checkable
class IOStream(InputStream, OutputStream, Protocol):
    """Both. What agents print goes to the default stream of where the chat was started, and people are asked there.

    Example:
        >>> from autogen_like.compat.io import IOConsole
        >>> with IOStream.set_default(IOConsole()):
        ...     IOStream.get_default().print("Hello")
        Hello
    """

    @staticmethod
    def set_global_default(stream: IOStream) -> None:
        """Sets the stream of everybody who has set none."""
        _Global.stream = stream

    @staticmethod
    def get_global_default() -> IOStream:
        """The stream of everybody who has set none: the console, unless it was set."""
        from .console import IOConsole

        if _Global.stream is None:
            _Global.stream = IOConsole()
        return _Global.stream

    @staticmethod
    def get_default() -> IOStream:
        """The stream of this thread or task."""
        return _default.get() or IOStream.get_global_default()

    @staticmethod
    @contextmanager
    def set_default(stream: IOStream | None) -> Iterator[None]:
        """Sets the stream of this thread or task, as long as the block lasts."""
        token = _default.set(stream)
        try:
            yield
        finally:
            _default.reset(token)


class _Global:
    stream: IOStream | None = None


_default: ContextVar[IOStream | None] = ContextVar("default_iostream", default=None)


class StreamFile:
    """A stream as a file to print to, for `ConsolePrinter`.

    Args:
        stream: The stream.
    """

    encoding = "utf-8"

    def __init__(self, stream: OutputStream) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Prints a text, and no line end after it."""
        self._stream.print(text, end="", flush=True)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """No terminal: no colours."""
        return False
