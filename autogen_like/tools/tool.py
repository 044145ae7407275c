"""A Python function as a tool: its description for the model, and the call, from JSON text to text."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, overload

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from ..core.errors import ConfigError
from ..core.message import ToolCall, ToolResult
from ..core.sync import in_worker
from .context import context_for
from .failures import GRACE, error_text
from .schema import Validate, arguments_validator, tool_dict
from .signature import is_async, signature_of

MAX_RESULT_CHARS = 100_000
_SHOWN_ERRORS = 10
_abandoned: set[asyncio.Task[Any]] = set()  # asyncio holds tasks weakly; these must live on to end


class FunctionTool:
    """A function that a model may call.

    Arguments are checked and converted after the function's type hints; whatever a model can mend (bad JSON, a missing
    argument, an exception) comes back as a result that says so.

    Args:
        function: Sync or async. A sync one runs in a worker thread.
        name: What the model calls it; the function's own name by default.
        description: What it does; the first paragraph of the docstring by default.
        timeout: Seconds that a call may take. An async function is cancelled, a sync one is abandoned.
        repeatable: Whether it may simply be run again when it isn't known whether it ran (after a crash).
        inline: Whether a sync function is quick enough to be run on the event loop itself.
        max_result_chars: Longer results are cut in the middle, with a note; None for no limit.

    Raises:
        ConfigError: If the time-out isn't positive, or can't be kept because the function runs inline.

    Example:
        >>> def add(a: int, b: int = 2) -> int:
        ...     "Adds two numbers."
        ...     return a + b
        >>> FunctionTool(add).schema["function"]["name"]
        'add'
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float | None = None,
        repeatable: bool = False,
        inline: bool = False,
        max_result_chars: int | None = MAX_RESULT_CHARS,
    ) -> None:
        if not callable(function):
            raise ConfigError(f"a tool is made from a function, not from {function!r}")
        if timeout is not None and timeout <= 0:
            raise ConfigError(f"timeout must be a positive number of seconds or None, not {timeout!r}")
        self.is_async = is_async(function)
        if timeout is not None and inline and not self.is_async:
            raise ConfigError("a sync function that runs inline can't be timed out: drop inline=True or timeout")
        self.function = function
        self.timeout = timeout
        self.repeatable = repeatable
        self.inline = inline
        self.max_result_chars = max_result_chars
        self._signature = signature_of(function)
        self._context = self._signature.context
        self._name = name or self._signature.name
        self._description = description or self._signature.summary
        self._schema: Mapping[str, Any] | None = None
        self._validate: Validate | None = None

    def __repr__(self) -> str:
        return f"FunctionTool({self._name!r})"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # whatever the function takes and returns
        """Calls the function itself, as Python code does."""
        return self.function(*args, **kwargs)

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self._name

    @property
    def description(self) -> str:
        """What it does; empty where nothing says so, and then it has no schema."""
        return self._description

    @property
    def schema(self) -> Mapping[str, Any]:
        """The OpenAI tool dict, made once.

        Raises:
            ToolSchemaError: If the function can't be described; the message lists what stands in the way.
        """
        if self._schema is None:
            self._schema = tool_dict(self._signature, self._name, self._description)
        return self._schema

    async def call(self, call: ToolCall) -> ToolResult:
        """Runs the function with the arguments that a model wrote.

        Args:
            call: The call, its arguments unchecked JSON text; an empty text stands for no arguments.

        Returns:
            The result; with ``error=True`` and a content that begins with "Error: " when it failed.
        """
        validate = self._validate
        if validate is None:
            validate = self._validate = arguments_validator(self._signature)
        try:
            arguments = validate(call.arguments or "{}")
        except ValidationError as error:
            try:
                arguments = _mended(validate, call.arguments)
            except (ValidationError, ValueError):
                return ToolResult(call.id, call.name, _explain(self._name, call.arguments, error), error=True)
        if self._context is not None:
            arguments[self._context] = context_for(call)
        try:
            if self.timeout is None:
                value = await self._invoke(arguments)
            else:
                value = await _within(self.timeout, self._invoke(arguments))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return ToolResult(call.id, call.name, "Error: CancelledError: the tool cancelled itself", error=True)
        except _OutOfTime:
            return ToolResult(call.id, call.name, self._late(), error=True)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - what a tool does wrong is the model's to mend
            return ToolResult(call.id, call.name, self._cut(error_text(error)), error=True)
        if isinstance(value, ToolResult):
            return replace(value, call_id=call.id, name=call.name)
        return ToolResult(call.id, call.name, self._cut(result_text(value)), value=value)

    async def _invoke(self, arguments: dict[str, Any]) -> Any:
        if self.is_async:
            return await self.function(**arguments)
        if self.inline:
            value, error = _outcome(self.function, arguments)
        else:
            value, error = await in_worker(_outcome, self.function, arguments)
        if error is not None:
            raise error
        if inspect.isawaitable(value):
            return await value
        return value

    def _late(self) -> str:
        end = "cancelled" if self.is_async else "left running in the background; its result will not be read"
        return f"Error: {self._name} took longer than {self.timeout:g} s and was {end}."

    def _cut(self, text: str) -> str:
        limit = self.max_result_chars
        if limit is None or len(text) <= limit:
            return text
        head = limit * 4 // 5
        tail = limit - head
        note = f"\n[... {len(text) - limit} of {len(text)} characters left out here ...]\n"
        return text[:head] + note + (text[-tail:] if tail else "")


