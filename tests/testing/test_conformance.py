"""The conformance checks: our clients and caches pass them, and broken ones don't."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from autogen_like.core.message import ToolCall
from autogen_like.models.cache import Cache, Cached
from autogen_like.models.client import Delta, ModelClient, ModelRequest, ModelResponse, StreamItem
from autogen_like.models.config import client_from
from autogen_like.models.fallback import Fallback
from autogen_like.models.ratelimit import RateLimit
from autogen_like.models.retry import Retry
from autogen_like.models.scripted import ScriptedModel
from autogen_like.testing import OpenAIServer, Reply, check_cache, check_model_client

WHOLE = ModelResponse("Hello there", (ToolCall("1", "f", '{"a": 1}'),), "tool_calls", model="m")


def scripted() -> ScriptedModel:
    return ScriptedModel(lambda _: WHOLE)


class Custom:
    def __init__(self, config: dict[str, Any]) -> None:
        pass

    def create(self, params: dict[str, Any]) -> str:
        return "Hello"

    def message_retrieval(self, response: str) -> list[str]:
        return [response]


@pytest.mark.parametrize(
    "make",
    [
        scripted,
        lambda: Retry(scripted()),
        lambda: Fallback([scripted()]),
        lambda: RateLimit(scripted(), requests_per_minute=60_000),
        lambda: Cached(scripted(), Cache.memory()),
        lambda: client_from({"model": "m", "model_client_cls": "Custom"}, custom={"Custom": Custom}),
    ],
    ids=["scripted", "retry", "fallback", "rate limit", "cached", "custom"],
)
def test_our_clients_keep_to_the_protocol(make: Callable[[], ModelClient]) -> None:
    check_model_client(make)


def test_so_does_the_client_of_an_endpoint() -> None:
    reply = Reply("Hello there", tool_calls=[("f", {"a": 1})])
    with OpenAIServer(lambda _: reply) as server:
        check_model_client(lambda: client_from({"model": "m", "base_url": server.base_url}))


class Nameless(ScriptedModel):
    async def complete(self, request: ModelRequest) -> ModelResponse:
        return replace(WHOLE, model="")


class Endless(ScriptedModel):
    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        yield Delta("Hello")


class Forgetful(ScriptedModel):
    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        yield Delta("Hello")
        yield WHOLE


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (Nameless(lambda _: "x"), "must name its model"),
        (Endless(lambda _: "x"), "must end with a ModelResponse"),
        (Forgetful(lambda _: "x"), "the pieces make 'Hello'"),
        (object(), "lacks something"),
    ],
)
def test_a_broken_client_is_told_how(broken: Any, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_model_client(lambda: broken)


def test_a_broken_cache_is_told_how() -> None:
    class Sharing(dict[str, Any]):
        def set(self, key: str, value: Any) -> None:
            self[key] = value

        def close(self) -> None:
            pass

    with pytest.raises(AssertionError, match="as it was set"):
        check_cache(Sharing())
