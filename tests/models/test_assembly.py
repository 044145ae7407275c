"""Streamed tool calls, cut anywhere, by endpoints with habits of their own."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from autogen_like.models.assembly import Assembly
from autogen_like.models.client import Delta


def chunk(delta: dict[str, Any] | None, finish: str | None = None) -> dict[str, Any]:
    return {"id": "1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def assembled(deltas: list[dict[str, Any] | None]) -> tuple[Assembly, list[Delta]]:
    whole = Assembly()
    pieces = [piece for delta in deltas for piece in whole.add(chunk(delta))]
    return whole, pieces


def pieces_of(text: str, cuts: list[int]) -> list[str]:
    at = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[start:end] for start, end in pairwise(at)] or [""]


names = st.text("abcdefgh_", min_size=1, max_size=8)
arguments = st.dictionaries(names, st.text(max_size=12) | st.integers()).map(json.dumps)


@given(
    st.lists(st.tuples(names, arguments, st.lists(st.integers(0, 100))), min_size=1, max_size=4), st.text(max_size=30)
)
def test_calls_are_the_same_however_they_are_cut(calls: list[tuple[str, str, list[int]]], text: str) -> None:
    deltas: list[dict[str, Any] | None] = [{"role": "assistant", "content": piece} for piece in text]
    for index, (name, written, cuts) in enumerate(calls):
        deltas.append(
            {"tool_calls": [{"index": index, "id": f"c{index}", "function": {"name": name, "arguments": ""}}]}
        )
        deltas.extend(
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in pieces_of(written, cuts)
        )
    whole, pieces = assembled(deltas)
    assert [(call.id, call.name, call.arguments) for call in whole.tool_calls] == [
        (f"c{index}", name, written) for index, (name, written, _) in enumerate(calls)
    ]
    assert whole.content == (text or None)
    for index, (_, written, _) in enumerate(calls):
        assert "".join(piece.text for piece in pieces if piece.kind == "tool" and piece.index == index) == written
    assert [piece.name for piece in pieces if piece.name] == [name for name, _, _ in calls]


def test_calls_that_are_all_numbered_zero_are_told_apart_by_their_ids() -> None:
    whole, _ = assembled(
        [
            {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]},
            {"tool_calls": [{"index": 0, "id": "b", "function": {"name": "g", "arguments": "[]"}}]},
        ]
    )
    assert [(call.id, call.name, call.arguments) for call in whole.tool_calls] == [("a", "f", "{}"), ("b", "g", "[]")]


def test_calls_without_an_index_go_on_where_they_were() -> None:
    whole, _ = assembled(
        [
            {"tool_calls": [{"index": None, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}]},
            {"tool_calls": [{"index": None, "function": {"arguments": ": 1}"}}]},
            {"tool_calls": [{"index": None, "id": "b", "function": {"name": "g"}}]},
            {"tool_calls": [{"index": None, "id": "a", "function": {"arguments": " "}}]},
        ]
    )
    assert [call.arguments for call in whole.tool_calls] == ['{"x": 1} ', "{}"]


def test_a_name_may_come_in_pieces_or_again_and_again() -> None:
    pieces, _ = assembled([{"tool_calls": [{"index": 0, "function": {"name": name}}]} for name in ("get_", "weather")])
    again, _ = assembled(
        [{"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": a}}]} for a in ("{", "}")]
    )
    assert pieces.tool_calls[0].name == "get_weather"
    assert (again.tool_calls[0].name, again.tool_calls[0].arguments) == ("f", "{}")
    assert again.tool_calls[0].id, "a call without an id gets one"


def test_a_last_chunk_without_a_delta_and_a_second_reply_are_no_matter() -> None:
    whole = Assembly()
    second = {"choices": [{"index": 1, "delta": {"content": "no"}}]}
    for piece in (chunk({"content": "yes"}), second, chunk(None, "stop")):
        list(whole.add(piece))
    assert whole.content == "yes"
    assert whole.finish_reason == "stop"