class _OutOfTime(Exception):
    """Our own time-out, apart from a TimeoutError of the tool's."""


def _outcome(function: Callable[..., Any], arguments: dict[str, Any]) -> tuple[Any, BaseException | None]:
    """What was raised is handed over as a value, since neither a future nor a coroutine can carry StopIteration."""
    try:
        return function(**arguments), None
    except StopIteration as error:
        return None, RuntimeError(f"the tool raised {error!r}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - raised again where the call is awaited
        return None, error


async def _within(seconds: float, work: Awaitable[Any]) -> Any:
    """Waits for a while; what doesn't end then, even when cancelled, is abandoned."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await _give_up(task)
        raise
    if not done:
        await _give_up(task)
        raise _OutOfTime
    return task.result()


async def _give_up(task: asyncio.Future[Any]) -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=GRACE)
    if not task.done() and isinstance(task, asyncio.Task):
        _abandoned.add(task)
        task.add_done_callback(_abandoned.discard)
    elif not task.cancelled():
        task.exception()  # looked at, so that asyncio doesn't warn


def _mended(validate: Validate, text: str) -> dict[str, Any]:
    """Arguments whose JSON is only nearly right: raw line breaks in strings, or null for no arguments.

    Raises:
        ValueError: If it isn't that, or what it says doesn't fit.
    """
    loaded = json.loads(text.strip() or "{}", strict=False)
    return validate(json.dumps({} if loaded is None else loaded))


def _explain(name: str, arguments: str, error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False)
    if problems[0]["type"] == "json_invalid":
        return f"Error: the arguments of {name} are not valid JSON: {problems[0]['msg']}. Got: {_short(arguments)}"
    said = []
    for problem in problems[:_SHOWN_ERRORS]:
        where = ".".join(str(step) for step in problem["loc"]) or "the arguments"
        if problem["type"] == "extra_forbidden":
            said.append(f"{where}: there is no such argument")
        elif problem["type"] == "missing":
            said.append(f"{where}: required, but not given")
        else:
            said.append(f"{where}: {problem['msg']} (got {_short(repr(problem['input']))})")
    if len(problems) > _SHOWN_ERRORS:
        said.append(f"and {len(problems) - _SHOWN_ERRORS} more")
    return f"Error: the arguments of {name} don't fit: {'; '.join(said)}"


def _short(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."


def result_text(value: object) -> str:
    """What a model reads of a tool's result: text as it is, anything else as JSON, and ``str()`` where that fails.

    Example:
        >>> result_text({"sum": 5}), result_text(None)
        ('{"sum": 5}', 'null')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    try:
        return json.dumps(value, ensure_ascii=False, default=_jsonable)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _jsonable(value: object) -> Any:
    return to_jsonable_python(value, fallback=str)


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    repeatable: bool = False,
    inline: bool = False,
    max_result_chars: int | None = MAX_RESULT_CHARS,
) -> Callable[[Callable[..., Any]], FunctionTool]: ...


def tool(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """A decorator that makes a tool of a function; it may still be called as before.

    Args:
        function: The function, when the decorator is used without parentheses.
        **options: As for `FunctionTool`.

    Raises:
        ToolSchemaError: If the function can't be described to a model.

    Example:
        >>> @tool
        ... def add(a: int, b: int) -> int:
        ...     "Adds two numbers."
        ...     return a + b
        >>> add(2, 3), add.name
        (5, 'add')
    """
    if function is None:
        return functools.partial(_described, options)
    return _described(options, function)


def _described(options: dict[str, Any], function: Callable[..., Any]) -> FunctionTool:
    made = FunctionTool(function, **options)
    _ = made.schema  # what can't be described fails here, where it is written
    made.__doc__ = function.__doc__
    return made
