"""The client of KServe's protocol, where what answers is no server of ours."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from autogen_like.core.errors import ContextOverflow, ModelError
from autogen_like.core.protocols import PrefixHint
from autogen_like.models.client import ModelRequest
from autogen_like.models.config import client_from
from autogen_like.models.kserve import KServeClient

HELLO = ModelRequest([{"role": "user", "content": "Hello \ud83d"}], prefix=PrefixHint("c" * 600, "ada"))


def client(status: int, content: str, asked: list[httpx2.Request], **settings: Any) -> KServeClient:
    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(status, text=content, headers={"Content-Type": "application/json"})

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    entry = {"model": "a/b c", "api_type": "kserve", "base_url": "http://127.0.0.1:9/v2/", "http_client": http}
    return KServeClient({**entry, **settings})


@pytest.mark.parametrize(
    ("status", "content", "kind", "transient", "match"),
    [
        (200, '{"text_output": "Hi"}', ModelError, False, "autogen-like serve"),
        (200, '{"response": 3}', ModelError, False, "autogen-like serve"),
        (200, '{"response": "{"}', ModelError, True, "no JSON"),
        (200, '{"response": "{}"}', ModelError, False, "choices"),
        (200, "[]", ModelError, False, "choices"),
        (200, "nothing", ModelError, True, "no JSON"),
        (200, '{"error": "it broke"}', ModelError, True, "it broke"),
        (400, '{"error": "no route [unreachable]"}', ModelError, True, "answered 400: no route;"),
        (400, 'data: {"error": "no route [unreachable]"}', ModelError, True, "answered 400: no route;"),
        (400, 'data: {"error"', ModelError, False, 'answered 400: data: {"error"'),
        (400, '{"error": "so long [context_length_exceeded]"}', ContextOverflow, False, "so long"),
        (400, '{"error": "seen [Elsewhere] [x]"}', ModelError, False, r"seen \[Elsewhere\]"),
    ],
)
async def test_answers_of_others_are_errors_that_say_what_is_wrong(status, content, kind, transient, match):
    asked: list[httpx2.Request] = []
    model = client(status, content, asked)
    with pytest.raises(kind, match=match) as raised:
        await model.complete(HELLO)
    assert raised.value.transient is transient
    await model.aclose()


async def test_what_is_sent():
    asked: list[httpx2.Request] = []
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    model = client(200, json.dumps({"response": json.dumps({"choices": [choice]})}), asked, temperature=0)
    assert (await model.complete(HELLO)).content == "Hi"
    await model.aclose()
    [request] = asked
    assert request.url.raw_path == b"/v2/models/a%2Fb%20c/generate"
    body = json.loads(request.content)
    assert json.loads(body["messages"]) == [{"role": "user", "content": "Hello ?"}]
    options = json.loads(body["options"])
    assert len(options.pop("prompt_cache_key")) == 512
    assert options == {"temperature": 0}


def test_an_entry_makes_one_that_is_known_to_keep_to_forms():
    made = client_from({"model": "tiny", "api_type": "Triton", "max_retries": 0})
    assert isinstance(made, KServeClient)
    assert made.served_by == ("triton", "localhost:8100")
    assert made.capabilities.choices
    assert not made.capabilities.images
    other = client_from(
        {"model": "gemma-2", "api_type": "kserve", "max_retries": 0, "capabilities": {"choices": False}}
    )
    assert isinstance(other, KServeClient)
    assert not other.capabilities.choices
    assert other.identity()["adapters"] == ["no_images"], "its name tells nothing: the server does the rest"
