"""Runs inside runs: one budget, one stream of events, one end."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from conversing import chat, conversation, forever, soon

from autogen_like.core import sync
from autogen_like.core.conversation import Conversation, Turn
from autogen_like.core.events import (
    ConversationEnded,
    ConversationStarted,
    Event,
    MessageAdded,
    UsageReported,
)
from autogen_like.core.limits import Limits
from autogen_like.core.message import Message
from autogen_like.core.run import Run, current_run
from autogen_like.core.termination import MaxMessages, StopReason
from autogen_like.core.usage import Usage


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
