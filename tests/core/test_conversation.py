"""The one loop: flat, written before it is shown, errors that name who failed, transcripts that stay valid."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from talking import HELLO, InTurn, Speaker, between, call, counting, cut_short, result, runs, scripted, texts, waits

from autogen_like.core.conversation import Conversation, Turn
from autogen_like.core.errors import AgentNameConflict, ConversationError, MissingExtra, TranscriptError
from autogen_like.core.events import ConversationEnded, MessageAdded, TurnStarted
from autogen_like.core.journal import Closed, Opened, Said
from autogen_like.core.message import Message
from autogen_like.core.termination import MaxMessages, StopCondition, StopReason, TextMention
from autogen_like.core.transcript import Transcript

# --- the loop


async def test_participants_answer_until_the_stop_rule_says_so() -> None:
    held = between(counting, counting)
    reason = await runs(held, HELLO, MaxMessages(4))
    assert str(reason) == "condition: 4 messages"
    assert texts(held) == ["Hello", "bob 0", "ada 1", "bob 2"]


async def test_who_has_nothing_to_say_ends_it() -> None:
    reason = await runs(between(counting, scripted("Hi")), HELLO)
    assert (reason.kind, reason.by) == ("no_reply", "bob")


async def test_a_participant_or_the_rule_may_give_the_reason() -> None:
    mine = StopReason("human_exit", "enough", "bob")
    assert await runs(between(counting, scripted(mine)), HELLO) is mine

    class Nobody:
        async def next(self, conversation: Conversation) -> StopReason:
            return StopReason("no_speaker")

    assert (await runs(Conversation((), Nobody(), lambda who: who), HELLO)).kind == "no_speaker"


async def test_it_can_go_on_later_with_checks_that_start_afresh() -> None:
    held, stop = between(counting, counting), MaxMessages(2)
    for _ in range(3):
        assert (await runs(held, HELLO, stop)).kind == "condition"
    assert texts(held) == ["Hello", "bob 0", "Hello", "ada 0", "Hello", "bob 0"]


async def test_names_must_differ() -> None:
    with pytest.raises(AgentNameConflict, match="ada"):
        Conversation((Speaker("ada", counting), Speaker("ada", counting)), InTurn(), lambda who: who)


async def test_a_turn_shows_the_conversation_as_its_speaker_sees_it() -> None:
    seen: list[Any] = []

    async def look(turn: Turn) -> Any:
        seen.append((turn.index, turn.sender.name, turn.last.text if turn.last else None, list(turn.messages)))
        turn.messages = [{"role": "user", "content": "edited", "context": {}}]
        seen.append((list(turn.messages), list(turn.wire)))

    held = between(counting, look)
    await runs(held, HELLO)
    assert seen[0] == (0, "ada", "Hello", [{"content": "Hello", "role": "user", "name": "ada"}])
    assert seen[1] == (
        [{"role": "user", "content": "edited", "context": {}}],
        [{"role": "user", "content": "edited"}],
    )
    assert texts(held) == ["Hello"]


async def test_the_conversation_knows_the_run_it_is_in() -> None:
    held = between(counting, counting)
    seen: list[tuple[Any, int]] = []

    async def look(turn: Turn) -> None:
        seen.append((held.active, held.began))

    await runs(held, HELLO, MaxMessages(2))
    held.participants[1].speak = held.participants[0].speak = look  # type: ignore[attr-defined]
    run = runs(held, HELLO)
    await run
    assert seen == [(run, 2)]
    assert held.active is None


def test_a_hundred_thousand_turns_use_no_more_stack_than_two() -> None:
    source = """
import asyncio, sys
from autogen_like.core.conversation import Conversation
from autogen_like.core.message import Message
from autogen_like.core.run import Run
from autogen_like.core.termination import MaxMessages

class One:
    name = "ada"
    async def reply(self, turn):
        return Message("ada", str(turn.index))

class Rule:
    async def next(self, conversation):
        return one

one = One()
held = Conversation((one,), Rule(), lambda who: one)
async def main(run):
    return await held.converse(run, stop=MaxMessages(100_000))
async def go():
    sys.setrecursionlimit(100)
    return await Run(main)
print(asyncio.run(go()), len(held.transcript), held.transcript[99_999].text)
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "condition: 100000 messages 100000 99999", done.stderr


class Counted(list[Message]):
    """A history that counts how often its messages are fetched and how often it is passed over."""

    fetched = 0
    passes = 0

    def __getitem__(self, index: Any) -> Any:
        self.fetched += 1
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[Message]:
        self.passes += 1
        return super().__iter__()


