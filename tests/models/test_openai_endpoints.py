"""The OpenAI client's errors, keys, addresses and loops, against a real HTTP server."""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from typing import Any

import pytest
from asking_openai import HELLO, KEY, ask, body, client_for

from autogen_like.core.errors import ConfigError, ContextOverflow, ModelError
from autogen_like.models.client import ModelClient, ModelRequest
from autogen_like.models.openai import OpenAIClient
from autogen_like.testing import OpenAIServer, Reply


@pytest.mark.parametrize(
    ("status", "code", "transient"),
    [
        (400, None, False),
        (401, "invalid_api_key", False),
        (404, "model_not_found", False),
        (408, None, True),
        (429, "rate_limit_exceeded", True),
        (429, "insufficient_quota", False),
        (500, None, True),
        (503, None, True),
    ],
)
async def test_errors_say_whether_another_try_can_help(status: int, code: str | None, transient: bool) -> None:
    with OpenAIServer([Reply.error(status, "Sorry", code=code, retry_after=1.5)]) as server:
        with pytest.raises(ModelError, match=f"gpt-4.1: 127.0.0.1:[0-9]+ answered {status}: Sorry") as raised:
            await ask(server)
        assert len(server.requests) == 1, "only Retry retries"
    assert raised.value.status == status
    assert raised.value.transient is transient
    assert raised.value.retry_after == 1.5


async def test_a_prompt_that_is_too_long_has_an_error_of_its_own() -> None:
    long = Reply.error(400, "too long", code="context_length_exceeded")
    with OpenAIServer([long]) as server, pytest.raises(ContextOverflow):
        await ask(server)


async def test_no_endpoint_a_slow_one_and_a_wrong_one_are_told_apart() -> None:
    with OpenAIServer([Reply("late", delay=5)]) as server:
        gone = server.base_url
        with pytest.raises(ModelError, match="timed out") as slow:
            await ask(server, timeout=0.1)
    assert slow.value.transient
    client = OpenAIClient({"model": "m", "api_key": KEY, "base_url": gone})
    with pytest.raises(ModelError, match="no connection") as absent:
        await client.complete(HELLO)
    await client.aclose()
    assert absent.value.transient
    with OpenAIServer([Reply(body="<html>Hello</html>"), Reply(body={"object": "list"})]) as server:
        for _ in range(2):
            with pytest.raises(ModelError, match="check base_url") as wrong:
                await ask(server)
            assert not wrong.value.transient


async def test_the_key_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with OpenAIServer(api_key="another") as server:
        client = client_for(server)
        with pytest.raises(ModelError) as raised:
            await client.complete(HELLO)
        await client.aclose()
    told = "".join(traceback.format_exception(raised.value))
    assert "Incorrect API key provided: ***" in told
    assert KEY not in told
    assert KEY not in repr(client)
    assert caplog.records
    assert KEY not in caplog.text
    assert KEY not in str(client.identity())


async def test_a_missing_key_is_told_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    client = OpenAIClient({"model": "gpt-4.1"})
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        await client.complete(HELLO)
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        [item async for item in client.stream(HELLO)]


async def test_key_and_address_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer(["Hi"], api_key=KEY) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        client = OpenAIClient({"model": "gpt-4.1"})
        assert (await client.complete(HELLO)).content == "Hi"
        await client.aclose()


async def test_reasoning_models_of_openai_get_their_own_name_for_the_limit() -> None:
    from autogen_like.models.call import Call
    from autogen_like.models.traits import traits_of

    request = ModelRequest(HELLO.messages, params={"max_tokens": 9, "reasoning_effort": "low"})
    traits = traits_of("o3", first_party=True, adapters={"reasoning"})
    sent = Call(request, "o3", {}, traits).body()
    assert b'"max_completion_tokens":9' in sent
    assert b'"max_tokens"' not in sent
    assert b'"reasoning_effort":"low"' in sent


async def test_azure_has_its_own_address_and_header() -> None:
    with OpenAIServer(["Hi"]) as server:
        client = OpenAIClient(
            {
                "model": "gpt-3.5-turbo",
                "api_type": "azure",
                "base_url": server.url + "/",
                "api_key": KEY,
                "api_version": "v9",
            }
        )
        assert (await client.complete(HELLO)).content == "Hi"
        await client.aclose()
        request = server.requests[0]
    assert request.path == "/openai/deployments/gpt-35-turbo/chat/completions?api-version=v9"
    assert request.headers["api-key"] == KEY
    assert "authorization" not in request.headers


