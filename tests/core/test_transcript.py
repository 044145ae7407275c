"""One transcript holds each message once; views show it to each participant without rendering the past again."""

from __future__ import annotations

import copy
import json
import pickle
import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like.core.errors import TranscriptError
from autogen_like.core.message import ChatMessage, Message, ToolCall, ToolResult
from autogen_like.core.transcript import Appended, Transcript, View, wire_messages


def said(*texts: str, speaker: str = "ada") -> list[Message]:
    return [Message(speaker, text) for text in texts]


def call(*ids: str) -> Message:
    return Message("ada", None, tuple(ToolCall(one, "tool", "{}") for one in ids))


def result(*ids: str) -> Message:
    return Message("bob", tool_results=tuple(ToolResult(one, "tool", "ok") for one in ids))


def contents(view: Any) -> list[Any]:
    return [message["content"] for message in view]


def parted(wire: Any) -> list[str]:
    """Ids of results on the wire whose call isn't right before them."""
    stray, calls = [], set()
    for message in wire:
        if message["role"] == "tool":
            stray += [message["tool_call_id"]] if message["tool_call_id"] not in calls else []
        else:
            calls = {one["id"] for one in message.get("tool_calls", ())}
    return stray


@pytest.fixture
def renderings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    original = Message._rendering
    monkeypatch.setattr(Message, "_rendering", lambda self, role: done.append(self.id) or original(self, role))
    return done


def test_a_view_takes_in_only_what_is_new(renderings: list[str]) -> None:
    log = Transcript(said("a", "b"))
    view = log.view("bob")
    assert contents(view) == ["a", "b"]
    log.append(Message("bob", "c"))
    assert contents(view) == ["a", "b"], "a view is extended when it is looked for, not behind its reader's back"
    assert log.view("bob") is view
    assert contents(view) == ["a", "b", "c"]
    assert len(renderings) == 3


def test_ten_viewers_hold_the_same_objects(renderings: list[str]) -> None:
    log = Transcript(said(*map(str, range(100))))
    views = [log.view(f"viewer {index}") for index in range(10)]
    assert len(renderings) == 100
    for index in range(100):
        assert len({id(view[index]) for view in views}) == 1
    assert log.view("ada")[0] is not views[0][0]


def test_a_view_is_a_list_that_programs_can_read() -> None:
    view = Transcript(said("a", "b", "c")).view("bob")
    assert isinstance(view, list)
    assert json.loads(json.dumps(view)) == list(view)
    more: list[Any] = [{}]
    assert type(view[1:]) is type(view + more) is type(view.copy()) is type(copy.copy(view)) is list
    assert type(pickle.loads(pickle.dumps(view))) is list
    deep = copy.deepcopy(view)
    assert deep == list(view)
    assert [type(message) for message in deep] == [dict] * 3


@pytest.mark.parametrize(
    "change",
    [
        lambda view: view.append({}),
        lambda view: view.extend([{}]),
        lambda view: view.insert(0, {}),
        lambda view: view.remove(view[0]),
        lambda view: view.pop(),
        lambda view: view.clear(),
        lambda view: view.sort(),
        lambda view: view.reverse(),
        lambda view: view.__setitem__(0, {}),
        lambda view: view.__delitem__(0),
        lambda view: view.__iadd__([{}]),
        lambda view: view.__imul__(2),
    ],
)
def test_a_view_cannot_be_changed_and_says_what_to_do(change: Any) -> None:
    view = Transcript(said("a", "b")).view("bob")
    with pytest.raises(TypeError, match=r"list\(view\)"):
        change(view)
    assert contents(view) == ["a", "b"]


def test_the_wire_grows_with_the_view() -> None:
    log = Transcript([call("1", "2")])
    wire = log.view("ada").wire
    assert len(wire) == 1
    log.append(result("1", "2"))
    assert log.view("ada").wire is wire
    assert [message["role"] for message in wire] == ["assistant", "tool", "tool"]
    log.append(Message("ada", "Done"))
    assert [message["role"] for message in log.view("ada").wire] == ["assistant", "tool", "tool", "assistant"]


