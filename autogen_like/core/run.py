"""A run: one thing that was started, with all that is nested in it, as a stream of events and a result."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Mapping, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Generic, NoReturn, TypeVar

from . import limits as budgets
from .errors import ConfigError, PersonNeeded
from .events import (
    PIECES,
    ApprovalRequested,
    Event,
    HumanAnswered,
    HumanRequested,
    Listener,
    UsageReported,
)
from .journal import Answered, Journal, ReplayJournal
from .limits import Limits
from .message import ToolResult, new_id
from .position import marked, position
from .protocols import fits
from .step_log import StepLog
from .steps import RunStep, Watcher, watch_all, watched, watchers_of
from .subscription import Subscription
from .termination import StopReason
from .usage import Usage, UsageLedger, combined

log = logging.getLogger("autogen_like")
watch_all(StepLog())  # costs a look at a level, for each run that isn't nested
_NOWHERE = contextlib.nullcontext()
T = TypeVar("T")
Ask = Callable[[HumanRequested], Coroutine[Any, Any, str]]

current_run: ContextVar[Run[Any] | None] = ContextVar("current_run", default=None)
"""The run that the calling code is part of: what is started there is nested in it."""


class Run(Generic[T]):
    """Something under way. Await it for its result, or iterate over it for its events; it starts at either.

    Args:
        main: What to do, given the run.
        limits: Budgets for it and all that is nested in it.
        human: Who answers when a person is asked: None for the terminal, "events" to wait for `answer`, "pause" to end
            the run with what it waits for, to be resumed later, or an async function of the `HumanRequested` event.
        journal: Where it is written before it is acted on.
        deps: Anything that tools and reply functions of this run should be able to reach.
        name: What it is called where runs are watched: whom it is addressed to, say.

    Example:
        A run is made by ``agent.run(...)``::

            run = agent.run(message="Hello")
            async for event in run:
                print(event)
            result = await run
    """

    def __init__(
        self,
        main: Callable[[Run[T]], Coroutine[Any, Any, T]],
        *,
        limits: Limits | None = None,
        human: Ask | str | None = None,
        journal: Journal | None = None,
        deps: object = None,
        name: str = "",
    ) -> None:
        if isinstance(human, str) and human not in ("events", "pause"):
            raise ConfigError(
                f'human must be None (the terminal), "events", "pause" or an async function, not {human!r}'
            )
        self.id = new_id()
        self.name = name
        self.usage = UsageLedger()
        self.usage_by_agent: dict[str, UsageLedger] = {}
        self.turns = 0
        self.human_input: list[str] = []
        self.answers: dict[str, str] = {}  # of people, by the request's id
        self.recovered: dict[tuple[str, int], ToolResult | None] = {}  # calls made before the process ended
        self.summed_up: Mapping[str, Any] | None = None  # a model's reply, made before the process ended
        self.tell_uncertain = False  # a model is told of calls that may have run; otherwise a person is asked
        self.key = ""
        parent = self.parent = current_run.get()
        self.limits = limits
        self.watchers: tuple[Watcher, ...] = watchers_of(parent)  # who wraps its steps
        if parent is not None:  # what isn't said anew holds for nested runs too
            human = human if human is not None else parent.human
            journal = journal if journal is not None else parent.journal
            deps = deps if deps is not None else parent.deps
            self.tell_uncertain = parent.tell_uncertain
            at = position.get()
            self.key = at.next() if at is not None else ""
        self.human: Ask | str | None = human
        self.journal: Journal | None = journal
        self.deps: object = deps
        self.stopped: StopReason | None = None
        self._main = main
        self._listeners: list[tuple[Listener, bool]] = []
        self._pending: dict[str, asyncio.Future[str]] = (
            {} if parent is None else parent._pending  # noqa: SLF001 - a run of our own kind
        )
        self._task: asyncio.Task[T] | None = None
        self._owner: asyncio.Task[Any] | None = None
        self._outcome: tuple[T | None, BaseException | None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._cancelling = 0  # cancellations of the owner that aren't ours
        self._interrupted = False  # the owner was cancelled by us
        self._noticed = False  # what is under way has taken the reason to stop

    # --- events

    @property
    def listening(self) -> bool:
        """Whether anybody listens; events need not be made where nobody does."""
        return bool(self._listeners) or (self.parent is not None and self.parent.listening)

    @property
    def listeners(self) -> Sequence[Listener]:
        """This run's own listeners."""
        return tuple(listener for listener, _ in self._listeners)

    @property
    def wants_deltas(self) -> bool:
        """Whether anybody wants replies in pieces."""
        return any(deltas for _, deltas in self._listeners) or (self.parent is not None and self.parent.wants_deltas)

    def subscribe(self, listener: Listener, *, deltas: bool = True) -> Callable[[], None]:
        """Adds a listener. It must be quick; one that raises is dropped, and the run goes on.

        Args:
            listener: Called with each event, on the run's loop.
            deltas: Whether it wants replies, and what code prints, in pieces.

        Returns:
            A function that takes it off again.
        """
        entry = (listener, deltas)
        self._listeners.append(entry)

        def unsubscribe() -> None:
            if entry in self._listeners:
                self._listeners.remove(entry)

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Tells every listener of this run and of the runs around it."""
        for entry in tuple(self._listeners):
            listener, deltas = entry
            if not deltas and isinstance(event, PIECES):
                continue
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed and gets no more events: %r", listener)
                if entry in self._listeners:  # it may have taken itself off
                    self._listeners.remove(entry)
        if self.parent is not None:
            self.parent.emit_from(self._loop, event)

    def emit_from(self, loop: asyncio.AbstractEventLoop | None, event: Event) -> None:
        """`emit` for a run on another loop: a sync chat inside a tool of an async chat runs beside it."""
        if loop is self._loop or loop is None or self._loop is None:
            self.emit(event)
            return
        with contextlib.suppress(RuntimeError):  # that loop was closed: nobody listens there any more
            self._loop.call_soon_threadsafe(self.emit, event)

    # --- where it is

    def at(self, place: str) -> contextlib.AbstractContextManager[None]:
        """Marks what is started inside as started at a place of this run, where a journal wants to know.

        Args:
            place: A name that is the same whenever the same program runs again.
        """
        return marked(f"{self.key}/{place}") if self.journal is not None else _NOWHERE

    def snapshot(self) -> dict[str, Any]:
        """What it has used up, as JSON."""
        by_agent = {agent: ledger.snapshot() for agent, ledger in self.usage_by_agent.items()}
        return {"turns": self.turns, "usage": self.usage.snapshot(), "usage_by_agent": by_agent}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state that `snapshot` gave. The runs around it were saved before it began, and count it now."""
        usage = UsageLedger.restored(state["usage"])
        by_agent = {name: UsageLedger.restored(raw) for name, raw in state["usage_by_agent"].items()}
        run: Run[Any] | None = self
        while run is not None:
            run.turns += state["turns"]
            run.usage.merge(usage)
            for name, ledger in by_agent.items():
                run.usage_by_agent.setdefault(name, UsageLedger()).merge(ledger)
            run = run.parent

    # --- budgets

    def over_budget(self) -> StopReason | None:
        """The limit that this run, or one around it, has reached."""
        reason = self.limits.exceeded(self) if self.limits is not None else None
        if reason is not None:
            return reason
        if self.parent is not None:
            return self.parent.over_budget()
        return budgets.process.exceeded() if budgets.process is not None else None

    def record_turn(self) -> None:
        """Counts a reply, here and in the runs around it."""
        self.turns += 1
        if self.parent is not None:
            self.parent.record_turn()
        elif budgets.process is not None:
            budgets.process.add_turn()

    def record_usage(
        self, agent: str, model: str, usage: Usage, *, cached: bool = False, conversation: str = ""
    ) -> None:
        """Counts a model request, here and in the runs around it, and tells listeners."""
        run: Run[Any] | None = self
        while run is not None:
            run.usage.add(model, usage, cached=cached)
            run.usage_by_agent.setdefault(agent, UsageLedger()).add(model, usage, cached=cached)
            run = run.parent
        if budgets.process is not None:
            budgets.process.add(model, usage, cached=cached)
        if self.listening:
            self.emit(UsageReported(conversation, agent, model, usage, cached))

    # --- people

    async def ask(self, request: HumanRequested, terminal: Ask) -> str:
        """Asks a person and waits for the answer, from whoever gives it first.

        Args:
            request: What to ask.
            terminal: How to ask at the terminal, which is done where the run has no other way.

        Raises:
            PersonNeeded: If the run pauses until the answer is there.
        """
        known = self.answers.get(request.id)
        if known is not None:  # given while the run was paused
            return known
        if self.journal is not None and fits(self.journal, ReplayJournal):
            return self.journal.answer(request.conversation, request.agent)
        if self.human == "pause":
            if self.listening:
                self.emit(request)
            self.pause((request,))
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._pending[request.id] = future
        if self.listening:
            self.emit(request)
        try:
            said: object = await self._answered(future, request, terminal)
        finally:
            del self._pending[request.id]
        text = "" if said is None else said
        if not isinstance(text, str):
            raise ConfigError(f"who answers for {request.agent} must give text, not {said!r}")
        self.answers[request.id] = text
        if self.journal is not None:
            approval = isinstance(request, ApprovalRequested)
            await self.journal.append(request.conversation, Answered(request.id, request.agent, text, approval))
        if self.listening:
            self.emit(HumanAnswered(request.conversation, request.id, request.agent, text))
        return text

    def pause(self, requests: Sequence[HumanRequested]) -> NoReturn:
        """Ends the run until a person has answered.

        Args:
            requests: What the person is asked.

        Raises:
            PersonNeeded: Always, for the conversation to catch.
            ConfigError: If it is nested in another run, whose state nobody could save in the middle of a turn.
        """
        if self.parent is not None:
            raise ConfigError(
                f"a nested chat can't pause for a person ({requests[0].prompt.strip()}): start the outermost run with "
                'human="events" or an async function that answers'
            )
        raise PersonNeeded(requests)

    def carry_on(self, before: Run[Any]) -> None:
        """Takes over what a paused run has used up and been told, so that budgets hold across the pause.

        Args:
            before: The run that paused.
        """
        self.usage = combined([before.usage])
        self.usage_by_agent = {agent: combined([ledger]) for agent, ledger in before.usage_by_agent.items()}
        self.turns = before.turns
        self.human_input = list(before.human_input)
        self.answers = dict(before.answers)

    async def _answered(self, future: asyncio.Future[str], request: HumanRequested, terminal: Ask) -> str:
        if self.human == "events":
            return await future
        ask = terminal if self.human is None or isinstance(self.human, str) else self.human
        asking = asyncio.ensure_future(ask(request))
        try:
            await asyncio.wait({asking, future}, return_when=asyncio.FIRST_COMPLETED)
            return future.result() if future.done() else asking.result()
        finally:
            if not asking.done():
                asking.cancel()

    def pending(self) -> Sequence[str]:
        """Ids of the requests to people that wait for an answer."""
        return tuple(self._pending)

    def answer(self, request_id: str, text: str) -> None:
        """Answers a `HumanRequested` event, from any thread.

        Raises:
            ConfigError: If no such request waits.
        """
        future = self._pending.get(request_id)
        if future is None:
            raise ConfigError(f"no request {request_id!r} waits for an answer; these do: {list(self._pending)}")

        def settle() -> None:
            if not future.done():  # the first answer counts
                future.set_result(text)

        future.get_loop().call_soon_threadsafe(settle)

    # --- life

    def start(self) -> Run[T]:
        """Starts it in the background of the running loop, if it hasn't started; `await` it later."""
        if self._task is None and self._owner is None and self._outcome is None:
            self._task = asyncio.get_running_loop().create_task(self._execute())
            self._task.add_done_callback(self._finished)
        return self

    def _finished(self, task: asyncio.Task[T]) -> None:
        if self._outcome is None:  # cancelled before its first step: nothing of it ever ran
            self._outcome = (None, asyncio.CancelledError())
            self._close_streams()

    def _close_streams(self) -> None:
        for listener, _ in self._listeners:
            if isinstance(listener, Subscription):
                listener(None)

    def cancel(self, reason: StopReason | None = None) -> None:
        """Stops it where it is, from any thread. Its result then holds what was said so far, and the reason."""
        if self._outcome is not None or self.stopped is not None:
            return
        self.stopped = reason or StopReason("cancelled", "run.cancel() was called")
        owner = self._task or self._owner
        if owner is not None:
            owner.get_loop().call_soon_threadsafe(self._interrupt)

    def _interrupt(self) -> None:
        """Cancels the task that it runs in: once, and only while the run lasts and hasn't noticed by itself.

        That task may be the caller's own, with other things to do afterwards.
        """
        if self._owner is None or self._outcome is not None or self._interrupted or self._noticed:
            return
        self._interrupted = True
        self._owner.cancel()

    def absorb_cancel(self) -> StopReason | None:
        """Called by what caught CancelledError: the reason, if it was this run that was cancelled, not its caller."""
        owner = self._owner
        if not self._interrupted or self._noticed or owner is None or owner is not asyncio.current_task():
            return None
        self._noticed = True
        others = owner.uncancel()
        return self.stopped if others <= self._cancelling else None

    def ending(self) -> StopReason | None:
        """The reason why it, or a run around it, was stopped; for what goes on for long without being interrupted.

        A cancellation may still be on its way, or may have been swallowed by somebody's ``except``.
        """
        if self.stopped is None:
            around = self.parent
            while around is not None and around.stopped is None:
                around = around.parent
            return around.stopped if around is not None else None
        if not self._noticed and self._owner is not None and self._owner is asyncio.current_task():
            self._noticed = True
            if self._interrupted:
                self._owner.uncancel()
        return self.stopped

    async def _execute(self) -> T:
        self._owner = asyncio.current_task()
        assert self._owner is not None  # noqa: S101 - coroutines run in tasks
        self._cancelling = self._owner.cancelling()
        self._loop = self._owner.get_loop()
        token = current_run.set(self)
        timer = self._start_timer()
        try:
            if self.stopped is not None:  # cancelled before it began: the first wait says so
                self._owner.get_loop().call_soon(self._interrupt)
            if not self.watchers:
                result = await self._main(self)
            else:
                with watched(RunStep(self)):
                    result = await self._main(self)
        except BaseException as error:
            self._outcome = (None, error)
            raise
        else:
            self._outcome = (result, None)
            return result
        finally:
            if timer is not None:
                timer.cancel()
            current_run.reset(token)
            self._close_streams()

    def _start_timer(self) -> asyncio.TimerHandle | None:
        if self.limits is None or self.limits.seconds is None:
            return None
        return self.stop_after(self.limits.seconds)

    def stop_after(self, seconds: float) -> asyncio.TimerHandle:
        """Cancels the run after a time, with the reason "timeout"; the handle takes that back."""
        reason = StopReason("timeout", f"{seconds} s are over")
        return asyncio.get_running_loop().call_later(seconds, self.cancel, reason)

    async def _wait(self) -> T:
        if self._outcome is None and self._task is None:
            if self._owner is not None:
                raise ConfigError("this run is already being awaited elsewhere; use run.start() to share it")
            return await self._execute()
        if self._outcome is None and self._task is not None:
            return await self._task
        assert self._outcome is not None  # noqa: S101 - for the type checker
        result, error = self._outcome
        if error is not None:
            if self._task is not None and self._task.done() and not self._task.cancelled():
                self._task.exception()  # told here, so that asyncio doesn't say that nobody asked
            raise error
        return result  # type: ignore[return-value]

    def __await__(self) -> Generator[Any, None, T]:
        return self._wait().__await__()

    async def __aiter__(self) -> AsyncIterator[Event]:
        if self._outcome is not None:
            return
        events = Subscription()
        unsubscribe = self.subscribe(events)
        self.start()
        try:
            while (event := await events.get()) is not None:
                yield event
            if self._task is not None:
                await asyncio.wait({self._task})
            await self._wait()  # raises what the run raised
        finally:
            unsubscribe()
            self.cancel(StopReason("cancelled", "its events were no longer read"))

    async def __aenter__(self) -> Run[T]:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel(StopReason("cancelled", "its block was left"))
        if self._task is not None:
            await asyncio.wait({self._task})