async def test_azure_takes_a_deployment_and_a_token() -> None:
    with OpenAIServer(["Hi"] * 2) as server:
        common = {"model": "gpt-4.1", "api_type": "azure", "base_url": server.url, "azure_deployment": "mine"}
        for token in ({"azure_ad_token": "t0ken"}, {"azure_ad_token_provider": lambda: "t0ken"}):
            client = OpenAIClient({**common, **token})
            assert client.capabilities.json_schema
            await client.complete(HELLO)
            await client.aclose()
        assert "/deployments/mine/" in server.requests[0].path
        assert [request.headers["authorization"] for request in server.requests] == ["Bearer t0ken"] * 2


async def test_an_adapter_rewrites_what_is_sent() -> None:
    def without_system(messages: Any) -> Any:
        return [message for message in messages if message["role"] != "system"]

    with OpenAIServer() as server:
        client = OpenAIClient({"model": "m", "api_key": KEY, "base_url": server.base_url}, adapter=without_system)
        await client.complete(ModelRequest(HELLO.messages, system="S"))
        await client.aclose()
        assert body(server)["messages"] == [HELLO.messages[0]]


def test_two_loops_in_two_threads_share_one_client() -> None:
    replies: list[str | None] = []
    both = threading.Barrier(2, timeout=30)

    with OpenAIServer() as server:
        client = client_for(server)

        async def chat(name: str) -> None:
            async def one(number: int) -> None:
                text = f"{name}{number}"
                response = await client.complete(ModelRequest([{"role": "user", "content": text}]))
                assert response.content == text
                replies.append(response.content)

            await asyncio.gather(*(one(number) for number in range(8)))
            await asyncio.to_thread(both.wait)
            if name == "a":
                await client.aclose()  # closes what the other loop has open, too
            await asyncio.to_thread(both.wait)

        threads = [threading.Thread(target=asyncio.run, args=(chat(name),)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(replies) == 16


def test_loops_that_are_gone_leave_no_client_behind() -> None:
    with OpenAIServer() as server:
        client = client_for(server)

        async def once() -> None:
            await client.complete(HELLO)
            await client.aclose()

        for _ in range(3):
            asyncio.run(once())
        assert len(client._endpoint._clients) == 0


def test_it_fits_the_protocol_and_says_what_cannot_be() -> None:
    assert isinstance(OpenAIClient({"model": "m"}), ModelClient)
    with pytest.raises(ConfigError, match="'model' is missing"):
        OpenAIClient({"api_key": KEY})
    with pytest.raises(ConfigError, match="'api_type' must be one of"):
        OpenAIClient({"model": "m", "api_type": "bedrock"})
    with pytest.raises(ConfigError, match="'base_url' must start with"):
        OpenAIClient({"model": "m", "base_url": "localhost:8000"})
    with pytest.raises(ConfigError, match="unknown keys"):
        OpenAIClient({"model": "m", "capabilities": {"telepathy": True}})
    with pytest.raises(ConfigError, match="'price'"):
        OpenAIClient({"model": "m", "price": [1]})


async def test_azure_without_an_address_or_key_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_BASE", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="'base_url': 'https://NAME"):
        OpenAIClient({"model": "m", "api_type": "azure"})
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://x.openai.azure.com/openai/deployments/old")
    client = OpenAIClient({"model": "m", "api_type": "azure"})
    assert client.identity()["base_url"] == "https://x.openai.azure.com"
    with pytest.raises(ConfigError, match="AZURE_OPENAI_API_KEY"):
        await client.complete(HELLO)
    default = OpenAIClient({"model": "m", "api_type": "azure", "azure_ad_token_provider": "DEFAULT"})
    with pytest.raises(ConfigError, match="azure-identity"):
        await default.complete(HELLO)


def test_an_address_with_a_password_is_shown_without_it() -> None:
    client = OpenAIClient({"model": "m", "base_url": "https://me:hunter2@models.example.org:8443/v1"})
    assert repr(client) == "OpenAIClient(model='m', host='models.example.org:8443')"


def test_a_message_that_can_keep_its_encoding_is_encoded_once() -> None:
    from autogen_like.core.message import ChatMessage
    from autogen_like.models.wire import encode_message

    class Keeping(ChatMessage):
        __slots__ = ("encoded",)

    message = Keeping(role="user", content="Hi")
    assert encode_message(message) is encode_message(message)