def test_the_wire_takes_in_what_was_said_since_the_view_was_looked_for() -> None:
    log = Transcript(said("a"))
    view = log.view("bob")
    log.append(Message("bob", "b"))
    assert contents(view.wire) == ["a", "b"]


def test_who_forgets_sees_the_last_messages_and_others_see_all() -> None:
    log = Transcript(said(*"abcde"))
    view = log.view("bob")
    view.forget(2)
    assert contents(view) == contents(view.wire) == ["d", "e"]
    assert contents(log.view("eve")) == list("abcde")
    log.append(Message("ada", "f"))
    assert contents(log.view("bob")) == contents(view.wire) == ["d", "e", "f"]
    view.forget()
    assert contents(view) == []


def test_what_was_forgotten_never_comes_back() -> None:
    log = Transcript(said(*"abcd"))
    view = log.view("bob")
    view.forget()
    log.append(Message("ada", "e"))
    view.forget(3)
    assert contents(log.view("bob")) == ["e"]


def test_the_answer_to_an_open_call_keeps_its_call_when_all_is_forgotten() -> None:
    log = Transcript([*said("a"), call("1")])
    view = log.view("bob")
    view.forget()
    log.append(result("1"))
    assert parted(log.view("bob").wire) == []
    assert len(log.view("bob")) == 2


exchange = st.sampled_from(["text", "call", "calls", "split"])


@given(st.lists(exchange, max_size=8), st.integers(0, 20), st.booleans())
def test_forgetting_never_parts_a_call_from_its_result(plan: list[str], keep: int, cut_short: bool) -> None:
    log = Transcript()
    for index, kind in enumerate(plan):
        one, two = f"{index}-1", f"{index}-2"
        match kind:
            case "text":
                log.append(Message("ada", "text"))
            case "call":
                log.append(call(one)), log.append(result(one))
            case "calls":
                log.append(call(one, two)), log.append(result(one, two))
            case "split":
                log.append(call(one, two)), log.append(result(one)), log.append(result(two))
    rest = [log.messages.pop()] if cut_short and log.last and log.last.tool_results else []
    view = log.view("eve")
    view.forget(keep)
    for message in rest:
        log.append(message)
    assert parted(log.view("eve").wire) == []
    assert len(view) >= min(keep, len(log))
    log.check()


def test_a_fork_shares_the_past_and_has_its_own_future(renderings: list[str]) -> None:
    log = Transcript(said("a", "b", "c"))
    log.view("bob")
    other = log.fork(2)
    log.append(Message("ada", "here"))
    other.append(Message("ada", "there"))
    assert other.id != log.id
    assert contents(log.view("bob")) == ["a", "b", "c", "here"]
    assert contents(other.view("bob")) == ["a", "b", "there"]
    assert other[0] is log[0]
    assert len(renderings) == 5


def test_what_was_forgotten_stays_forgotten_in_a_fork() -> None:
    log = Transcript(said("a", "b", "c"))
    log.view("bob").forget(1)
    assert contents(log.fork().view("bob")) == ["c"]


def test_a_fork_from_before_what_was_forgotten_shows_all_that_comes() -> None:
    log = Transcript(said(*"abcdef"))
    log.view("bob").forget()
    other = log.fork(2)
    other.append(Message("ada", "new"))
    assert contents(other.view("bob")) == ["new"]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda log: pickle.loads(pickle.dumps(log))])
def test_a_copied_transcript_goes_on_and_remembers_what_was_forgotten(copied: Any) -> None:
    log = Transcript(said("a", "b"))
    log.view("bob").forget(1)
    other = copied(log)
    assert (other.id, list(other)) == (log.id, list(log))
    other.append(Message("ada", "c"))
    assert contents(other.view("bob")) == ["b", "c"]
    assert contents(other.view("eve")) == ["a", "b", "c"]
    assert len(log) == 2
    assert type(other.view("bob")[0]) is ChatMessage


def test_a_boundary_is_where_no_result_is_cut_off() -> None:
    log = Transcript([*said("a"), call("1", "2"), result("1"), result("2"), *said("b"), call("3")])
    assert [log.boundary(index) for index in range(-1, 9)] == [0, 0, 1, 1, 1, 4, 5, 5, 5, 5]


