"""What a person sees of a run at the terminal."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like.core.events import (
    CodeStarted,
    ConversationEnded,
    ConversationStarted,
    Event,
    EventsDropped,
    MessageAdded,
    Notice,
    SpeakerSelected,
    TextDelta,
    ToolProgress,
    ToolStarted,
    TurnStarted,
    UsageReported,
)
from autogen_like.core.message import Message, Text, ToolCall, ToolResult
from autogen_like.core.termination import StopReason
from autogen_like.core.text import one_line, visible
from autogen_like.observe.console import ConsolePrinter

RULE = "-" * 80


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(*events: Event, stream: bool = False, color: bool | None = None) -> str:
    file = io.StringIO()
    printer = ConsolePrinter(file, stream=stream, color=color)
    for event in events:
        printer(event)
    return file.getvalue()


def said(speaker: str, text: Any, to: str = "bob", conversation: str = "c", **more: Any) -> MessageAdded:
    return MessageAdded(conversation, Message(speaker, text, **more), to)


def delta(speaker: str, text: str, conversation: str = "c", kind: str = "text") -> TextDelta:
    return TextDelta(conversation, speaker, text, kind)


def test_message_has_autogen_02s_header_and_rule():
    assert printed(said("alice", "Hello,\n\tBob.")) == f"alice (to bob):\n\nHello,\n\tBob.\n\n{RULE}\n"


def test_message_without_recipient_and_parts():
    assert printed(said("alice", (Text("Look"),), to="")) == f"alice:\n\nLook\n\n{RULE}\n"


def test_tool_calls_are_framed():
    calls = (ToolCall("c1", "add", '{"a": 1}'), ToolCall(None, "old", "{}"))
    text = printed(said("alice", None, tool_calls=calls))
    assert 'calls add\n{"a": 1}\n' in text
    assert "calls old\n{}\n" in text
    assert text.count(RULE) == 1


def test_tool_results_are_framed_each_under_its_header():
    results = (ToolResult("c1", "add", "3"), ToolResult(None, "old", "4"))
    text = printed(said("bob", None, to="alice", tool_results=results))
    assert f"bob (to alice):\n\nadd answered\n3\n\n{RULE}\n" in text
    assert "old answered\n4\n" in text
    assert text.count("bob (to alice):") == 2


def test_what_a_person_adds_to_tool_results_is_shown_with_them():
    text = printed(said("bob", "stop", tool_results=(ToolResult("c1", "add", "3"),)))
    assert "\n3\n" in text
    assert "\nstop\n" in text
    assert text.count("bob (to bob):") == 1


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Notice("c", "bob", "replies by itself", "auto_reply"), "(bob: replies by itself)\n"),
        (Notice("c", "bob", "the person said nothing", "no_human_input"), "(bob: the person said nothing)\n"),
        (Notice("c", "bob", "said it again", "repeated_text"), "(bob: said it again)\n"),
        (Notice("c", "", "careful", "warning"), "(careful)\n"),
        (SpeakerSelected("c", "bob", "auto", 1), "(next: bob)\n\n"),
        (ToolStarted("c", "bob", ToolCall("1", "add", "{}")), "(running add)\n"),
        (ToolProgress("c", ToolCall("1", "add", "{}"), 0.5), "add: 0.5\n"),
        (CodeStarted("c", "bob", ("python",)), "(running a code block: python)\n"),
        (CodeStarted("c", "bob", ("sh", "")), "(running 2 code blocks: sh, unknown)\n"),
        (ConversationEnded("c", StopReason("max_turns", "2")), "\n(the chat ended: max_turns: 2)\n"),
        (ConversationEnded("c"), ""),
        (EventsDropped("c", 3), "(3 pieces were not shown: printing was too slow)\n"),
        (UsageReported("c", "bob", "m"), ""),
        (TurnStarted("c", "bob"), ""),
    ],
)
def test_other_events(event, text):
    assert printed(event) == text


def test_nested_and_following_chats_are_set_apart_and_the_first_is_not():
    assert printed(ConversationStarted("c", ("a", "b"))) == ""
    assert "=== a chat of a, b ===\n" in printed(ConversationStarted("n", ("a", "b"), "parent"))
    first, second = ConversationStarted("c", ("a", "b")), ConversationStarted("d", ("a", "x"))
    text = printed(first, second, first)
    assert text.count("=== a chat of") == 1
    assert "=== a chat of a, x" in text


def test_silent_conversation_is_not_printed_and_others_are():
    text = printed(
        ConversationStarted("s", ("a", "b"), "parent", True),
        said("a", "hidden", conversation="s"),
        delta("a", "hidden", "s"),
        said("a", "shown", conversation="c"),
        stream=True,
    )
    assert "hidden" not in text
    assert "shown" in text


# --- streams


def test_reply_is_printed_as_it_comes_and_not_again():
    start = ConversationStarted("c", ("alice", "bob"))
    pieces = [delta("alice", "Hel"), delta("alice", "lo")]
    text = printed(start, *pieces, said("alice", "Hello"), stream=True)
    assert text == f"alice (to bob):\n\nHello\n\n{RULE}\n"
    assert printed(start, *pieces, stream=True) == "alice (to bob):\n\nHello"


def test_without_streaming_pieces_are_not_printed():
    assert printed(delta("alice", "Hel")) == ""


def test_in_a_group_the_recipient_is_learnt_from_what_was_said():
    start = ConversationStarted("c", ("a", "b", "c"))
    before = [said(name, "x", "manager") for name in "abc"]
    text = printed(start, *before, delta("d", "hi"), stream=True)
    assert text.endswith("d (to manager):\n\nhi")


def test_streamed_reply_that_calls_tools_shows_the_calls_whole():
    calls = (ToolCall("c1", "add", "{}"),)
    text = printed(
        delta("alice", "Let me see"),
        delta("alice", '{"a', kind="tool"),
        said("alice", "Let me see", tool_calls=calls),
        stream=True,
    )
    assert text.count("Let me see") == 1
    assert '{"a' not in text
    assert "calls add" in text


def test_reply_that_was_changed_after_streaming_is_printed_as_it_was_sent():
    text = printed(delta("alice", "draft"), said("alice", "final"), stream=True)
    assert text == f"alice:\n\ndraft\nfinal\n\n{RULE}\n"


def test_reasoning_is_dim_and_apart():
    text = printed(delta("a", "hmm", kind="reasoning"), delta("a", "yes"), said("a", "yes"), stream=True, color=True)
    assert "\x1b[2mhmm\x1b[0m\n\nyes\n" in text


def test_two_streams_do_not_interleave():
    text = printed(
        delta("a", "one ", "c1"),
        delta("b", "other", "c2"),
        said("b", "other", "x", "c2"),
        delta("a", "two", "c1"),
        said("a", "one two", "y", "c1"),
        stream=True,
    )
    assert text == f"a:\n\none two\n\n{RULE}\nb (to x):\n\nother\n\n{RULE}\n"


@pytest.mark.parametrize(
    "event", [TurnStarted("c", "bob"), ConversationEnded("c"), said("bob", "hi"), delta("bob", "hi")]
)
def test_reply_that_was_given_up_does_not_hold_the_terminal(event):
    text = printed(delta("alice", "half"), event, said("x", "free", conversation="d"), stream=True)
    assert text.startswith(f"alice:\n\nhalf\n\n{RULE}\n")
    if not isinstance(event, TextDelta):
        assert "free" in text


def test_stream_that_went_quiet_does_not_hold_the_terminal(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("autogen_like.observe.console.time.monotonic", lambda: now[0])
    file = io.StringIO()
    printer = ConsolePrinter(file, stream=True)
    printer(delta("alice", "half"))
    printer(said("x", "waits", conversation="d"))
    assert "waits" not in file.getvalue()
    now[0] = 11
    printer(said("x", "free", conversation="d"))
    assert re.search(r"half.*waits.*free", file.getvalue(), re.DOTALL)


def test_progress_during_a_stream_of_the_same_chat_is_shown():
    text = printed(delta("alice", "half"), Notice("c", "bob", "note"), said("alice", "half"), stream=True)
    assert "half\n(bob: note)\n" in text


# --- colours and hostile text


def test_speakers_have_stable_different_colours_on_a_terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")

    def colours(*names: str) -> list[str]:
        file = Terminal()
        printer = ConsolePrinter(file)
        for name in names:
            printer(said(name, "x"))
        return re.findall(r"\x1b\[(\d+)m(?=\w)", file.getvalue())

    once = colours("alice", "bob", "carol", "dave", "erin")
    assert once == colours("alice", "bob", "carol", "dave", "erin")
    assert len(set(once)) == 5
    assert colours("bob")[0] in once
    assert len(colours(*(f"agent{index}" for index in range(30)))) == 30


@pytest.mark.parametrize("variable", [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colours_where_they_are_not_wanted(monkeypatch, variable):
    monkeypatch.setenv(*variable)
    file = Terminal()
    ConsolePrinter(file)(said("alice", "x"))
    assert "\x1b" not in file.getvalue()


def test_standard_output_is_looked_up_each_time(capsys):
    ConsolePrinter()(said("alice", "x"))
    assert "alice (to bob):" in capsys.readouterr().out


HOSTILE = "\x1b[2J\x1b]52;c;ZXZpbA==\x07\x9b31m\r\x08 \u202egpj.exe \ud800 \x7f"


def test_escape_sequences_from_anywhere_do_not_reach_the_terminal():
    call, result = ToolCall(HOSTILE, HOSTILE, HOSTILE), ToolResult(HOSTILE, HOSTILE, HOSTILE)
    text = printed(
        ConversationStarted("c", (HOSTILE, "b"), "p"),
        delta(HOSTILE, HOSTILE),
        said(HOSTILE, HOSTILE, HOSTILE, tool_calls=(call,)),
        said("bob", None, tool_results=(result,)),
        SpeakerSelected("c", HOSTILE),
        ToolStarted("c", "bob", call),
        ToolProgress("c", call, HOSTILE),
        CodeStarted("c", "bob", (HOSTILE,)),
        Notice("c", HOSTILE, HOSTILE),
        ConversationEnded("c", StopReason("error", HOSTILE, HOSTILE)),
        stream=True,
    )
    assert not set(text) & set("\x1b\x07\x9b\r\x08\u202e\ud800\x7f")
    assert "␛[2J" in text
    text.encode()


def test_escape_sequence_in_two_pieces_is_harmless():
    text = printed(delta("a", "\x1b"), delta("a", "[2J"), stream=True)
    assert text == "a:\n\n␛[2J"


def test_names_with_line_breaks_cannot_forge_a_message():
    text = printed(said("eve\n\nalice (to bob):", "x"))
    assert "\nalice (to bob):" not in text


@given(st.text(alphabet=st.characters()))
def test_no_text_brings_a_control_character_through(text):
    for shown in (visible(text), one_line(text)):
        assert not [sign for sign in shown if (ord(sign) < 32 and sign not in "\n\t") or 0x7F <= ord(sign) < 0xA0]
        shown.encode()
    assert "\n" not in one_line(text)


def test_signs_that_the_terminal_lacks_are_spelled_out():
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    ConsolePrinter(file)(said("alice", "naïve ☃"))
    assert rb"na\xefve \u2603" in raw.getvalue()
