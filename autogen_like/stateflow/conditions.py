"""When a transition is taken: conditions on the last output, on what was said, and on results of tools."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ..core.errors import ConfigError
from ..core.message import ToolResult
from .context import Context

Test: TypeAlias = "Callable[[Context], bool | Awaitable[bool]]"
MATCHED = 100_000  # characters of a message that patterns look at


class Condition(Protocol):
    """When a transition is taken."""

    async def holds(self, context: Context) -> bool:
        """Whether it is, here and now."""
        ...

    def __str__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Ended:
    """Whether the last output succeeded, or failed.

    Args:
        ok: Which of the two.
    """

    ok: bool

    async def holds(self, context: Context) -> bool:
        return context.last is not None and context.last.ok is self.ok

    def __str__(self) -> str:
        return "succeeded" if self.ok else "failed"


succeeded = Ended(ok=True)
"""The last output succeeded: a tool without an error, code that ended with 0, a chat or flow that came to its end."""

failed = Ended(ok=False)
"""The last output failed: a tool with an error, code that ended otherwise, a chat or flow that was cut off."""


@dataclass(frozen=True, slots=True)
class Says:
    """Whether the newest message says a text, in whatever case; as a word where it is one."""

    wanted: str

    async def holds(self, context: Context) -> bool:
        left, right = (r"(?<!\w)" if self.wanted[0].isalnum() else ""), (r"(?!\w)" if self.wanted[-1].isalnum() else "")
        return re.search(f"{left}{re.escape(self.wanted)}{right}", context.text, re.IGNORECASE) is not None

    def __str__(self) -> str:
        return f"says {self.wanted!r}"


@dataclass(frozen=True, slots=True)
class Matches:
    """Whether the newest message matches a pattern anywhere."""

    pattern: re.Pattern[str]

    async def holds(self, context: Context) -> bool:
        return self.pattern.search(context.text[:MATCHED]) is not None

    def __str__(self) -> str:
        return f"matches {self.pattern.pattern!r}"


@dataclass(frozen=True, slots=True)
class Returned:
    """Whether the newest result of a tool passes a test."""

    tool: str
    test: Callable[[ToolResult], Any] | None = None

    async def holds(self, context: Context) -> bool:
        result = context.result_of(self.tool)
        if result is None:
            return False
        return not result.error if self.test is None else bool(self.test(result))

    def __str__(self) -> str:
        return f"{self.tool} returned" + (f" {_name(self.test)}" if self.test is not None else "")


@dataclass(frozen=True, slots=True)
class Raised:
    """Whether an output raised one of these exceptions, or of their subclasses; any where none is named."""

    types: tuple[str, ...] = ()

    async def holds(self, context: Context) -> bool:
        error = context.position.failed
        return error is not None and (not self.types or any(name in error for name in self.types))

    def __str__(self) -> str:
        return f"raised {' or '.join(self.types) or 'an exception'}"


@dataclass(frozen=True, slots=True)
class Predicate:
    """A function of the context."""

    function: Test

    async def holds(self, context: Context) -> bool:
        answer = self.function(context)
        return bool(await answer if inspect.isawaitable(answer) else answer)

    def __str__(self) -> str:
        return _name(self.function)


def says(text: str) -> Says:
    """The newest message says a text, in whatever case: ``when=says("submit")``.

    Args:
        text: The text; a word isn't found inside another.

    Raises:
        ConfigError: If it is empty.
    """
    if not text.strip():
        raise ConfigError("says() needs a text to look for")
    return Says(text.strip())


def matches(pattern: str | re.Pattern[str]) -> Matches:
    """The newest message matches a regular expression anywhere.

    Args:
        pattern: The expression; it is tried on the first 100,000 characters.

    Raises:
        ConfigError: If it is none.
    """
    try:
        return Matches(re.compile(pattern))
    except re.error as error:
        raise ConfigError(f"{pattern!r} is no regular expression: {error}") from error


def returned(tool: str, test: Callable[[ToolResult], Any] | None = None) -> Returned:
    """The newest result of a tool passes a test; without one, it is no error.

    Args:
        tool: The tool's name.
        test: A function of the `ToolResult`.
    """
    return Returned(tool, test)


def raised(*types: type[Exception] | str) -> Raised:
    """An output of the state raised an exception: the error transition. Without one, the exception ends the run.

    Args:
        *types: The exceptions, as classes or by the names of their classes; all by default.
    """
    return Raised(tuple(one if isinstance(one, str) else one.__name__ for one in types))


def condition_of(when: Any) -> Condition:  # what users pass: a condition or a function
    """A condition as it is; a function made into one.

    Raises:
        ConfigError: If it is neither.
    """
    if hasattr(when, "holds"):
        return when  # type: ignore[no-any-return]
    if not callable(when):
        raise ConfigError(f"'when' must be a condition (succeeded, says(...), ...) or a function, not {when!r}")
    return Predicate(when)


def _name(function: object) -> str:
    name = str(getattr(function, "__name__", type(function).__name__))
    return "a function" if name == "<lambda>" else name
