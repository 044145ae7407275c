"""KServe's protocol with Triton's own client, and by hand where that client is too well-behaved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from autogen_like.serving.server import ModelServer
from autogen_like.serving.server.tensors import pack

from .asking import HELLO, nothing_held, post, until

INFER = "/v2/models/tiny/infer"


@pytest.fixture
def kserve(tiny: ModelServer) -> Iterator[Any]:
    client = triton.InferenceServerClient(tiny.address.removeprefix("http://"), concurrency=4, network_timeout=60)
    yield client
    client.close()


def texts(name: str, *values: str, binary: bool = True, shape: list[int] | None = None) -> Any:
    tensor = triton.InferInput(name, shape or [len(values)], "BYTES")
    tensor.set_data_from_numpy(np.array(values, dtype=object).reshape(shape or [-1]), binary_data=binary)
    return tensor


def options(**settings: Any) -> Any:
    return texts("options", json.dumps({"temperature": 0, "max_tokens": 6, **settings}))


def test_the_client_finds_its_way(kserve):
    assert kserve.is_server_live()
    assert kserve.is_server_ready()
    assert kserve.is_model_ready("tiny")
    assert kserve.is_model_ready("tiny", "1")
    assert not kserve.is_model_ready("other")
    assert not kserve.is_model_ready("tiny", "2")
    assert kserve.get_server_metadata()["name"] == "autogen_like"
    metadata = kserve.get_model_metadata("tiny")
    assert [tensor["name"] for tensor in metadata["inputs"]] == ["text_input", "messages", "options"]
    assert kserve.get_model_config("tiny")["max_batch_size"] == 0
    assert kserve.get_model_repository_index()[0]["state"] == "READY"


@pytest.mark.parametrize("binary", [True, False])
def test_texts_go_on(kserve, binary):
    outputs = [triton.InferRequestedOutput("text_output", binary_data=binary)]
    inputs = [texts("text_input", "abc", "xyz é", binary=binary), options()]
    got = kserve.infer("tiny", inputs, outputs=outputs, request_id="seven")
    assert got.get_response()["id"] == "seven"
    both = got.as_numpy("text_output")
    assert both.shape == (2,)
    alone = kserve.infer("tiny", [texts("text_input", "abc"), options()])
    assert alone.as_numpy("text_output")[0] in (both[0], both[0].encode() if isinstance(both[0], str) else b"")
    assert alone.as_numpy("finish_reason").tolist() == [b"length"]
    whole = json.loads(alone.as_numpy("response")[0])
    assert whole["usage"]["completion_tokens"] == 6


def test_options_may_be_parameters(kserve):
    got = kserve.infer("tiny", [texts("text_input", "abc")], parameters={"max_tokens": 3, "temperature": 0})
    assert json.loads(got.as_numpy("response")[0])["usage"]["completion_tokens"] == 3


def test_a_conversation_is_answered(kserve, client):
    said = client.chat.completions.create(model="tiny", messages=HELLO, temperature=0, max_tokens=6)
    got = kserve.infer("tiny", [texts("messages", json.dumps(HELLO), shape=[1, 1]), options()])
    assert got.as_numpy("text_output")[0].decode() == said.choices[0].message.content


def test_requests_run_side_by_side(kserve):
    waiting = [kserve.async_infer("tiny", [texts("text_input", letter), options()]) for letter in "abcd"]
    assert len({request.get_result().as_numpy("text_output")[0] for request in waiting}) > 1


@pytest.mark.parametrize(
    ("inputs", "match"),
    [
        ([], "inputs"),
        ([texts("options", "{}")], "either text_input or messages"),
        ([texts("text_input", "a"), texts("messages", "[]")], "either text_input or messages"),
        ([texts("other", "a")], "no input 'other'"),
        ([texts("messages", "[")], "messages: no JSON"),
        ([texts("messages", "{}")], "messages"),
        ([texts("messages", "[]", "[]")], "one element"),
        ([texts("text_input", "a"), texts("options", "[]")], "options"),
        ([texts("text_input", "a"), texts("options", '{"temperature": 9}')], "temperature"),
        ([texts("text_input", "a"), texts("options", '{"n": 2}')], "n: this protocol"),
        ([texts("text_input", "a"), texts("options", '{"stream": true}')], "stream: this protocol"),
        ([texts("text_input", "a"), texts("options", '{"colour": 1}')], "colour"),
        ([texts("text_input", "x" * 2000)], "window is 1024"),
    ],
    ids=range(13),
)
def test_what_is_wrong_is_named(kserve, inputs, match):
    with pytest.raises(InferenceServerException, match=match):
        kserve.infer("tiny", inputs)


def test_an_output_that_is_not_there_is_named(kserve):
    with pytest.raises(InferenceServerException, match="no output 'logits'"):
        kserve.infer("tiny", [texts("text_input", "a"), options()], outputs=[triton.InferRequestedOutput("logits")])


def tensor(**fields: Any) -> dict[str, Any]:
    return {"name": "text_input", "shape": [1], "datatype": "BYTES", **fields}


PACKED = pack(["abc"])
HANDMADE: list[tuple[list[dict[str, Any]], bytes, str | None]] = [
    ([tensor(data=["abc"])], b"", None),
    ([tensor(data=[["abc"]], shape=[1, 1])], b"", None),
    ([tensor(parameters={"binary_data_size": len(PACKED)})], PACKED, None),
    ([tensor(data=[3])], b"", "must be texts"),
    ([tensor(data=["a", "b"])], b"", "another shape"),
    ([tensor(data=["a"], shape=[-1])], b"", "another shape"),
    ([tensor(data=["a"], datatype="FP32")], b"", "BYTES"),
    ([tensor(data=["a"]), tensor(data=["a"])], b"", "twice"),
    ([tensor(parameters={"binary_data_size": 99})], PACKED, "longer than the body"),
    ([tensor(parameters={"binary_data_size": -1})], PACKED, "longer than the body"),
    ([tensor(parameters={"binary_data_size": "7"})], PACKED, "longer than the body"),
    ([tensor(parameters={"binary_data_size": 5})], PACKED, "is cut"),
    ([tensor(parameters={"binary_data_size": 2})], PACKED[:2], "is cut"),
    ([tensor(parameters={"binary_data_size": 7})], PACKED + b"more", "longer than its inputs"),
    ([tensor(parameters={"binary_data_size": 6})], b"\x02\0\0\0\xff\xfe", "no UTF-8"),
]


@pytest.mark.parametrize(("inputs", "packed", "wrong"), HANDMADE, ids=range(len(HANDMADE)))
def test_tensors_by_hand(tiny, inputs, packed, wrong):
    head = json.dumps({"inputs": inputs, "parameters": {"max_tokens": 2}}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))} if packed else {}
    got = post(tiny.address + INFER, content=head + packed, headers=headers)
    assert got.status_code == (200 if wrong is None else 400), got.text
    if wrong is not None:
        assert wrong in got.json()["error"]


@pytest.mark.parametrize("length", ["-1", "x", "999999", "9" * 50, ""])
def test_a_length_that_cannot_be(tiny, length):
    body = json.dumps({"inputs": [tensor(data=["abc"])]})
    got = post(tiny.address + INFER, content=body, headers={"Inference-Header-Content-Length": length})
    assert got.status_code == 400


def test_generate_and_its_stream_say_the_same(tiny):
    body = {"text_input": "abc", "parameters": {"max_tokens": 8, "temperature": 0}, "id": "x"}
    whole = post(f"{tiny.address}/v2/models/tiny/generate", json=body).json()
    stream = post(f"{tiny.address}/v2/models/tiny/versions/1/generate_stream", json=body)
    assert stream.headers["content-type"].startswith("text/event-stream")
    pieces = [json.loads(line[6:]) for line in stream.text.splitlines() if line]
    assert "".join(piece["text_output"] for piece in pieces) == whole["text_output"]
    assert pieces[-1]["finish_reason"] == whole["finish_reason"] == "length"


def test_generate_takes_conversations_as_they_are(tiny):
    body = {"messages": HELLO, "options": {"max_tokens": 4}}
    got = post(f"{tiny.address}/v2/models/tiny/generate", json=body).json()
    assert json.loads(got["response"])["object"] == "chat.completion"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"text_input": 3},
        {"text_input": ["a"]},
        {"text_input": "a", "parameters": [1]},
        {"text_input": "a", "options": "["},
        {"text_input": "a", "options": 3},
        {"text_input": "a", "more": 1},
        {"messages": 3},
        {"text_input": "a", "parameters": {"model": 3, "stop": 5}},
    ],
)
def test_generate_names_what_is_wrong(tiny, body):
    for action in ("generate", "generate_stream"):
        got = post(f"{tiny.address}/v2/models/tiny/{action}", json=body)
        assert got.status_code == 400
        assert set(got.json()) == {"error"}


def test_a_reader_that_leaves_the_stream_frees_its_blocks(tiny):
    body = {"text_input": "abc", "parameters": {"max_tokens": 96, "temperature": 0}}
    with httpx.stream("POST", f"{tiny.address}/v2/models/tiny/generate_stream", json=body) as got:
        next(got.iter_lines())
    until(lambda: nothing_held(tiny))
