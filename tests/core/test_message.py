"""A message is rendered at most twice, read-only, and comes back from its chat dict as it was."""

from __future__ import annotations

import copy
import json
import os
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like.core.errors import TranscriptError
from autogen_like.core.message import (
    ChatMessage,
    File,
    Image,
    Message,
    Text,
    ToolCall,
    ToolResult,
    content_text,
    message_from_dict,
    new_id,
)

CALLS = (ToolCall("c1", "add", '{"a": 1}'), ToolCall("c2", "sub", "{}"))
RESULTS = (ToolResult("c1", "add", "2"), ToolResult("c2", "sub", "0", error=True))


@pytest.fixture
def renderings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Roles that were rendered, one for each rendering."""
    done: list[str] = []
    original = Message._rendering

    def counted(self: Message, role: str) -> dict[str, Any]:
        done.append(role)
        return original(self, role)

    monkeypatch.setattr(Message, "_rendering", counted)
    return done


def test_a_message_is_rendered_once_for_each_side(renderings: list[str]) -> None:
    message = Message("ada", "Hello")
    own = [message.render("ada") for _ in range(5)]
    others = [message.render(name) for name in ("bob", "eve", None, "bob")]
    assert renderings == ["assistant", "user"]
    assert all(one is own[0] for one in own)
    assert all(one is others[0] for one in others)


def test_a_message_nobody_looks_at_is_never_rendered(renderings: list[str]) -> None:
    assert Message("ada", "Hello").text == "Hello"
    assert renderings == []


def test_the_speaker_sees_the_assistant_and_everybody_else_a_user() -> None:
    message = Message("ada", "Hello")
    assert message.render("ada") == {"content": "Hello", "role": "assistant", "name": "ada"}
    assert message.render("bob") == message.render(None) == {"content": "Hello", "role": "user", "name": "ada"}


def test_a_message_for_everybody_keeps_its_role() -> None:
    message = Message("ada", "Be brief", role="system")
    assert {message.render("ada")["role"], message.render("bob")["role"]} == {"system"}


def test_parallel_calls_are_the_assistants_whoever_looks() -> None:
    for viewer in ("ada", "bob"):
        chat = Message("ada", None, CALLS).render(viewer)
        assert chat["role"] == "assistant"
        assert chat["content"] is None
        assert chat["tool_calls"] == [
            {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}},
            {"id": "c2", "type": "function", "function": {"name": "sub", "arguments": "{}"}},
        ]


def test_parallel_results_are_one_message_here_and_one_each_on_the_wire() -> None:
    message = Message("bob", tool_results=RESULTS)
    chat = message.render("ada")
    assert (chat["role"], chat["content"]) == ("tool", "2\n\n0")
    assert list(message.wire("ada")) == [
        {"tool_call_id": "c1", "role": "tool", "content": "2"},
        {"tool_call_id": "c2", "role": "tool", "content": "0"},
    ]


def test_a_person_who_interrupts_calls_is_heard_after_the_results() -> None:
    wire = Message("bob", "Stop it", tool_results=RESULTS).wire("ada")
    assert [one["role"] for one in wire] == ["tool", "tool", "user"]
    assert wire[-1]["content"] == "Stop it"


def test_the_retired_form_has_one_call_and_one_result_without_ids() -> None:
    call = Message("ada", None, (ToolCall(None, "add", "{}"),))
    assert call.render("bob")["function_call"] == {"name": "add", "arguments": "{}"}
    assert "tool_calls" not in call.render("bob")
    (wire,) = Message("bob", tool_results=(ToolResult(None, "add", "2"),)).wire("ada")
    assert wire == {"content": "2", "role": "function", "name": "add"}


def test_parts_are_written_as_chat_apis_write_them() -> None:
    parts = (
        Text("Look: "),
        Image("https://example.org/a.png", "low"),
        File("b.pdf", "data:x"),
        File("c", file_id="f1"),
    )
    message = Message("ada", parts)
    assert message.text == "Look: <image><b.pdf><c>"
    assert message.render("bob")["content"] == [
        {"type": "text", "text": "Look: "},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
        {"type": "file", "file": {"filename": "b.pdf", "file_data": "data:x"}},
        {"type": "file", "file": {"filename": "c", "file_id": "f1"}},
    ]
    assert message_from_dict(message.render("bob"), "ada").content == parts


def test_a_context_is_seen_by_programs_and_never_sent() -> None:
    message = message_from_dict({"content": "Hi", "context": {"user": 7}}, "ada")
    assert message.render("bob")["context"] == {"user": 7}
    (wire,) = message.wire("bob")
    assert wire == {"content": "Hi", "role": "user", "name": "ada"}


@pytest.mark.parametrize(
    "change",
    [
        lambda chat: chat.__setitem__("content", "x"),
        lambda chat: chat.__delitem__("content"),
        lambda chat: chat.update(content="x"),
        lambda chat: chat.setdefault("more", 1),
        lambda chat: chat.pop("content"),
        lambda chat: chat.popitem(),
        lambda chat: chat.clear(),
        lambda chat: chat.__ior__({"content": "x"}),
    ],
)
def test_a_rendering_cannot_be_changed_and_says_what_to_do(change: Any) -> None:
    chat = Message("ada", "Hello").render("bob")
    with pytest.raises(TypeError, match=r"dict\(message\)"):
        change(chat)
    assert chat == {"content": "Hello", "role": "user", "name": "ada"}


@pytest.mark.parametrize(
    "copied", [dict, copy.copy, copy.deepcopy, ChatMessage.copy, lambda chat: pickle.loads(pickle.dumps(chat))]
)
def test_every_copy_of_a_rendering_is_an_ordinary_dict(copied: Any) -> None:
    chat = Message("ada", "Look", CALLS).render("bob")
    other = copied(chat)
    assert type(other) is dict
    assert other == chat
    assert json.loads(json.dumps(chat)) == other
    other["content"] = "changed"
    assert chat["content"] == "Look"


def test_a_deep_copy_shares_nothing_that_can_change() -> None:
    message = Message("ada", None, CALLS)
    copied = copy.deepcopy(message.render("bob"))
    copied["tool_calls"][0]["function"]["name"] = "other"
    assert message.render("bob")["tool_calls"][0]["function"]["name"] == "add"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda message: pickle.loads(pickle.dumps(message))])
def test_a_copied_message_is_the_same_message_with_read_only_renderings_of_its_own(copied: Any) -> None:
    message = Message("ada", (Text("Hi"),), CALLS, extra={"context": {"n": 1}})
    message.render("ada"), message.render("bob")
    other = copied(message)
    assert other == message
    assert other.id == message.id
    assert type(other.render("bob")) is ChatMessage
    assert copy.deepcopy(other.render("bob")) == message.render("bob")


def test_a_pickled_message_doesnt_carry_its_renderings() -> None:
    message = Message("ada", "x" * 1000)
    before = len(pickle.dumps(message))
    message.render("ada"), message.render("bob")
    assert len(pickle.dumps(message)) == before


def test_a_forked_child_hands_out_ids_of_its_own() -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, "\n".join(new_id() for _ in range(50)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = set(os.read(reader, 100_000).decode().split())
    os.close(reader), os.close(writer)
    assert len(theirs) == 50
    assert theirs.isdisjoint(new_id() for _ in range(50))


# --- from dicts

text = st.text(max_size=20)
parts = st.one_of(
    st.builds(Text, text),
    st.builds(Image, text, st.sampled_from(["auto", "low", "high"])),
    st.builds(File, text, text),
    st.builds(File, text, file_id=text),
)
contents = st.one_of(text, st.lists(parts, max_size=3).map(tuple))
ids = st.uuids().map(str)
calls = st.lists(st.builds(ToolCall, ids, text, text.filter(bool)), min_size=1, max_size=3).map(tuple)
results = st.lists(st.builds(ToolResult, ids, st.just(""), text), min_size=1, max_size=3).map(tuple)
retired_calls = st.builds(ToolCall, st.none(), text, text.filter(bool)).map(lambda call: (call,))
retired_results = st.builds(ToolResult, st.none(), text, text).map(lambda result: (result,))
messages = st.one_of(
    st.builds(Message, st.just("ada"), contents, role=st.sampled_from([None, "system"])),
    st.builds(Message, st.just("ada"), st.none() | contents, calls | retired_calls),
    st.builds(Message, st.just("ada"), tool_results=results | retired_results),
)


@given(messages, st.sampled_from(["ada", "bob", None]))
def test_a_message_comes_back_from_its_rendering_whoever_looked(message: Message, viewer: str | None) -> None:
    chat = message.render(viewer)
    back = message_from_dict(chat, "ada")
    assert (back.content, back.tool_calls, back.tool_results) == (
        message.content,
        message.tool_calls,
        message.tool_results,
    )
    assert back.render(viewer) == chat
    assert message_from_dict(json.loads(json.dumps(chat)), "ada").render(viewer) == chat


@given(messages)
def test_no_message_is_lost_on_the_wire(message: Message) -> None:
    wire = message.wire("bob")
    assert len(wire) == max(1, len(message.tool_results))
    assert [one.get("tool_call_id") for one in wire if one["role"] == "tool"] == [
        result.call_id for result in message.tool_results if result.call_id is not None
    ]


def test_a_string_is_a_message() -> None:
    assert message_from_dict("Hi", "ada").content == "Hi"


def test_a_tool_message_of_an_endpoint_is_a_result_and_nothing_beside_it() -> None:
    for content in ("2", [{"type": "text", "text": "2"}]):
        message = message_from_dict({"role": "tool", "tool_call_id": "c1", "content": content}, "bob")
        assert message.tool_results == (ToolResult("c1", "", "2"),)
        assert [one["role"] for one in message.wire("ada")] == ["tool"]


@pytest.mark.parametrize(
    ("content", "read"), [(None, ""), (7, "7"), ([{"type": "text", "text": "a"}], "a"), ("b", "b")]
)
def test_a_result_says_what_the_program_put_there(content: Any, read: str) -> None:
    raw = {
        "role": "tool",
        "content": None,
        "tool_responses": [{"tool_call_id": "c", "role": "tool", "content": content}],
    }
    assert message_from_dict(raw, "bob").tool_results[0].content == read


def test_a_call_without_an_id_or_arguments_gets_them() -> None:
    (call,) = message_from_dict({"tool_calls": [{"function": {"name": "now"}}]}, "ada").tool_calls
    assert call.id
    assert call.arguments == "{}"


@pytest.mark.parametrize(
    ("raw", "hint"),
    [
        ({}, "needs 'content'"),
        ({"content": None, "name": "x"}, "needs 'content'"),
        ({"content": {"text": "Hi"}}, "a string, None or a list of parts"),
        ({"content": 5}, "a string, None or a list of parts"),
        ({"content": [{"type": "video"}]}, "must be of type text, image_url or file"),
        (
            {"tool_calls": [{"id": "a", "function": {"name": "f"}}], "tool_responses": [{"tool_call_id": "a"}]},
            "not both",
        ),
    ],
)
def test_what_is_no_message_is_refused_with_the_cure(raw: dict[str, Any], hint: str) -> None:
    with pytest.raises(TranscriptError, match=hint):
        message_from_dict(raw, "ada")


def test_the_text_of_nothing_is_empty() -> None:
    assert content_text(None) == content_text(()) == content_text("") == ""


def test_images_and_files_are_made_of_bytes():
    image = Image.from_bytes(b"GIF89a", "image/gif", detail="low")
    assert (image.url, image.detail) == ("data:image/gif;base64,R0lGODlh", "low")
    file = File.from_bytes("a.csv", b"a,b", "text/csv")
    assert (file.name, file.data) == ("a.csv", "data:text/csv;base64,YSxi")
