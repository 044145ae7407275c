"""Tool calls and their results in a conversation: never parted, whatever cuts it short."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from talking import HELLO, between, call, counting, cut_short, result, runs, scripted, texts, waits

from autogen_like.core import sync
from autogen_like.core.conversation import Turn
from autogen_like.core.events import Event, MessageAdded, Notice
from autogen_like.core.message import Message, ToolCall
from autogen_like.core.termination import MaxMessages, StopReason

# --- calls and results


async def test_calls_that_are_open_when_it_is_cancelled_get_a_result_that_says_so() -> None:
    held = between(counting, waits())
    await cut_short(held)
    last = held.transcript.messages[-1]
    assert [one.call_id for one in last.tool_results] == ["1", "2"]
    assert all(one.error for one in last.tool_results)
    assert last.tool_results[0].content.startswith("Not finished: the run was stopped (cancelled")
    held.transcript.check()


async def test_calls_are_closed_also_when_the_caller_is_cancelled() -> None:
    held = between(counting, waits())
    task = asyncio.ensure_future(runs(held, call())._wait())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert held.transcript.open_calls() == ()


async def test_calls_are_closed_even_when_the_journal_fails_meanwhile() -> None:
    class Fails:
        count = 0

        async def append(self, conversation: str, record: Any) -> None:
            self.count += 1
            if self.count > 1:
                raise OSError("gone")

    held = between(counting, waits())
    with pytest.raises(OSError, match="gone"):
        await cut_short(held, journal=Fails())
    assert held.transcript.open_calls() == ()


def test_ctrl_c_under_the_sync_face_closes_calls() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    async def press(turn: Turn) -> None:
        await sync.in_place(interrupt)

    held = between(counting, press)

    async def main() -> StopReason:
        return await runs(held, call())

    with pytest.raises(KeyboardInterrupt):
        sync.run(main())
    assert held.transcript.open_calls() == ()
    assert held.active is None


async def test_calls_are_closed_when_the_conversation_goes_on_without_them() -> None:
    heard: list[Event] = []
    held = between(counting, scripted("Never mind"))
    await runs(held, call("ada", "1"), MaxMessages(2), heard)
    assert [len(message.tool_results) for message in held.transcript] == [0, 1, 0]
    assert held.transcript[1].tool_results[0].content == "Not run: the conversation went on without it."
    assert [event.message for event in heard if isinstance(event, MessageAdded)] == list(held.transcript)
    held.transcript.check()


async def test_results_that_are_missing_are_added_to_those_that_came() -> None:
    held = between(counting, scripted(result("bob", "2")))
    await runs(held, call("ada", "1", "2", "3"), MaxMessages(2))
    assert [(one.call_id, one.error) for one in held.transcript[1].tool_results] == [
        ("2", False),
        ("1", True),
        ("3", True),
    ]
    held.transcript.check()


async def test_a_call_in_the_retired_form_is_closed_in_the_retired_form() -> None:
    held = between(counting, scripted("Never mind"))
    await runs(held, Message("ada", None, (ToolCall(None, "tool", "{}"),)), MaxMessages(2))
    assert [message["role"] for message in held.transcript.view("eve")] == ["assistant", "function", "user"]


# --- conversations that go nowhere


async def test_three_empty_replies_in_a_row_end_it() -> None:
    held = between(scripted("", "", ""), scripted("", "x", " \n"))
    reason = await runs(held, HELLO)
    assert (reason.kind, reason.detail) == ("empty_replies", "3 empty replies in a row")
    assert texts(held) == ["Hello", "", "", "x", "", " \n", ""]


async def test_an_image_is_not_an_empty_reply() -> None:
    from autogen_like.core.message import Image, Text

    async def show(turn: Turn) -> Message:
        return Message(turn.speaker.name, (Image("https://example.org/a.png"),))

    assert (await runs(between(show, show), HELLO, MaxMessages(10))).kind == "condition"

    async def blank(turn: Turn) -> Message:
        return Message(turn.speaker.name, (Text(""),))

    assert (await runs(between(blank, blank), HELLO, MaxMessages(10))).kind == "empty_replies"


async def test_the_same_call_with_the_same_result_three_times_ends_it() -> None:
    numbers = iter(range(100))

    async def calls(turn: Turn) -> Message:
        return call("ada", str(next(numbers)))

    async def answers(turn: Turn) -> Message:
        assert turn.last is not None
        return result("bob", *(str(one.id) for one in turn.last.tool_calls))

    held = between(calls, answers)
    reason = await runs(held, call("ada", "first"))
    assert (reason.kind, reason.detail) == ("repeated_call", "tool: the same call and result 3 times")
    assert len(held.transcript) == 6


@pytest.mark.parametrize("differs", ["arguments", "result"])
async def test_a_call_whose_arguments_or_result_differ_is_no_repetition(differs: str) -> None:
    async def calls(turn: Turn) -> Message:
        return call("ada", str(turn.index), arguments=str(turn.index) if differs == "arguments" else "{}")

    async def answers(turn: Turn) -> Message:
        assert turn.last is not None
        content = str(turn.index) if differs == "result" else "ok"
        return result("bob", *(str(one.id) for one in turn.last.tool_calls), content=content)

    assert (await runs(between(calls, answers), call("ada", "first"), MaxMessages(20))).kind == "condition"


async def test_the_same_text_again_is_pointed_out_and_ends_nothing() -> None:
    heard: list[Event] = []
    held = between(scripted("a", "b", "b"), scripted("same", "same", "other", "x"))
    await runs(held, HELLO, MaxMessages(7), heard)
    notices = [event for event in heard if isinstance(event, Notice)]
    assert [(event.agent, event.kind) for event in notices] == [("bob", "repeated_text"), ("ada", "repeated_text")]
    assert len(held.transcript) == 7
