"""What a tool may return, and what a model reads of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_like.core.message import File, Image, Text, ToolCall, ToolResult
from autogen_like.tools import results
from autogen_like.tools.results import cut, result_of, text_and_parts
from autogen_like.tools.tool import FunctionTool

CALL = ToolCall("c1", "f", "")
IMAGE = Image.from_bytes(b"\x89PNG", "image/png")
FILE = File.from_bytes("a.csv", b"a,b", "text/csv")


class Color(str, Enum):  # noqa: UP042 - as people still write it
    red = "r"


@dataclass
class Row:
    name: str


@pytest.mark.parametrize(
    ("value", "text", "parts"),
    [
        (IMAGE, "<image>", (IMAGE,)),
        (FILE, "<a.csv>", (FILE,)),
        (Text("as it is"), "as it is", ()),
        (["Two plots:", IMAGE, Text("and"), IMAGE], "Two plots:\n<image>\nand\n<image>", (IMAGE, IMAGE)),
        ((FILE, {"rows": 3}, None, 1), '<a.csv>\n{"rows": 3}\nnull\n1', (FILE,)),
        ({"plot": IMAGE, "n": 1, "more": [FILE]}, '{"plot": "<image>", "n": 1, "more": ["<a.csv>"]}', (IMAGE, FILE)),
        ([["nested", IMAGE]], '[["nested", "<image>"]]', (IMAGE,)),
        (b"plain text", "plain text", ()),
        (b"\x89PNG\r\n", "<6 bytes that are no text>", ()),
        ({"raw": b"\xff"}, '{"raw": "<1 bytes that are no text>"}', ()),
        (bytearray("é".encode()), "é", ()),
        (Color.red, "r", ()),
        ([], "[]", ()),
        ({"when": Row("a")}, '{"when": {"name": "a"}}', ()),
    ],
)
def test_values_become_text_and_parts(value, text, parts):
    assert text_and_parts(value) == (text, parts)
    assert type(text_and_parts(value)[0]) is str


async def test_parts_are_on_the_result_beside_the_value():
    made = FunctionTool(lambda: ["A plot:", IMAGE], name="f", inline=True)
    result = await made.call(CALL)
    assert (result.content, result.parts, result.value) == ("A plot:\n<image>", (IMAGE,), ["A plot:", IMAGE])
    assert result.whole is None


def test_a_part_that_no_endpoint_takes_is_left_out_with_a_note(monkeypatch):
    monkeypatch.setattr(results, "MAX_PART_CHARS", 2_000_000)
    big = File.from_bytes("big.bin", b"x" * 2_000_000, "application/octet-stream")
    result = result_of(CALL, [big, IMAGE], None)
    assert result.content == "<big.bin, left out: it is larger than 2 million characters>\n<image>"
    assert result.parts == (IMAGE,)
    assert result.value[0] is big


def test_the_whole_of_a_cut_result_is_kept():
    result = result_of(CALL, "x" * 30, 10)
    assert result.content == "x" * 8 + "\n[... 20 of 30 characters left out here ...]\n" + "x" * 2
    assert result.whole == "x" * 30
    listed = result_of(CALL, list(range(100)), 10)
    assert json.loads(listed.whole or "") == list(range(100))
    assert result_of(CALL, "short", 10).whole is None


async def test_errors_and_results_of_the_tools_own_making_are_cut_too():
    def fail() -> None:
        raise ValueError("e" * 1000)

    async def own() -> ToolResult:
        return ToolResult("x", "y", "o" * 1000, value=3, parts=(IMAGE,))

    for function in (fail, own):
        result = await FunctionTool(function, max_result_chars=50).call(CALL)
        assert "characters left out here" in result.content
        assert len(result.content) < 120
        assert len(result.whole or "") >= 1000
        assert (result.call_id, result.name) == ("c1", "f")
    assert (result.value, result.parts) == (3, (IMAGE,))


@settings(deadline=None)  # the machine may be busy
@given(st.text(), st.integers(1, 40))
def test_cutting_keeps_both_ends_and_everything_beside(text, limit):
    short, whole = cut(text, limit)
    if whole is None:
        assert short == text
        assert len(text) <= limit
    else:
        assert whole == text
        head = limit * 4 // 5
        assert short.startswith(text[:head])
        assert short.endswith(text[len(text) - (limit - head) :] if limit > head else "]\n")


@pytest.mark.parametrize("value", ["\udc80.txt", ["\udc80.txt"], {"name": "\udc80.txt"}, ValueError("\udc80.txt")])
async def test_half_of_a_surrogate_pair_can_be_sent(value):
    def f() -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    result = await FunctionTool(f, inline=True).call(CALL)
    result.content.encode()
    assert "\\udc80.txt" in result.content


class Hostile:
    """Raises at whatever is asked of it."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


async def test_a_value_that_cannot_be_written_is_a_failure_that_the_model_reads():
    result = await FunctionTool(Hostile, name="f", inline=True).call(CALL)
    assert result.error
    assert result.content.startswith("Error: ")


@settings(deadline=None)  # the machine may be busy
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(IMAGE) | st.dates(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
        max_leaves=8,
    )
)
def test_any_value_becomes_text_that_can_be_sent(value):
    text, parts = text_and_parts(value)
    text.encode()
    assert all(part == IMAGE for part in parts)


async def test_results_of_many_calls_keep_their_parts_apart():
    made = FunctionTool(lambda n: [str(n), Image(f"https://e.org/{n}")], name="f")
    got = await asyncio.gather(*(made.call(ToolCall(str(n), "f", f'{{"n": {n}}}')) for n in range(20)))
    assert [result.parts[0].url for result in got] == [f"https://e.org/{n}" for n in range(20)]
