"""A run: awaited or iterated over, cancelled at any moment, with one budget for all that is nested in it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from autogen_like.core import sync
from autogen_like.core.conversation import Conversation, Turn
from autogen_like.core.errors import ConfigError
from autogen_like.core.events import (
    ConversationEnded,
    ConversationStarted,
    Event,
    EventsDropped,
    HumanAnswered,
    HumanRequested,
    MessageAdded,
    Notice,
    TextDelta,
    TurnStarted,
    UsageReported,
)
from autogen_like.core.limits import Limits
from autogen_like.core.message import Message, new_id
from autogen_like.core.run import Run, Subscription, current_run
from autogen_like.core.termination import MaxMessages, StopCondition, StopReason, Timeout
from autogen_like.core.usage import Usage

Speak = Callable[[Turn], Awaitable[Any]]


class Speaker:
    """Answers with what a function says; by default a new text at each turn, without waiting for anything."""

    def __init__(self, name: str, speak: Speak | None = None) -> None:
        self.name = name
        self.speak = speak

    async def reply(self, turn: Turn) -> Any:
        if self.speak is None:
            return Message(self.name, f"{self.name} {turn.index}")
        return await self.speak(turn)


class InTurn:
    def __init__(self, *speakers: Speaker) -> None:
        self.speakers = speakers
        self.asked = 0

    async def next(self, conversation: Conversation) -> Speaker:
        self.asked += 1
        return self.speakers[self.asked % len(self.speakers)]


def conversation(speak: Speak | None = None) -> Conversation:
    ada, bob = Speaker("ada", speak), Speaker("bob", speak)
    return Conversation((ada, bob), InTurn(ada, bob), lambda one: bob if one is ada else ada)


def chat(
    speak: Speak | None = None, stop: StopCondition | None = None, log: list[Conversation] | None = None, **options: Any
) -> Run[StopReason]:
    """A run of a conversation that begins with "Hello" and gives its stop reason."""
    held = conversation(speak)
    if log is not None:
        log.append(held)

    async def main(run: Run[StopReason]) -> StopReason:
        return await held.converse(run, Message("ada", "Hello"), stop=stop)

    return Run(main, **options)


async def forever(turn: Turn) -> Any:
    await asyncio.sleep(3600)


async def soon(condition: Callable[[], Any]) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


# --- results and events


async def test_awaiting_gives_the_result_each_time() -> None:
    run = chat(stop=MaxMessages(3))
    first = await run
    assert (first.kind, first.detail) == ("condition", "3 messages")
    assert await run is first


async def test_nothing_happens_before_it_is_awaited_or_iterated_over() -> None:
    began: list[int] = []

    async def main(run: Run[int]) -> int:
        began.append(1)
        return 1

    run = Run(main)
    await asyncio.sleep(0)
    assert began == []
    assert await run == 1
    assert began == [1]


async def test_iterating_gives_every_event_in_order_from_the_first() -> None:
    run = chat(stop=MaxMessages(3))
    events = [event async for event in run]
    assert [type(event) for event in events] == [
        ConversationStarted,
        MessageAdded,
        TurnStarted,
        MessageAdded,
        TurnStarted,
        MessageAdded,
        ConversationEnded,
    ]
    assert [event.message.text for event in events if isinstance(event, MessageAdded)] == ["Hello", "bob 0", "ada 1"]
    assert (await run).kind == "condition"


async def test_events_before_the_first_wait_are_not_missed() -> None:
    async def main(run: Run[None]) -> None:
        run.emit(Notice("c", text="at once"))

    assert [event.text async for event in Run(main)] == ["at once"]  # type: ignore[attr-defined]


async def test_events_come_while_the_run_goes_on() -> None:
    log: list[Conversation] = []
    run = chat(log=log)
    lengths = []
    async for event in run:
        if isinstance(event, MessageAdded):
            lengths.append(len(log[0].transcript))
        if len(lengths) == 50:
            break
    assert max(seen - index for index, seen in enumerate(lengths)) < 5


async def test_breaking_out_cancels_the_run() -> None:
    log: list[Conversation] = []
    run = chat(log=log)
    async for event in run:
        if isinstance(event, TurnStarted):
            break
    reason = await asyncio.wait_for(run, 20)
    assert (reason.kind, reason.detail) == ("cancelled", "its events were no longer read")
    said = len(log[0].transcript)
    await asyncio.sleep(0.01)
    assert len(log[0].transcript) == said


async def test_leaving_the_block_cancels_the_run() -> None:
    async with chat(forever) as run:
        pass
    assert (await run).kind == "cancelled"


async def test_what_the_run_raises_is_raised_to_who_awaits_and_who_iterates() -> None:
    async def main(run: Run[None]) -> None:
        raise ValueError("x")

    run = Run(main)
    with pytest.raises(ValueError, match="x"):
        async for _ in run:
            pass
    for _ in range(2):
        with pytest.raises(ValueError, match="x"):
            await run


async def test_a_started_run_can_be_awaited_by_many() -> None:
    run = chat(stop=MaxMessages(5)).start()
    assert len({id(reason) for reason in await asyncio.gather(run, run, run)}) == 1


async def test_a_run_that_is_awaited_elsewhere_says_how_to_share_it() -> None:
    run = chat(forever)
    first = asyncio.ensure_future(run._wait())
    await asyncio.sleep(0)
    with pytest.raises(ConfigError, match=r"run\.start\(\)"):
        await run
    run.cancel()
    assert (await first).kind == "cancelled"


async def test_a_finished_run_has_no_more_events() -> None:
    run = chat(stop=MaxMessages(2))
    await run
    assert [event async for event in run] == []


# --- cancellation


async def test_cancelling_leaves_what_was_said_and_the_reason() -> None:
    log: list[Conversation] = []
    run = chat(forever, log=log).start()
    await soon(lambda: log and len(log[0].transcript) == 1)
    run.cancel()
    assert (await run).kind == "cancelled"
    assert [message.text for message in log[0].transcript] == ["Hello"]
    run.cancel()
    assert run.stopped is not None
    assert run.stopped.detail == "run.cancel() was called"


@pytest.mark.parametrize("speak", [forever, None])
async def test_another_thread_may_cancel_and_the_callers_task_goes_on_unharmed(speak: Speak | None) -> None:
    run = chat(speak)
    threading.Timer(0.05, run.cancel).start()
    assert (await asyncio.wait_for(run, 20)).kind == "cancelled"
    run = chat(speak)
    threading.Timer(0.05, run.cancel).start()
    assert (await run).kind == "cancelled"  # inline, in this very task
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0.01)
    async with asyncio.timeout(20):
        await asyncio.sleep(0)


async def test_another_task_may_cancel() -> None:
    run = chat(forever)
    asyncio.get_running_loop().call_later(0.02, run.cancel)
    assert (await run).kind == "cancelled"


@pytest.mark.parametrize("speak", [forever, None])
@pytest.mark.parametrize("started", [True, False])
async def test_cancelled_before_it_starts_it_says_nothing_more(speak: Speak | None, started: bool) -> None:
    log: list[Conversation] = []
    run = chat(speak, log=log)
    run.cancel()
    if started:
        run.start()
    assert (await run).kind == "cancelled"
    assert len(log[0].transcript) <= 1
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0.01)


async def test_cancelled_right_after_the_start_its_readers_are_told() -> None:
    run = chat(forever).start()
    run.cancel()
    async with asyncio.timeout(20):
        kinds = [event.reason.kind async for event in run if isinstance(event, ConversationEnded) and event.reason]
    assert kinds == ["cancelled"]


async def test_a_task_that_is_cancelled_before_its_first_step_still_ends_the_stream() -> None:
    run = chat(forever)

    async def reader() -> list[Event]:
        return [event async for event in run]

    reading = asyncio.ensure_future(reader())
    await asyncio.sleep(0)  # the reader has subscribed and started the run, which has not had its first step
    assert run._task is not None
    run._task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(reading, 20)
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_a_participant_that_swallows_the_cancellation_gets_no_further_turn() -> None:
    async def stubborn(turn: Turn) -> Message:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return Message(turn.speaker.name, "I won't")
        raise AssertionError

    log: list[Conversation] = []
    run = chat(stubborn, log=log)
    asyncio.get_running_loop().call_later(0.02, run.cancel)
    async with asyncio.timeout(20):
        assert (await run).kind == "cancelled"
    assert [message.text for message in log[0].transcript] == ["Hello", "I won't"]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_the_callers_own_cancellation_comes_through() -> None:
    run = chat(forever)
    task = asyncio.ensure_future(run._wait())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_callers_timeout_is_not_swallowed_by_a_cancellation_at_the_same_moment() -> None:
    run = chat(forever)

    async def caller() -> None:
        await run

    task = asyncio.ensure_future(caller())
    await asyncio.sleep(0.01)
    run.cancel()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancelled_run_is_quiet_when_its_result_was_there_already() -> None:
    run = chat(stop=MaxMessages(2))
    await run
    run.cancel()
    await asyncio.sleep(0.01)
    assert run.stopped is None


# --- time


@pytest.mark.parametrize("speak", [forever, None])
async def test_time_ends_it_also_in_the_middle_of_a_reply(speak: Speak | None) -> None:
    assert (await chat(speak, Timeout(0.05))).kind == "timeout"
    assert (await chat(speak, limits=Limits(seconds=0.05))).kind == "timeout"
    assert (await chat(speak, MaxMessages(10**9) | Timeout(0.05))).kind == "timeout"


async def test_a_time_limit_that_was_not_reached_leaves_nothing_behind() -> None:
    assert (await chat(stop=MaxMessages(2) | Timeout(0.03), limits=Limits(seconds=0.03))).kind == "condition"
    await asyncio.sleep(0.06)


# --- listeners


async def test_a_listener_that_raises_is_dropped_and_the_run_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[Event] = []

    def broken(event: Event) -> None:
        calls.append(event)
        raise RuntimeError("broken")

    heard: list[Event] = []
    run = chat(stop=MaxMessages(3))
    run.subscribe(broken)
    run.subscribe(heard.append)
    assert (await run).kind == "condition"
    assert len(calls) == 1
    assert len(heard) == 7
    assert "a listener failed" in caplog.text


async def test_a_listener_may_take_itself_off_and_raise_all_the_same() -> None:
    run = chat(stop=MaxMessages(3))

    def broken(event: Event) -> None:
        unsubscribe()
        raise RuntimeError("broken")

    unsubscribe = run.subscribe(broken)
    assert (await run).kind == "condition"
    unsubscribe()


async def test_who_wants_no_deltas_gets_none_even_where_another_does() -> None:
    async def main(run: Run[None]) -> None:
        run.emit(TextDelta("c", "ada", "He"))
        run.emit(Notice("c"))

    run = Run(main)
    all_of_it: list[Event] = []
    whole: list[Event] = []
    run.subscribe(whole.append, deltas=False)
    assert not run.wants_deltas
    run.subscribe(all_of_it.append)
    assert run.wants_deltas
    await run
    assert [type(event) for event in whole] == [Notice]
    assert [type(event) for event in all_of_it] == [TextDelta, Notice]


async def test_a_slow_reader_misses_only_deltas_and_learns_how_many() -> None:
    queue = Subscription(size=3)
    for index in range(5):
        queue(Notice("c", text=str(index)))
    for _ in range(4):
        queue(TextDelta("c"))
    queue(Notice("c", text="last"))
    for _ in range(2):
        queue(TextDelta("c"))
    queue(None)
    seen = []
    while (event := await queue.get()) is not None:
        seen.append(event)
    assert [event.text for event in seen if isinstance(event, Notice)] == ["0", "1", "2", "3", "4", "last"]
    assert [event.count for event in seen if isinstance(event, EventsDropped)] == [4]
    assert not any(isinstance(event, TextDelta) for event in seen)


# --- nesting


async def test_what_is_nested_is_heard_and_counted_by_the_runs_around_it() -> None:
    heard: list[Event] = []

    async def nested(run: Run[None]) -> None:
        run.record_usage("eve", "m", Usage(10, 5, cost=1.0), conversation="c")
        await conversation().converse(run, Message("ada", "Hi"), stop=MaxMessages(3))

    async def outer(run: Run[None]) -> None:
        assert current_run.get() is run
        await asyncio.gather(*(Run(nested) for _ in range(3)))
        run.record_usage("ada", "m", Usage(1, 1))

    run = Run(outer)
    run.subscribe(heard.append)
    await run
    assert (run.turns, run.usage.total.total_tokens, run.usage.total.requests) == (6, 47, 4)
    assert {agent: ledger.total.total_tokens for agent, ledger in run.usage_by_agent.items()} == {"eve": 45, "ada": 2}
    assert sum(isinstance(event, UsageReported) for event in heard) == 4
    assert {event.parent for event in heard if isinstance(event, ConversationStarted)} == {run.id}
    assert current_run.get() is None


@pytest.mark.parametrize(
    ("limits", "detail"),
    [
        (Limits(turns=7), "7 of 7 turns taken"),
        (Limits(requests=7), "7 of 7 model requests made"),
        (Limits(tokens=70), "70 of 70 tokens used"),
        (Limits(cost=0.7), "$0.7000 of $0.7 spent"),
    ],
)
async def test_one_budget_holds_for_all_that_is_nested(limits: Limits, detail: str) -> None:
    async def costly(turn: Turn) -> Message:
        turn.run.record_usage(turn.speaker.name, "m", Usage(6, 4, cost=0.1))
        return Message(turn.speaker.name, f"{turn.index}")

    reasons: list[StopReason] = []

    async def outer(run: Run[None]) -> None:
        reasons.extend([await chat(costly, MaxMessages(4)) for _ in range(3)])
        reasons.extend(await asyncio.gather(*(chat(costly, MaxMessages(100)).start() for _ in range(3))))

    run = Run(outer, limits=limits)
    await run
    assert [reason.kind for reason in reasons] == ["condition", "condition", *["budget"] * 4]
    assert run.turns == 7
    assert str(reasons[-1]) == f"budget: {detail}"


async def test_parallel_branches_overshoot_a_budget_by_what_was_under_way_at_most() -> None:
    async def costly(turn: Turn) -> Message:
        await asyncio.sleep(0)
        turn.run.record_usage(turn.speaker.name, "m", Usage(10))
        return Message(turn.speaker.name, f"{turn.index}")

    async def outer(run: Run[list[StopReason]]) -> list[StopReason]:
        return await asyncio.gather(*(chat(costly).start() for _ in range(8)))

    run = Run(outer, limits=Limits(requests=20))
    assert {reason.kind for reason in await run} == {"budget"}
    assert 20 <= run.usage.total.requests < 28


async def test_a_nested_run_inherits_what_isnt_said_anew() -> None:
    deps = object()

    async def inner(run: Run[None]) -> None:
        assert run.deps is deps
        assert run.human == "events"
        assert run.limits is None

    async def outer(run: Run[None]) -> None:
        await Run(inner)

    await Run(outer, deps=deps, human="events", limits=Limits(turns=5))


async def test_cancelling_the_run_around_stops_what_is_nested_and_both_say_so() -> None:
    log: list[Conversation] = []
    ended: list[str] = []

    async def nested(turn: Turn) -> Any:
        await chat(forever, log=log)

    run = chat(nested)
    run.subscribe(lambda event: ended.append(event.conversation) if isinstance(event, ConversationEnded) else None)
    asyncio.get_running_loop().call_later(0.03, run.cancel)
    async with asyncio.timeout(20):
        assert (await run).kind == "cancelled"
    assert ended[0] == log[0].id
    assert len(ended) == 2


async def test_cancelling_a_nested_run_leaves_the_one_around_it_alone() -> None:
    async def outer(run: Run[str]) -> str:
        nested = chat(forever)
        asyncio.get_running_loop().call_later(0.02, nested.cancel)
        reason = await nested
        await asyncio.sleep(0.01)
        return reason.kind

    run = Run(outer)
    assert await run == "cancelled"
    assert run.stopped is None


async def test_a_chat_in_a_sync_tool_of_a_cancelled_async_chat_stops_at_its_next_turn() -> None:
    log: list[Conversation] = []
    done = threading.Event()

    async def converse() -> None:
        await chat(log=log)

    def tool() -> None:
        sync.run(converse())
        done.set()

    async def calls_it(turn: Turn) -> Any:
        await sync.in_worker(tool)

    run = chat(calls_it).start()
    await soon(lambda: log and len(log[0].transcript) > 10)
    run.cancel()
    assert (await run).kind == "cancelled"
    await soon(done.is_set)


async def test_listeners_hear_a_chat_on_another_loop_in_order_and_on_their_own() -> None:
    threads: set[int] = set()
    log: list[Conversation] = []

    async def converse() -> StopReason:
        return await chat(stop=MaxMessages(50), log=log)

    async def outer(run: Run[StopReason]) -> StopReason:
        return await sync.in_worker(lambda: sync.run(converse()))

    run = Run(outer)
    run.subscribe(lambda event: threads.add(threading.get_ident()))
    async with asyncio.timeout(20):
        heard = [event async for event in run]
    assert threads == {threading.get_ident()}
    assert [event.message for event in heard if isinstance(event, MessageAdded)] == list(log[0].transcript)
    assert isinstance(heard[-1], ConversationEnded)


# --- people


async def terminal(request: HumanRequested) -> str:
    return "from the terminal"


def asking(heard: list[Event] | None = None, **options: Any) -> Run[str]:
    async def main(run: Run[str]) -> str:
        return await run.ask(HumanRequested("c", new_id(), "ada", "Well?"), terminal)

    run = Run(main, **options)
    if heard is not None:
        run.subscribe(heard.append)
    return run


async def test_a_person_at_the_terminal_is_asked_by_default() -> None:
    heard: list[Event] = []
    run = asking(heard)
    assert await run == "from the terminal"
    request, answer = heard
    assert isinstance(request, HumanRequested)
    assert isinstance(answer, HumanAnswered)
    assert (request.prompt, answer.id, answer.text) == ("Well?", request.id, "from the terminal")
    assert run.pending() == ()


async def test_a_function_may_answer_for_people() -> None:
    async def answer(request: HumanRequested) -> str:
        return f"{request.agent}: yes"

    assert await asking(human=answer) == "ada: yes"


async def test_a_function_that_fails_fails_the_run() -> None:
    async def answer(request: HumanRequested) -> str:
        raise ValueError("nobody there")

    run = asking(human=answer)
    with pytest.raises(ValueError, match="nobody there"):
        await run
    assert run.pending() == ()


async def test_another_thread_may_answer_an_event() -> None:
    run = asking(human="events")
    async with asyncio.timeout(20):
        async for event in run:
            if isinstance(event, HumanRequested):
                threading.Timer(0.02, run.answer, (event.id, "later")).start()
    assert await run == "later"


async def test_the_first_answer_counts() -> None:
    run = asking(human="events").start()
    await soon(run.pending)
    (request,) = run.pending()
    run.answer(request, "first")
    run.answer(request, "second")
    assert await run == "first"


async def test_an_event_may_be_answered_before_the_function_does() -> None:
    cancelled: list[bool] = []

    async def slow(request: HumanRequested) -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return "never"

    run = asking(human=slow).start()
    await soon(run.pending)
    run.answer(run.pending()[0], "quick")
    assert await run == "quick"
    await soon(lambda: cancelled)


async def test_an_answer_to_nothing_names_what_waits() -> None:
    run = asking(human="events").start()
    await soon(run.pending)
    with pytest.raises(ConfigError, match=run.pending()[0]):
        run.answer("nonsense", "x")
    run.answer(run.pending()[0], "x")
    await run
    with pytest.raises(ConfigError, match="waits for an answer"):
        run.answer("nonsense", "x")


async def test_a_request_of_a_nested_run_is_answered_at_the_outermost() -> None:
    async def outer(run: Run[str]) -> str:
        return await asking()

    run = Run(outer, human="events").start()
    await soon(run.pending)
    run.answer(run.pending()[0], "from far away")
    assert await run == "from far away"


async def test_who_waits_for_a_person_can_be_cancelled() -> None:
    async def ask(turn: Turn) -> Any:
        return await turn.run.ask(HumanRequested("c", new_id(), "ada", "Well?"), terminal)

    run = chat(ask, human="events").start()
    await soon(run.pending)
    run.cancel()
    assert (await run).kind == "cancelled"
    assert run.pending() == ()


async def test_human_must_be_something_we_know() -> None:
    with pytest.raises(ConfigError, match="events"):
        asking(human="webpage")


# --- the sync face


def test_a_run_under_the_sync_face_can_be_cancelled_from_another_thread() -> None:
    runs: list[Run[StopReason]] = []

    async def main() -> StopReason:
        runs.append(chat())
        return await runs[0]

    def cancel() -> None:
        while not runs:
            time.sleep(0.001)
        runs[0].cancel()

    threading.Thread(target=cancel).start()
    assert sync.run(main()).kind == "cancelled"
