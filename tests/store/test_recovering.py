"""What was written is found again, as it was: on both databases, by another store."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_like.core import sync
from autogen_like.core.errors import ConfigError
from autogen_like.core.journal import Answered, Called, Closed, JournalStore, Opened, Record, RunJournal, Said
from autogen_like.core.message import Image, Message, Text, ToolCall, ToolResult
from autogen_like.core.termination import StopReason
from autogen_like.store import Store
from autogen_like.testing import check_journal

from .records import ENDED, OPENED, Model, call, calling, said, state, texts

KEYS = ["", "/1/1", "/1/2"]
CONVERSATIONS = ["c1", "c2"]
some_text = st.text(max_size=6)
some_state = st.dictionaries(some_text, st.none() | st.integers() | some_text | st.floats(allow_nan=False), max_size=2)
parts = st.one_of(st.builds(Text, some_text), st.builds(Image, some_text))
ids = st.none() | some_text
tool_calls = st.builds(ToolCall, ids, some_text, some_text)
tool_results = st.builds(
    ToolResult, ids, some_text, some_text, st.booleans(), parts=st.lists(parts, max_size=1).map(tuple)
)
messages = st.builds(
    Message,
    some_text,
    st.none() | some_text | st.lists(parts, min_size=1, max_size=2).map(tuple),
    st.lists(tool_calls, max_size=2).map(tuple),
    st.lists(tool_results, max_size=2).map(tuple),
    st.none() | st.just("system"),
    st.none() | st.dictionaries(some_text, some_text, min_size=1, max_size=2),
)
records = st.one_of(
    st.builds(
        Opened,
        st.sampled_from(KEYS),
        st.lists(some_text, max_size=2).map(tuple),
        some_state,
        st.lists(messages, max_size=3).map(tuple),
    ),
    st.builds(Said, messages, some_state),
    st.builds(Called, st.sampled_from(["m1", "m2"]), st.integers(0, 2), tool_calls, st.none() | tool_results),
    st.builds(Answered, some_text, some_text, some_text, st.booleans()),
    st.builds(Closed, st.builds(StopReason, st.sampled_from(["paused", "max_turns"]), some_text), some_state),
)
histories = st.lists(st.tuples(st.sampled_from(CONVERSATIONS), records), max_size=30)


def test_what_is_recovered_is_what_a_list_in_python_would_give(url: str) -> None:
    with Store(url) as first, Store(url) as second:

        async def goes_on_elsewhere(history: Any, handover: int) -> None:
            model = Model()
            run = await first.begin()
            for number, (conversation, record) in enumerate(history):
                if number == handover:
                    await run.release()
                    run = await second.resume(run.id)
                await run.append(conversation, record)
                model.append(conversation, record)
            for key in KEYS:
                assert await run.recover(key) == model.recovered(key)
            written = [(entry.conversation, entry.record) async for entry in second.records(run.id)]
            assert written == [(where, _as_written(record)) for where, record in model.written]
            await run.release()

        @settings(deadline=None, max_examples=60)
        @given(histories, st.integers(0, 30))
        def check(history: Any, handover: int) -> None:
            asyncio.run(goes_on_elsewhere(history, handover))

        check()


def _as_written(record: Record) -> Record:
    """What was said before stands by itself."""
    return replace(record, past=()) if isinstance(record, Opened) else record


def test_the_store_is_what_runs_take(url: str) -> None:
    async def main() -> None:
        async with Store(url) as store:
            assert isinstance(store, JournalStore)
            assert isinstance(await store.begin("r"), RunJournal)

    asyncio.run(main())


def test_it_keeps_to_what_journals_must_do(url: str) -> None:
    check_journal(lambda: Store(url))


async def test_a_conversation_is_found_by_its_place(store: Store) -> None:
    run = await store.begin()
    assert await run.recover("") is None
    await run.append("c", OPENED)
    await run.append("c", said("one", 1))
    await run.append("nested", Opened("/1/1", ("eve",), state()))
    await run.append("nested", said("inside", 7))
    outer, inner = await run.recover(""), await run.recover("/1/1")
    assert outer is not None
    assert inner is not None
    assert (outer.id, outer.participants, texts(outer.messages)) == ("c", ("ada", "bob"), ["one"])
    assert (inner.id, inner.participants, texts(inner.messages)) == ("nested", ("eve",), ["inside"])
    assert outer.state == state(1)


async def test_a_call_is_open_until_its_result_is_said(store: Store) -> None:
    run = await store.begin()
    asked = calling("1", "2")
    await run.append("c", OPENED)
    await run.append("c", asked)
    await run.append("c", Called(asked.message.id, 0, call("1")))
    await run.append("c", Called(asked.message.id, 1, call("2")))
    done = ToolResult("2", "add", "3", whole="the whole of 3")
    await run.append("c", Called(asked.message.id, 1, call("2"), done))
    found = await run.recover("")
    assert found is not None
    assert found.calls == {(asked.message.id, 0): None, (asked.message.id, 1): done}
    assert found.calls[asked.message.id, 1].whole == "the whole of 3"  # type: ignore[union-attr]
    await run.append("c", said("on"))
    found = await run.recover("")
    assert found is not None
    assert found.calls == {}


async def test_what_a_person_said_is_part_of_the_conversation_once_its_turn_is_over(store: Store) -> None:
    run = await store.begin()
    await run.append("c", Answered("early", "ada", "the opening", False))
    await run.append("c", OPENED)
    await run.append("c", said("one"))
    await run.append("c", Answered("q1", "ada", "my answer", False))
    await run.append("c", Answered("q2", "ada", "yes", True))
    found = await run.recover("")
    assert found is not None
    assert found.answers == {"early": "the opening", "q1": "my answer", "q2": "yes"}
    assert found.human_input == ("the opening",)  # its turn is taken again, and says it then
    await run.append("c", said("my answer"))
    found = await run.recover("")
    assert found is not None
    assert found.human_input == ("the opening", "my answer")


async def test_an_ended_conversation_says_why_until_it_goes_on(store: Store) -> None:
    run = await store.begin()
    await run.append("c", OPENED)
    await run.append("c", ENDED)
    found = await run.recover("")
    assert found is not None
    assert (found.closed, found.state) == (ENDED.reason, ENDED.state)
    await run.append("c", OPENED)
    found = await run.recover("")
    assert found is not None
    assert (found.closed, found.state) == (None, OPENED.state)


async def test_a_conversation_that_goes_on_elsewhere_in_the_run_ended_there_before(store: Store) -> None:
    run = await store.begin()
    await run.append("c", Opened("/1/1", ("ada",), state()))
    await run.append("c", said("first", 1))
    await run.append("c", ENDED)
    first = await run.recover("/1/1")
    await run.append("c", Opened("/1/2", ("ada",), state(5), tuple(first.messages)))  # type: ignore[union-attr]
    await run.append("c", said("second", 6))
    second = await run.recover("/1/2")
    assert await run.recover("/1/1") == first
    assert second is not None
    assert texts(second.messages) == ["first", "second"]


async def test_a_conversation_of_another_run_shares_what_was_said_there(store: Store) -> None:
    before, after = await store.begin("before"), await store.begin("after")
    spoken = [said(str(number), number) for number in range(4)]
    await before.append("c", OPENED)
    for record in spoken[:3]:
        await before.append("c", record)
    past = tuple(record.message for record in spoken)  # the last one was said where no journal was
    await after.append("c", Opened("", ("ada", "bob"), state(9), past))
    await after.append("c", said("new"))
    found = await after.recover("")
    assert found is not None
    assert list(found.messages[:4]) == list(past)
    assert len(found.messages) == 5
    own = [entry.record.message async for entry in store.records("after") if isinstance(entry.record, Said)]
    assert own[0] == past[3]
    assert len(own) == 2
    third = await store.begin("third")
    await third.append("c", Opened("", ("ada", "bob"), state(9), past[:2]))
    found = await third.recover("")
    assert found is not None
    assert list(found.messages) == list(past[:2])


async def test_a_past_that_isnt_the_stored_one_is_written(store: Store) -> None:
    before, after = await store.begin(), await store.begin()
    await before.append("c", OPENED)
    await before.append("c", said("another"))
    past = (Message("ada", "mine"),)
    await after.append("c", Opened("", ("ada", "bob"), state(), past))
    found = await after.recover("")
    assert found is not None
    assert list(found.messages) == list(past)


@pytest.mark.parametrize("odd", ["\x00", "\ud800 half", "𝄞 ✓", "x" * 300_000, 'quotes " and \\ and \n'])
async def test_any_text_is_kept(store: Store, odd: str) -> None:
    run = await store.begin()
    await run.append("c", Opened("", (odd,), {"key": odd, "infinite": float("inf")}))
    await run.append("c", said(odd))
    found = await run.recover("")
    assert found is not None
    assert (texts(found.messages), found.participants) == ([odd], (odd,))


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (Said(Message("ada", "Hi", extra={"context": object()}), {}), "must be JSON"),
        (Said(Message("ada", "Hi"), {"deep": threading.Lock()}), "must be JSON"),
        (Said(Message("ada", "Hi", id="a\x00b"), {}), "message's id must be printable"),
        (Opened("a\nb", (), {}), "key must be printable"),
    ],
)
async def test_what_no_database_could_keep_is_refused_and_all_else_goes_on(
    store: Store, record: Record, problem: str
) -> None:
    run = await store.begin()
    await run.append("c", OPENED)
    with pytest.raises(ConfigError, match=problem):
        await run.append("c", record)
    await run.append("c", said("fine"))
    found = await run.recover("")
    assert found is not None
    assert texts(found.messages) == ["fine"]


def test_one_store_serves_several_event_loops_and_the_sync_face(url: str) -> None:
    with Store(url) as store:

        async def chat(name: str) -> list[str]:
            async with await store.begin(name) as run:
                await run.append(name, OPENED)
                for number in range(20):
                    await run.append(name, said(f"{name} {number}"))
                found = await run.recover("")
                assert found is not None
                return texts(found.messages)

        heard: dict[str, list[str]] = {}

        def hear(name: str) -> None:
            heard[name] = asyncio.run(chat(name))

        threads = [threading.Thread(target=hear, args=(f"r{number}",)) for number in range(3)]
        for thread in threads:
            thread.start()
        heard["sync"] = sync.run(chat("sync"))
        for thread in threads:
            thread.join()
    assert heard == {name: [f"{name} {number}" for number in range(20)] for name in ("r0", "r1", "r2", "sync")}


async def test_a_message_is_one_row_of_json(store: Store) -> None:
    """So that other programs can read it too."""
    run = await store.begin("r")
    await run.append("c", OPENED)
    await run.append("c", said("Hello"))
    lines = [json.loads(line) async for line in store.export_lines("r")]
    assert lines[2]["content"]["content"] == "Hello"
