"""A run: awaited or iterated over, cancelled at any moment."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest
from conversing import Speak, chat, forever, soon

from autogen_like.core.conversation import Conversation, Turn
from autogen_like.core.errors import ConfigError, ConversationError
from autogen_like.core.events import (
    ConversationEnded,
    ConversationStarted,
    Event,
    EventsDropped,
    MessageAdded,
    Notice,
    TextDelta,
    TurnStarted,
)
from autogen_like.core.limits import Limits
from autogen_like.core.message import Message
from autogen_like.core.run import Run, Subscription
from autogen_like.core.termination import MaxMessages, Timeout

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


async def test_a_run_that_fails_while_it_is_iterated_over_raises_and_is_told_by_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fails(turn: Turn) -> Any:
        raise ValueError("no")

    async def iterate() -> None:
        async for _ in chat(fails):
            pass

    with pytest.raises(ConversationError, match="no"):
        await iterate()
    gc.collect()  # asyncio tells of exceptions that nobody took when the task goes away
    assert caplog.records == []


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