async def test_the_work_of_a_turn_does_not_grow_with_the_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []
    original = Message._rendering
    monkeypatch.setattr(Message, "_rendering", lambda self, role: rendered.append(role) or original(self, role))

    async def look(turn: Turn) -> Message:
        assert len(turn.messages) == len(turn.wire) == len(turn.transcript)
        return Message(turn.speaker.name, f"{turn.index}")

    work: list[tuple[int, int, int]] = []
    for length in (10, 1000):
        log = Transcript()
        log.messages = counted = Counted(Message("ada", str(index)) for index in range(length))
        held = between(look, look, log)
        await runs(held, HELLO, MaxMessages(3))  # both have looked at the past once
        rendered.clear()
        counted.fetched = counted.passes = 0
        await runs(held, Message("ada", "x"), MaxMessages(21), [])
        work.append((len(rendered), counted.fetched, counted.passes))
    assert work[0] == work[1]
    assert work[0][0] <= 2 * 21
    assert work[0][2] == 0


# --- write first, act second


class Recorder:
    """A journal that takes its time, and notes when it is done."""

    def __init__(self, order: list[str]) -> None:
        self.order = order
        self.records: list[tuple[str, Any]] = []

    async def append(self, conversation: str, record: Any) -> None:
        self.order.append("writing")
        await asyncio.sleep(0.001)
        self.order.append("written")
        self.records.append((conversation, record))


WRITE = ["writing", "written"]


def said(journal: Recorder) -> list[Message]:
    return [record.message for _, record in journal.records if isinstance(record, Said)]


async def test_a_message_is_written_before_anybody_hears_of_it_or_acts_on_it() -> None:
    order: list[str] = []

    async def speak(turn: Turn) -> Message:
        order.append("acting")
        return await counting(turn)

    journal = Recorder(order)
    held = between(speak, speak)
    run = runs(held, HELLO, MaxMessages(3), journal=journal)
    run.subscribe(lambda event: order.append("heard") if isinstance(event, MessageAdded) else None)
    await run
    assert order == [*WRITE, *WRITE, "heard", *["acting", *WRITE, "heard"] * 2, *WRITE]
    assert said(journal) == list(held.transcript)
    assert {conversation for conversation, _ in journal.records} == {held.id}
    assert [type(record) for _, record in journal.records] == [Opened, Said, Said, Said, Closed]
    assert journal.records[-1][1].reason == (await run)


async def test_what_could_not_be_written_is_not_said() -> None:
    class Full:
        async def append(self, conversation: str, record: Any) -> None:
            raise OSError("disk full")

    held, heard = between(counting, counting), []  # type: ignore[var-annotated]
    with pytest.raises(OSError, match="disk full"):
        await runs(held, HELLO, heard=heard, journal=Full())
    assert texts(held) == []
    assert not any(isinstance(event, MessageAdded) for event in heard)


async def test_the_results_that_close_calls_on_cancellation_are_written_and_heard_too() -> None:
    journal, heard = Recorder([]), []  # type: ignore[var-annotated]
    run = cut_short(held := between(counting, waits()), heard=heard, journal=journal)
    assert (await run).kind == "cancelled"
    assert said(journal) == list(held.transcript)
    assert [event.message for event in heard if isinstance(event, MessageAdded)] == list(held.transcript)


# --- errors


async def test_an_error_names_agent_backend_and_turn_and_holds_what_was_said() -> None:
    async def fail(turn: Turn) -> None:
        turn.backend = "model"
        raise KeyError("x")

    heard: list[Any] = []
    held = between(fail, counting)
    with pytest.raises(ConversationError, match=r"ada, backend 'model', turn 1: KeyError: 'x'") as caught:
        await runs(held, HELLO, heard=heard)
    error = caught.value
    assert (error.agent, error.backend, error.turn) == ("ada", "model", 1)
    assert error.transcript is held.transcript
    assert texts(held) == ["Hello", "bob 0"]
    assert isinstance(error.__cause__, KeyError)
    assert isinstance(heard[-1], ConversationEnded)
    assert heard[-1].reason is not None
    assert (heard[-1].reason.kind, heard[-1].reason.by) == ("error", "ada")
    assert held.active is None


async def test_an_error_of_the_rule_names_the_rule() -> None:
    class Broken:
        async def next(self, conversation: Conversation) -> Any:
            raise ValueError("nobody")

    with pytest.raises(ConversationError, match="who speaks next, backend 'Broken', turn 0: ValueError: nobody"):
        await runs(Conversation((), Broken(), lambda who: who), HELLO)


async def test_an_error_below_a_nested_chat_names_each_agent_on_the_way() -> None:
    async def nested(turn: Turn) -> Any:
        return await runs(between(counting, scripted(ZeroDivisionError())), HELLO)

    held = between(counting, nested)
    with pytest.raises(ConversationError) as caught:
        await runs(held, HELLO)
    assert caught.value.transcript is held.transcript
    assert isinstance(caught.value.__cause__, ConversationError)
    assert isinstance(caught.value.__cause__.__cause__, ZeroDivisionError)


