"""Streams, whatever way they are cut and ordered: the reply is the same as the one that came whole."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import pairwise
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_like.core.errors import ModelError
from autogen_like.models.assembly import Assembly, told_tokens
from autogen_like.models.client import Delta, ModelRequest, ModelResponse, ReplyCut
from autogen_like.models.openai import OpenAIClient
from autogen_like.models.sse import EventDecoder, read_json
from autogen_like.testing import Reply

ASK = ModelRequest([{"role": "user", "content": "Hi"}])


class Bytes(httpx2.AsyncByteStream):
    """A body that arrives in given pieces, and may break off after them."""

    def __init__(self, pieces: Sequence[bytes], broken: bool = False) -> None:
        self.pieces, self.broken = pieces, broken

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.broken:
            raise httpx2.ReadError("cut")


class Reader:
    """The real client, over the real openai package; only the network is not there."""

    def __init__(self) -> None:
        self._body = Bytes([])
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        self.client = OpenAIClient(
            {"model": "m", "api_key": "k-12345", "base_url": "http://x.test/v1", "http_client": http}
        )

    def _answer(self, _: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=self._body)

    async def read(self, pieces: Sequence[bytes], *, broken: bool = False) -> tuple[list[Delta], ModelResponse]:
        self._body = Bytes(pieces, broken)
        *deltas, response = [item async for item in self.client.stream(ASK)]
        assert isinstance(response, ModelResponse)
        return deltas, response  # type: ignore[return-value]


async def read(pieces: Sequence[bytes]) -> tuple[list[Delta], ModelResponse]:
    reader = Reader()
    try:
        return await reader.read(pieces)
    finally:
        await reader.client.aclose()


def body_of(chunks: Sequence[dict[str, Any]], *, ascii_only: bool = True, end: str = "\n") -> bytes:
    lines = [f"data: {json.dumps(chunk, ensure_ascii=ascii_only)}{end}{end}" for chunk in chunks]
    return "".join([*lines, f"data: [DONE]{end}{end}"]).encode()


def pieces_of(text: Any, cuts: Sequence[int]) -> list[Any]:
    at = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[start:stop] for start, stop in pairwise(at)] or [text]


REPLY = Reply(
    'Größe: "ü" 😀 日本\n\\u00e9',
    reasoning="Hm… 🤔",
    tool_calls=[("wetter", {"stadt": "Zürich 😀", "n": 1}), ("add", '{"a": "\\ud83d\\ude00"}')],
    piece=5,
    usage={"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
)
ASKED = {"model": "m", "stream_options": {"include_usage": True}}
CHUNKS = [chunk for chunk in REPLY.stream(ASKED) if isinstance(chunk, dict)]


def same(response: ModelResponse) -> None:
    assert response.content == REPLY.content
    assert response.reasoning == REPLY.reasoning
    assert [(call.name, json.loads(call.arguments)) for call in response.tool_calls] == [
        ("wetter", {"stadt": "Zürich 😀", "n": 1}),
        ("add", {"a": "😀"}),
    ]
    assert response.finish_reason == "tool_calls"
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (7, 3)


@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "utf-8"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
async def test_a_stream_in_single_bytes_is_the_same(ascii_only: bool, end: str) -> None:
    body = body_of(CHUNKS, ascii_only=ascii_only, end=end)
    for size in (1, 2, 7, len(body)):
        deltas, response = await read([body[at : at + size] for at in range(0, len(body), size)])
        same(response)
        assert "".join(delta.text for delta in deltas if delta.kind == "text") == REPLY.content


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10_000), max_size=30), st.booleans())
def test_a_stream_may_be_cut_into_any_pieces(cuts: list[int], ascii_only: bool) -> None:
    _, response = asyncio.run(read(pieces_of(body_of(CHUNKS, ascii_only=ascii_only), cuts)))
    same(response)


SHORT = Reply("Größe 😀", tool_calls=[("f", {"a": "ü"})], piece=3, usage=False)


def test_a_stream_that_breaks_off_at_any_byte_gives_a_prefix_and_an_error_or_all_of_it() -> None:
    chunks = [{"choices": chunk["choices"]} for chunk in SHORT.stream({"model": "m"}) if isinstance(chunk, dict)]
    body = body_of(chunks, ascii_only=False)
    finished = body.index(b'"finish_reason": "tool_calls"')
    finished = body.index(b"\n\n", finished) + 2

    async def outcome(reader: Reader, cut: int, *, broken: bool) -> tuple[list[Delta], ModelResponse] | ModelError:
        try:
            return await reader.read([body[:cut]], broken=broken)
        except ModelError as error:
            return error

    async def all_of_them() -> None:
        reader = Reader()
        for cut in range(len(body) + 1):
            for broken in (True, False):
                came = await outcome(reader, cut, broken=broken)
                if isinstance(came, ModelError):
                    assert cut < finished
                    assert came.transient
                    said = came.partial.content if isinstance(came, ReplyCut) else ""
                    assert (SHORT.content or "").startswith(said or "")
                else:
                    deltas, response = came
                    assert cut >= finished - 2, "only the end of a line may be missing"
                    assert response.content == SHORT.content
                    assert response.tool_calls[0].arguments == '{"a": "\\u00fc"}'
                    assert [delta.text for delta in deltas if delta.kind == "text"] == ["Grö", "ße ", "😀"]
        await reader.client.aclose()

    asyncio.run(all_of_them())


words = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.dictionaries(words, words | st.integers() | st.lists(words, max_size=2), max_size=3)
calls = st.lists(st.tuples(st.text("abc_", min_size=1, max_size=6), values.map(json.dumps)), max_size=4)
cuts = st.lists(st.integers(0, 200), max_size=6)


def call_pieces(index: int, name: str, written: str, chance: random.Random) -> Iterator[dict[str, Any]]:
    """The pieces of one call: id and name first, late, or with every piece; the arguments cut anywhere."""
    habit = chance.choice(["first", "late", "every", "apart"])
    parts = pieces_of(written, [chance.randrange(200) for _ in range(chance.randrange(5))])
    told = {"id": f"c{index}", "type": "function"}
    if habit == "apart":
        yield {"index": index, **told}
        yield {"index": index, "function": {"name": name}}
    for at, part in enumerate(parts):
        piece: dict[str, Any] = {"index": index, "function": {"arguments": part}}
        if habit == "every" or (habit == "first" and at == 0) or (habit == "late" and at == len(parts) - 1):
            piece = {**piece, **told, "function": {"name": name, "arguments": part}}
        yield piece


def interleaved(runs: Sequence[Sequence[Any]], chance: random.Random) -> Iterator[Any]:
    left = [list(run) for run in runs if run]
    while left:
        run = chance.choice(left)
        yield run.pop(0)
        left = [run for run in left if run]


@settings(max_examples=150, deadline=None)
@given(words, words, calls, cuts, st.randoms(use_true_random=False))
def test_deltas_may_come_in_any_order_that_keeps_each_text_and_call_in_order(
    text: str, thought: str, wanted: list[tuple[str, str]], where: list[int], chance: random.Random
) -> None:
    runs: list[list[dict[str, Any]]] = [
        [{"content": piece} for piece in pieces_of(text, where)],
        [{"reasoning_content": piece} for piece in pieces_of(thought, where)],
        [{"role": "assistant"}, {}, {"content": ""}, {"tool_calls": []}, {"content": None, "refusal": None}],
        *(
            [{"tool_calls": [piece]} for piece in call_pieces(index, name, written, chance)]
            for index, (name, written) in enumerate(wanted)
        ),
    ]
    others = [[{"index": 1, "delta": {"content": "Another reply"}, "finish_reason": "stop"}]] * 2
    mine = [{"index": 0, "delta": delta, "finish_reason": None} for delta in interleaved(runs, chance)]
    choices = [*interleaved([mine, *others], chance), {"index": 0, "delta": {}, "finish_reason": "stop"}]
    chunks: list[dict[str, Any]] = []
    for choice in choices:  # several choices in one chunk, or each in its own, and chunks with none
        if chunks and chance.random() < 0.3:
            chunks[-1]["choices"].append(choice)
        else:
            chunks.append({"model": "m", "choices": [choice]})
        if chance.random() < 0.1:
            chunks.append({"model": "m", "choices": []})
    whole = Assembly()
    deltas = [delta for chunk in chunks for delta in whole.add(chunk)]
    unsplit = Assembly()
    told = [{"id": f"c{i}", "function": {"name": n, "arguments": a}} for i, (n, a) in enumerate(wanted)]
    message = {"role": "assistant", "content": text, "reasoning_content": thought, "tool_calls": told}
    unsplit.add_whole({"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    assert (whole.content, whole.reasoning, whole.finish_reason) == (
        *(unsplit.content, unsplit.reasoning, unsplit.finish_reason),
    )
    assert {call.id: call for call in whole.tool_calls} == {call.id: call for call in unsplit.tool_calls}
    for index, call in enumerate(whole.tool_calls):
        mine_of_call = [delta for delta in deltas if delta.kind == "tool" and delta.index == index]
        assert "".join(delta.text for delta in mine_of_call) == call.arguments
        assert [delta.name for delta in mine_of_call if delta.name] == [call.name]
    assert "".join(delta.text for delta in deltas if delta.kind == "text") == (whole.content or "")


@given(st.text(), st.lists(st.integers(0, 400)))
def test_surrogate_pairs_may_be_parted(text: str, where: list[int]) -> None:
    units = [chr(unit) for unit in memoryview(text.encode("utf-16-le")).cast("H")]
    whole = Assembly()
    shown = ""
    for piece in pieces_of("".join(units), where):
        for delta in whole.add(json.loads(json.dumps({"choices": [{"delta": {"content": piece}}]}))):
            delta.text.encode()  # what is shown can be printed
            shown += delta.text
    assert shown == whole.content == text


async def test_half_an_emoji_in_a_chunk_is_no_broken_stream() -> None:
    halves = [{"choices": [{"index": 0, "delta": {"content": half}}]} for half in ("a\ud83d", "\ude00b")]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    deltas, response = await read([body_of([*halves, end])])
    assert response.content == "a😀b"
    assert [delta.text for delta in deltas] == ["a", "😀b"]
    _, response = await read([body_of([halves[0], halves[0], end])])
    assert response.content == "a\ufffda", "a half without another can't be printed"


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200)
    | st.lists(
        st.sampled_from([b"data: ", b"data:", b"\n", b"\n\n", b"\r\n", b"\r", b" ", b"x", b"id: 1", b"\xef\xbb\xbf"])
    ).map(b"".join),
    cuts,
)
def test_whatever_bytes_come_the_decoder_says_the_same_however_they_are_cut(data: bytes, where: list[int]) -> None:
    decoder, whole = EventDecoder(), EventDecoder()
    parted = [event for piece in pieces_of(data, where) for event in decoder.feed(piece)] + decoder.finish()
    assert parted == whole.feed(data) + whole.finish()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["choices", "delta", "index", "content", "tool_calls", "function", "name", "id", "error",
                         "usage", "logprobs", "finish_reason", "arguments", "model", "message", "function_call"]),
        inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(json_values, max_size=4))
def test_whatever_json_comes_the_outcome_is_a_reply_or_a_model_error(chunks: list[Any]) -> None:
    try:
        _, response = asyncio.run(read([body_of(chunks)]))
    except ModelError:
        return
    assert isinstance(response.content, str | None)
    assert all(isinstance(call.name, str) for call in response.tool_calls)


async def test_comments_other_fields_and_a_byte_order_mark_are_no_matter() -> None:
    first = json.dumps({"choices": [{"index": 0, "delta": {"content": "Hi"}}]})
    pretty = json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, indent=1)
    text = f"\ufeff: keep-alive\n\nevent: x\nid: 1\nretry: 5\ndata:{first}\n\n:\n\n"
    text += "".join(f"data: {line}\n" for line in pretty.splitlines()) + "\ndata\n\ndata: [DONE]"
    _, response = await read([text.encode()])
    assert (response.content, response.finish_reason) == ("Hi", "stop")


async def test_an_error_may_come_in_a_field_of_its_own_or_as_an_object() -> None:
    for line, lasting in (
        ('error: {"error": {"message": "no slot", "code": 503}}', False),
        ('data: {"object": "error", "message": "no slot", "code": 400}', True),
        ('data: {"error": "no slot"}', False),
        ('data: {"error": {"message": "no slot", "code": "context_length_exceeded"}}', True),
    ):
        with pytest.raises(ModelError, match=r"x\.test told an error: no slot") as raised:
            await read([f"{line}\n\n".encode()])
        assert raised.value.transient is not lasting


def test_tokens_that_are_no_numbers_are_not_told() -> None:
    assert told_tokens({"prompt_tokens": 3, "completion_tokens": None}) == (3, 0, 0)
    assert told_tokens({"prompt_tokens": "many"}) is None
    assert told_tokens({}) is None
    assert told_tokens([3]) is None
    assert read_json(b'"\\ud83d"') == "\ud83d"


def test_habits_of_endpoints_that_send_parts_or_objects() -> None:
    whole = Assembly()
    parts = [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": "Hi"}]
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": {"a": "ü"}}}
    again = {"index": 0, "id": "another", "function": {"arguments": ""}}
    for delta in ({"content": parts}, {"tool_calls": [call]}, {"tool_calls": [again]}):
        list(whole.add({"choices": [{"delta": delta}]}))
    assert whole.content == "Hi"
    assert [(call.id, call.arguments) for call in whole.tool_calls] == [("a", '{"a": "ü"}')]
