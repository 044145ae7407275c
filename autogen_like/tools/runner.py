"""Runs the calls of one message, side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..core.events import ToolFinished, ToolStarted
from ..core.journal import Called, ReplayJournal
from ..core.message import ToolCall, ToolResult
from ..core.position import branch
from ..core.protocols import Tool, fits
from ..core.run import Run
from ..core.steps import ToolStep, watched
from ..core.transcript import Transcript
from .approval import UNCERTAIN, ApprovalRule, Approvals, Terminal, needs_approval
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
    state: Callable[[], Mapping[str, Any]] | None = None,
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
        state: The conversation's state, for the run's journal.

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
    last = transcript.last if transcript is not None else None
    batch = _Batch(run, conversation, speaker, last.id if last is not None else "", state)
    token = scope.set(Scope(run, conversation, speaker, transcript))
    try:
        meant = [_meant(tools.get(call.name, conversation), call) for call in calls]
        found, calls = [tool for tool, _ in meant], [call for _, call in meant]
        settled = await batch.settled(calls, found, policy, terminal)
        if len(calls) == 1:
            return (settled.get(0) or await batch.run_one(0, calls[0], found[0]),)
        tasks = [
            asyncio.create_task(batch.run_one(place, call, found[place]))
            for place, call in enumerate(calls)
            if place not in settled
        ]
        results = iter(await _all(tasks))
        return tuple(settled[place] if place in settled else next(results) for place in range(len(calls)))
    finally:
        scope.reset(token)


def _meant(tool: Tool | None, call: ToolCall) -> tuple[Tool | None, ToolCall]:
    """What is to run (see `StandIn`): whoever approves, keeps or watches a call is shown the tool that does it."""
    meant = getattr(tool, "meant", None)
    found: tuple[Tool, ToolCall] | None = meant(call) if meant is not None else None
    return found or (tool, call)


class _Batch:
    """The calls of one message.

    Args:
        run: The run that they are part of.
        conversation: The conversation's id.
        speaker: Name of the agent that runs them.
        message: Id of the message.
        state: The conversation's state, for the run's journal.
    """

    __slots__ = ("_conversation", "_message", "_run", "_speaker", "_state")

    def __init__(
        self,
        run: Run[Any] | None,
        conversation: str,
        speaker: str,
        message: str,
        state: Callable[[], Mapping[str, Any]] | None,
    ) -> None:
        self._run, self._conversation, self._speaker, self._message = run, conversation, speaker, message
        self._state = state

    async def settled(
        self,
        calls: Sequence[ToolCall],
        tools: Sequence[Tool | None],
        policy: ApprovalRule | None,
        terminal: Terminal | None,
    ) -> Mapping[int, ToolResult]:
        """Results of calls that won't run: they did before the process ended, or a person said no."""
        recovered = self._run.recovered if self._run is not None else {}
        done = self._replayed(len(calls))
        delicate: dict[int, ToolCall] = {}
        uncertain: set[int] = set()
        for place, tool in enumerate(tools):
            if place in done:
                continue
            key = (self._message, place)
            if key in recovered:
                result = recovered[key]
                if result is not None:
                    done[place] = result
                    continue
                if not getattr(tool, "repeatable", False):
                    uncertain.add(place)
                    continue
            if tool is not None and needs_approval(tool, calls[place], policy):
                delicate[place] = calls[place]
        if self._run is not None and self._run.tell_uncertain:
            for place in uncertain:
                done[place] = ToolResult(calls[place].id, calls[place].name, UNCERTAIN, error=True)
        else:
            delicate |= {place: calls[place] for place in uncertain}
        if delicate:
            asking = Approvals(self._run, self._conversation, self._speaker, self._message, terminal)
            done |= await asking.refused(delicate, uncertain)
        return done

    def _replayed(self, calls: int) -> dict[int, ToolResult]:
        """What came of the calls in the run that is being replayed."""
        journal = self._run.journal if self._run is not None else None
        if journal is None or not fits(journal, ReplayJournal):
            return {}
        results = {place: journal.result(self._conversation, self._message, place) for place in range(calls)}
        return {place: result for place, result in results.items() if result is not None}

    async def run_one(self, place: int, call: ToolCall, tool: Tool | None) -> ToolResult:
        """Runs one call; what it does is written before anybody hears of it."""
        run = self._run
        if run is None:
            return await _answer(tool, call)
        journal = run.journal if tool is not None else None  # what isn't there can't have run
        if journal is not None:
            await journal.append(self._conversation, Called(self._message, place, call))
        if run.listening:
            run.emit(ToolStarted(self._conversation, self._speaker, call))
        started = time.perf_counter()
        if journal is None:
            result = await _answer(tool, call)
        else:
            with branch(str(place)):
                result = await _answer(tool, call)
        seconds = time.perf_counter() - started
        if journal is not None:
            state = self._state() if self._state is not None else None
            await journal.append(self._conversation, Called(self._message, place, call, result, state))
        if run.listening:
            run.emit(ToolFinished(self._conversation, self._speaker, call, result, seconds))
        return result


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


async def _answer(tool: Tool | None, call: ToolCall) -> ToolResult:
    around = scope.get()
    if around is None or around.run is None or not around.run.watchers:
        return await _unwatched(tool, call)
    step = ToolStep(around.run, around.conversation, around.agent, call, tool)
    with watched(step):
        step.result = result = await _unwatched(tool, call)
    return result


async def _unwatched(tool: Tool | None, call: ToolCall) -> ToolResult:
    if tool is None:
        return ToolResult(call.id, call.name, f"Error: Function {call.name} not found.", True, error_type="not_found")
    try:
        result: object = await tool.call(call)
    except Exception as error:  # noqa: BLE001 - a tool of another make that doesn't keep the protocol's promise
        return ToolResult(call.id, call.name, error_text(error), True, error_type=type(error).__name__)
    if not isinstance(result, ToolResult):
        said = f"Error: {type(tool).__name__}.call gave {type(result).__name__}, not a ToolResult"
        return ToolResult(call.id, call.name, said, error=True)
    if result.call_id != call.id or result.name != call.name:
        return replace(result, call_id=call.id, name=call.name)
    return result
