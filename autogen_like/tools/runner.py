"""Runs the calls of one message, side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..core.events import ToolFinished, ToolStarted
from ..core.message import ToolCall, ToolResult
from ..core.protocols import Tool
from ..core.run import Run
from ..core.transcript import Transcript
from .approval import ApprovalRule, Approvals, Terminal, needs_approval
from .context import Scope, scope
from .failures import GRACE, error_text
from .toolbox import ToolSource


async def run_calls(
    calls: Sequence[ToolCall],
    tools: ToolSource,
    *,
    run: Run[Any] | None = None,
    conversation: str = "",
    speaker: str = "",
    transcript: Transcript | None = None,
    policy: ApprovalRule | None = None,
    terminal: Terminal | None = None,
) -> tuple[ToolResult, ...]:
    """Runs the calls of one message side by side. One failing tool is one failing result.

    Each call is in the run's journal before it starts, and again with its result after it has ended. Where some need a
    person's yes, none runs before all are decided.

    Args:
        calls: What a model wants called.
        tools: Where the tools are looked up.
        run: The run that it is part of.
        conversation: The conversation's id.
        speaker: Name of the agent that runs them.
        transcript: What was said so far, for tools that ask for it.
        policy: Which calls need a person's yes, beside those whose tool says so itself.
        terminal: How the agent asks at the terminal.

    Returns:
        One result for each call, in the order of the calls.

    Raises:
        PersonNeeded: If a call needs approval, nobody is at hand, and the run can pause.

    Example:
        >>> from autogen_like.core.sync import run
        >>> from autogen_like import Toolbox
        >>> def add(a: int, b: int) -> int:
        ...     "Adds two numbers."
        ...     return a + b
        >>> call = ToolCall("1", "add", '{"a": 2, "b": 3}')
        >>> run(run_calls([call], Toolbox([add])))[0].content
        '5'
    """
    token = scope.set(Scope(run, conversation, speaker, transcript))
    try:
        found = [tools.get(call.name, conversation) for call in calls]
        refused: Mapping[int, ToolResult] = {}
        delicate = _delicate(calls, found, policy)
        if delicate:
            last = transcript.last if transcript is not None else None
            asking = Approvals(run, conversation, speaker, last.id if last is not None else "", terminal)
            refused = await asking.refused(delicate)
        if len(calls) == 1:
            return (refused.get(0) or await _run_one(calls[0], found[0], run, conversation, speaker),)
        tasks = [
            asyncio.create_task(_run_one(call, found[place], run, conversation, speaker))
            for place, call in enumerate(calls)
            if place not in refused
        ]
        results = iter(await _all(tasks))
        return tuple(refused[place] if place in refused else next(results) for place in range(len(calls)))
    finally:
        scope.reset(token)


def _delicate(
    calls: Sequence[ToolCall], tools: Sequence[Tool | None], policy: ApprovalRule | None
) -> dict[int, ToolCall]:
    """The calls that need a person's yes, by their place in the message."""
    return {
        place: calls[place]
        for place, tool in enumerate(tools)
        if tool is not None and needs_approval(tool, calls[place], policy)
    }


async def _all(tasks: Sequence[asyncio.Task[ToolResult]]) -> tuple[ToolResult, ...]:
    if not tasks:
        return ()
    try:
        return tuple(await asyncio.gather(*tasks))
    except BaseException:  # cancelled, or the journal failed: what still runs is stopped before that goes on
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=GRACE)
        raise


async def _run_one(
    call: ToolCall, tool: Tool | None, run: Run[Any] | None, conversation: str, speaker: str
) -> ToolResult:
    journal = run.journal if run is not None and tool is not None else None  # what isn't there can't have run
    if journal is not None:
        await journal.append(conversation, (call, None))
    if run is None or not run.listening:
        result = await _answer(tool, call)
        if journal is not None:
            await journal.append(conversation, (call, result))
        return result
    run.emit(ToolStarted(conversation, speaker, call))
    started = time.perf_counter()
    result = await _answer(tool, call)
    seconds = time.perf_counter() - started
    if journal is not None:
        await journal.append(conversation, (call, result))
    run.emit(ToolFinished(conversation, speaker, call, result, seconds))
    return result


async def _answer(tool: Tool | None, call: ToolCall) -> ToolResult:
    if tool is None:
        return ToolResult(call.id, call.name, f"Error: Function {call.name} not found.", error=True)
    try:
        result: object = await tool.call(call)
    except Exception as error:  # noqa: BLE001 - a tool of another make that doesn't keep the protocol's promise
        return ToolResult(call.id, call.name, error_text(error), error=True)
    if not isinstance(result, ToolResult):
        said = f"Error: {type(tool).__name__}.call gave {type(result).__name__}, not a ToolResult"
        return ToolResult(call.id, call.name, said, error=True)
    if result.call_id != call.id or result.name != call.name:
        return replace(result, call_id=call.id, name=call.name)
    return result
