"""A Python function as a tool: its description for the model, and the call, from JSON text to text."""

from __future__ import annotations

import asyncio
import copy
import functools
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, overload

from pydantic import ValidationError

from ..core.errors import ConfigError
from ..core.events import Notice
from ..core.message import ToolCall, ToolResult
from .approval import ApprovalRule
from .arguments import explain, read_arguments
from .attempt import OutOfTime, invoker, within
from .context import ToolContext, context_for, give_up
from .failures import error_text
from .results import failure, result_of
from .schema import tool_dict
from .signature import signature_of

MAX_RESULT_CHARS = 100_000
RETRY_ON: tuple[type[Exception], ...] = (ConnectionError, TimeoutError)
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds before the first and before a late retry


class FunctionTool:
    """A function that a model may call.

    Arguments are checked and converted after the function's type hints; whatever a model can mend (bad JSON, a missing
    argument, an exception) comes back as a result that says so.

    Args:
        function: Sync or async, or a generator of progress whose last item is the result. A sync one runs in a worker
            thread.
        name: What the model calls it; the function's own name by default.
        description: What it does; the first paragraph of the docstring by default.
        timeout: Seconds that one attempt may take. An async function is cancelled, a sync one is abandoned.
        repeatable: Whether it may simply be run again when it failed, or when it isn't known whether it ran.
        retries: How many times a repeatable tool is tried again after an exception that may pass.
        retry_on: Which exceptions may pass. A time-out is a `TimeoutError`; a sync function is never started again
            beside one that was abandoned.
        inline: Whether a sync function is quick enough to be run on the event loop itself.
        strict: Whether models that enforce schemas are to enforce this one.
        max_result_chars: Longer results are cut in the middle, with a note; None for no limit.
        approval: Whether a person must say yes before each call: True, False, or a function of the tool and the call.
        tags: What kind of tool it is, for policies over tools.

    Raises:
        ConfigError: If a setting is wrong, or contradicts another.

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
        retries: int = 0,
        retry_on: tuple[type[Exception], ...] = RETRY_ON,
        inline: bool = False,
        strict: bool = False,
        max_result_chars: int | None = MAX_RESULT_CHARS,
        approval: ApprovalRule = False,
        tags: Iterable[str] = (),
    ) -> None:
        if not callable(function):
            raise ConfigError(f"a tool is made from a function, not from {function!r}")
        _check_limits(timeout, max_result_chars)
        _check_retries(retries, retry_on, repeatable=repeatable)
        if isinstance(tags, str):
            raise ConfigError(f"tags must be a list or tuple of tags, not the string {tags!r}")
        self._signature = signature_of(function)
        self.is_async = self._signature.is_async
        if timeout is not None and inline and not self.is_async:
            raise ConfigError("a sync function that runs inline can't be timed out: drop inline=True or timeout")
        self.function = function
        self.timeout = timeout
        self.repeatable = repeatable
        self.retries = retries
        self.retry_on = retry_on
        self.inline = inline
        self.strict = strict
        self.max_result_chars = max_result_chars
        self.approval = approval
        self.tags = tuple(tags)
        self._invoke = invoker(function, self._signature, inline=inline)
        self._wants_context = self._signature.context is not None or self._signature.is_generator
        self._name = name or self._signature.name
        self._description = description or self._signature.summary
        self._schema: Mapping[str, Any] | None = None

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
            self._schema = tool_dict(self._signature, self._name, self._description, strict=self.strict)
        return self._schema

    def renamed(self, name: str | None = None, description: str | None = None) -> FunctionTool:
        """The same tool under another name, or with another description; itself where neither is another.

        Args:
            name: What the model calls it; None for the name that it has.
            description: What it does; None for the description that it has.
        """
        if (name or self._name, description or self._description) == (self._name, self._description):
            return self
        other = copy.copy(self)
        vars(other).update(_name=name or self._name, _description=description or self._description, _schema=None)
        return other

    def arguments(self, call: ToolCall) -> dict[str, Any]:
        """The arguments that a call gives the function, checked and converted.

        Args:
            call: The call.

        Raises:
            ValueError: If they don't fit; pydantic's ValidationError is one.
        """
        return read_arguments(self._signature, call.arguments)

    async def call(self, call: ToolCall) -> ToolResult:
        """Runs the function with the arguments that a model wrote.

        Args:
            call: The call, its arguments unchecked JSON text; an empty text stands for no arguments.

        Returns:
            The result; with ``error=True`` and a content that begins with "Error: " when it failed.
        """
        try:
            arguments = read_arguments(self._signature, call.arguments)
        except ValidationError as error:
            return self._failure(call, explain(self._name, call.arguments, error), "invalid_arguments")
        try:
            value = await (self._attempt(call, arguments) if not self.retries else self._attempts(call, arguments))
            return result_of(call, value, self.max_result_chars)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                self._tell_abandoned(call)
                raise
            return self._failure(call, "Error: CancelledError: the tool cancelled itself", "CancelledError")
        except OutOfTime as error:
            return self._failure(call, f"Error: {error}", "timeout")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - what a tool does wrong is the model's to mend
            tries = f" (tried {self.retries + 1} times)" if self.retries and isinstance(error, self.retry_on) else ""
            return self._failure(call, error_text(error) + tries, type(error).__name__)

    def _failure(self, call: ToolCall, text: str, error_type: str) -> ToolResult:
        return failure(call, text, self.max_result_chars, error_type)

    async def _attempts(self, call: ToolCall, arguments: dict[str, Any]) -> Any:
        for retry in range(self.retries):
            try:
                return await self._attempt(call, arguments)
            except self.retry_on as error:
                if isinstance(error, OutOfTime) and not self.is_async:
                    raise
                wait = min(LONGEST_WAIT, FIRST_WAIT * 2**retry) * random.uniform(0.5, 1)  # noqa: S311 - no secret
                failed = error_text(error).removeprefix("Error: ")[:200]
                context_for(call).progress(f"failed ({failed}); retry {retry + 1} of {self.retries} in {wait:.1f} s")
            await asyncio.sleep(wait)
            arguments = read_arguments(self._signature, call.arguments)  # it may have changed what it was given
        return await self._attempt(call, arguments)

    async def _attempt(self, call: ToolCall, arguments: dict[str, Any]) -> Any:
        context: ToolContext[Any] | None = None
        if self._wants_context:
            context = context_for(call)
            if self._signature.context is not None:
                arguments[self._signature.context] = context
        work = self._invoke(arguments, context)
        try:
            return await (work if self.timeout is None else within(self.timeout, work))
        except (OutOfTime, asyncio.CancelledError) as error:
            if context is not None:
                give_up(context)
            if not isinstance(error, OutOfTime):
                raise
            end = "cancelled" if self.is_async else "left running in the background; its result will not be read"
            raise OutOfTime(f"{self._name} took longer than {self.timeout:g} s and was {end}.") from None

    def _tell_abandoned(self, call: ToolCall) -> None:
        context = context_for(call)
        if self.is_async or self.inline or context.run is None or not context.run.listening:
            return
        text = f"{self._name} runs in a thread, which can't be stopped: it was left running in the background"
        context.run.emit(Notice(context.conversation, context.agent, text, "warning"))


def _check_limits(timeout: float | None, max_result_chars: int | None) -> None:
    if timeout is not None and timeout <= 0:
        raise ConfigError(f"timeout must be a positive number of seconds or None, not {timeout!r}")
    if max_result_chars is not None and max_result_chars < 1:
        raise ConfigError(f"max_result_chars must be a positive number or None, not {max_result_chars!r}")


def _check_retries(retries: int, retry_on: tuple[type[Exception], ...], *, repeatable: bool) -> None:
    if retries < 0:
        raise ConfigError(f"retries must be at least 0, not {retries!r}")
    if retries and not repeatable:
        raise ConfigError("only a tool that may be run twice can be retried: pass repeatable=True, or drop retries")
    kinds: object = retry_on  # people pass a single class, or names
    if not (
        isinstance(kinds, tuple) and kinds and all(isinstance(k, type) and issubclass(k, Exception) for k in kinds)
    ):
        raise ConfigError(f"retry_on must be a tuple of exception classes, not {retry_on!r}")


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
    approval: ApprovalRule = False,
    tags: Iterable[str] = (),
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