def test_open_calls_are_those_without_a_result() -> None:
    log = Transcript()
    assert log.open_calls() == ()
    log.append(call("1", "2"))
    assert [one.id for one in log.open_calls()] == ["1", "2"]
    log.append(result("2"))
    assert [one.id for one in log.open_calls()] == ["1"]
    log.append(result("1"))
    assert log.open_calls() == ()


@pytest.mark.parametrize(
    ("messages", "fits"),
    [
        ([], True),
        ([call("1"), result("1")], True),
        ([call("1", "2"), result("1"), result("2")], True),
        ([result("1")], False),
        ([call("1"), Message("ada", "x"), result("1")], False),
        ([call("1"), result("1"), result("1")], False),
        ([call("1"), result("2")], False),
    ],
)
def test_a_result_answers_the_call_before_it(messages: list[Message], fits: bool) -> None:
    log = Transcript(messages)
    if fits:
        log.check()
    else:
        with pytest.raises(TranscriptError, match=r"message \d by 'bob' answers calls nobody made"):
            log.check()


def test_a_transcript_reads_like_a_sequence() -> None:
    messages = said("a", "b", "c")
    log = Transcript(messages)
    assert (len(log), log[0], log[1:], list(log), log.last) == (3, messages[0], messages[1:], messages, messages[2])
    assert messages[1] in log
    assert "3 messages" in repr(log)
    assert Transcript().last is None


def test_equal_messages_are_two_messages() -> None:
    log = Transcript([Message("ada", "yes"), Message("ada", "yes")])
    assert contents(log.view("bob")) == ["yes", "yes"]
    assert log[0].id != log[1].id


def test_threads_that_look_at_the_same_moment_double_nothing() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            log = Transcript(said(*map(str, range(300))))
            view = View(log, "bob")
            threads = [threading.Thread(target=lambda view=view: (view.sync(), view.wire)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert contents(view) == contents(view.wire) == [str(index) for index in range(300)]
    finally:
        sys.setswitchinterval(interval)


def test_edited_messages_go_on_the_wire_without_what_endpoints_dont_know() -> None:
    wire = wire_messages(
        [
            {"role": "user", "content": "a", "context": {"n": 1}},
            call("1", "2").render("ada"),
            result("1", "2").render("ada"),
            {
                "role": "user",
                "content": "stop",
                "tool_responses": [{"tool_call_id": "3", "role": "tool", "content": ""}],
            },
        ]
    )
    assert [message["role"] for message in wire] == ["user", "assistant", "tool", "tool", "tool", "user"]
    assert not any("context" in message or "tool_responses" in message for message in wire)


@given(st.lists(st.integers()), st.lists(st.integers()), st.slices(12))
def test_appended_is_the_two_lists_in_one(head: list[int], tail: list[int], cut: slice) -> None:
    both: Any = Appended(head, tail)  # type: ignore[arg-type]
    plain = head + tail
    assert (list(both), len(both), both[cut]) == (plain, len(plain), plain[cut])
    for index in range(-len(plain), len(plain)):
        assert both[index] == plain[index]
    for index in (len(plain), -len(plain) - 1):
        with pytest.raises(IndexError):
            both[index]


def test_appended_follows_a_head_that_grows() -> None:
    head = [{"content": "a"}]
    both = Appended(head, [{"content": "z"}])
    head.append({"content": "b"})
    assert contents(both) == ["a", "b", "z"]


def test_what_a_person_says_instead_of_results_reaches_the_wire_of_edited_messages_too():
    said = Message("person", "don't", tool_results=(ToolResult("c", "rm", "USER INTERRUPTED"),))
    edited = [dict(said.render("bob"))]
    assert [wire["content"] for wire in wire_messages(edited)] == ["USER INTERRUPTED", "don't"]
    assert wire_messages(edited)[-1]["role"] == "user"
    told = Message("runner", tool_results=(ToolResult("c", "add", "3"),))
    assert [wire["content"] for wire in wire_messages([dict(told.render("bob"))])] == ["3"]
