"""One attempt at a call: the function is called where it belongs, waited for, and given up when its time is over."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Generator
from contextlib import aclosing
from typing import Any, TypeAlias

from ..core.message import File, Image, ToolResult
from ..core.sync import in_worker
from .context import ToolContext
from .failures import GRACE
from .signature import Signature

Invoke: TypeAlias = Callable[[dict[str, Any], ToolContext[Any] | None], Awaitable[Any]]
"""Calls a function with arguments; a generator is told the context, for what it yields."""

_abandoned: set[asyncio.Future[Any]] = set()  # asyncio holds tasks weakly; these must live on to end


class OutOfTime(TimeoutError):
    """Our own time-out, apart from a TimeoutError of the tool's."""


def invoker(function: Callable[..., Any], signature: Signature, *, inline: bool) -> Invoke:
    """How a function is called: on the loop where it is async or inline, on a worker thread otherwise.

    What a generator yields is progress, told at once, and the last of it is the result.

    Args:
        function: The function.
        signature: What it takes, and of what kind it is.
        inline: Whether a sync one is called on the loop.
    """
    drained = signature.is_generator
    if signature.is_async:
        if drained:
            return lambda arguments, context: _last_of(function(**arguments), context)
        return lambda arguments, _: function(**arguments)

    def call(arguments: dict[str, Any], context: ToolContext[Any] | None) -> tuple[Any, BaseException | None]:
        """What it gave, or raised: neither a future nor a coroutine can carry StopIteration."""
        try:
            value = function(**arguments)
            return (_exhaust(value, context) if drained else value), None
        except StopIteration as error:
            return None, RuntimeError(f"the tool raised {error!r}")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - raised again where the call is awaited
            return None, error

    async def invoke(arguments: dict[str, Any], context: ToolContext[Any] | None) -> Any:
        value, error = call(arguments, context) if inline else await in_worker(call, arguments, context)
        if error is not None:
            raise error
        return await value if inspect.isawaitable(value) else value

    return invoke


def _exhaust(generator: Generator[Any, Any, Any], context: ToolContext[Any] | None) -> Any:
    last = None
    for last in generator:
        _tell(last, context)
        if context is not None and context.cancelled:
            generator.close()
            break
    return last


async def _last_of(generator: Any, context: ToolContext[Any] | None) -> Any:
    last = None
    async with aclosing(generator):
        async for last in generator:
            _tell(last, context)
    return last


def _tell(item: object, context: ToolContext[Any] | None) -> None:
    if context is not None and not isinstance(item, Image | File | ToolResult):
        context.progress(item)


async def within(seconds: float, work: Awaitable[Any]) -> Any:
    """Waits for a while; what doesn't end then, even when cancelled, is abandoned.

    Args:
        seconds: How long.
        work: What to wait for.

    Raises:
        OutOfTime: If it took longer.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await _give_up(task)
        raise
    if not done:
        await _give_up(task)
        raise OutOfTime
    return task.result()


async def _give_up(task: asyncio.Future[Any]) -> None:
    task.cancel()
    _abandoned.add(task)
    task.add_done_callback(_forget)
    await asyncio.wait({task}, timeout=GRACE)


def _forget(task: asyncio.Future[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, so that asyncio doesn't warn