async def test_errors_travel_between_processes_with_what_was_said() -> None:
    with pytest.raises(ConversationError) as caught:
        await runs(between(counting, scripted(ValueError("x"))), HELLO)
    error = pickle.loads(pickle.dumps(caught.value))
    assert type(error) is ConversationError
    assert (str(error), error.agent, error.turn) == (str(caught.value), "bob", 0)
    assert list(error.transcript) == [HELLO]
    missing = pickle.loads(pickle.dumps(MissingExtra("Reading a PDF", "pdf")))
    assert "pip install 'autogen_like[pdf]'" in str(missing)
    assert missing.extra == "pdf"


async def test_after_an_error_the_conversation_can_go_on() -> None:
    held = between(counting, scripted(ValueError("x"), "Better"))
    with pytest.raises(ConversationError):
        await runs(held, HELLO)
    held.rule.asked = 0  # type: ignore[attr-defined]
    assert (await runs(held, stop=MaxMessages(1))).kind == "condition"
    assert texts(held) == ["Hello", "Better"]


# --- many


async def test_two_hundred_conversations_at_once_do_not_mix() -> None:
    async def hold(number: int) -> Conversation:
        async def speak(turn: Turn) -> Message:
            await asyncio.sleep(0)
            assert turn.last is not None
            assert turn.last.text.startswith(f"{number}:")
            return Message(turn.speaker.name, f"{number}: {turn.index}")

        held = between(speak, speak)
        run = runs(held, Message("ada", f"{number}: begin"), MaxMessages(20) | TextMention(f"{number}: 15"))
        events = [event async for event in run]
        assert {event.conversation for event in events} == {held.id}
        assert sum(isinstance(event, TurnStarted) for event in events) == 16
        assert run.turns == 16
        return held

    for number, held in enumerate(await asyncio.gather(*(hold(number) for number in range(200)))):
        assert texts(held) == [f"{number}: begin", *(f"{number}: {index}" for index in range(16))]


async def test_a_conversation_that_waits_for_nothing_lets_others_go_on() -> None:
    ticks = 0

    async def ticking() -> AsyncIterator[None]:
        while True:
            await asyncio.sleep(0)
            yield

    async def tick() -> None:
        nonlocal ticks
        async for _ in ticking():
            ticks += 1

    ticker = asyncio.ensure_future(tick())
    await runs(between(counting, counting), HELLO, MaxMessages(5_000))  # tens of milliseconds on any machine
    assert ticks >= 3
    ticker.cancel()


async def test_two_calls_that_take_turns_without_getting_anywhere_end_it() -> None:
    asks = [call("ada", str(number), arguments=f"{number % 2}") for number in range(20)]
    answers = [result("bob", str(number), content=f"same {number % 2}") for number in range(20)]
    held = between(scripted(*asks[1:]), scripted(*answers))
    reason = await runs(held, asks[0])
    assert reason.kind == "repeated_call"
    assert len(held.transcript) == 12


async def test_calls_whose_results_change_go_on() -> None:
    asks = [call("ada", str(number), arguments=f"{number % 2}") for number in range(20)]
    answers = [result("bob", str(number), content=f"seen {number}") for number in range(20)]
    reason = await runs(between(scripted(*asks[1:]), scripted(*answers)), asks[0], MaxMessages(30))
    assert reason.kind == "condition"


async def test_a_result_that_answers_no_call_is_refused() -> None:
    held = between(scripted(), scripted(result("bob", "8")))
    with pytest.raises(TranscriptError, match="'8', which nobody has made"):
        await runs(held, call("ada", "7"))
    with pytest.raises(TranscriptError, match="'9', which nobody has made"):
        await runs(held, result("ada", "9"))


async def test_a_stop_condition_that_fails_is_named_with_what_was_said() -> None:
    class Broken(StopCondition):
        def begin(self) -> Any:
            return lambda progress: 1 / 0

    with pytest.raises(ConversationError, match=r"the stop condition.*ZeroDivisionError") as caught:
        await runs(between(counting, counting), HELLO, Broken())
    assert len(caught.value.transcript) == 1


async def test_a_cancellation_between_two_turns_closes_the_calls_too() -> None:
    held = between(counting, counting)
    run = runs(held, call("ada", "1"), heard=[])
    run.subscribe(lambda event: run.cancel() if isinstance(event, MessageAdded) else None)
    assert (await run).kind == "cancelled"
    assert held.transcript.open_calls() == ()
