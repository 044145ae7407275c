"""The OpenAI client, by the real openai package, against a real HTTP server."""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from autogen_like.core.errors import ConfigError, ContextOverflow, ModelError
from autogen_like.core.message import Image, Message, Text, ToolCall, ToolResult
from autogen_like.models.client import Choice, Delta, JsonSchema, ModelClient, ModelRequest, ModelResponse
from autogen_like.models.openai import OpenAIClient
from autogen_like.testing import OpenAIServer, Reply

KEY = "sk-very-secret-key"
HELLO = ModelRequest([{"role": "user", "content": "Hello"}])
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather", "parameters": {"type": "object", "properties": {}}},
}


def client_for(server: OpenAIServer, **settings: Any) -> OpenAIClient:
    return OpenAIClient({"model": "gpt-4.1", "api_key": KEY, "base_url": server.base_url, **settings})


async def ask(server: OpenAIServer, request: ModelRequest = HELLO, **settings: Any) -> ModelResponse:
    client = client_for(server, **settings)
    try:
        return await client.complete(request)
    finally:
        await client.aclose()


async def streamed(
    server: OpenAIServer, request: ModelRequest = HELLO, **settings: Any
) -> tuple[list[Delta], ModelResponse]:
    client = client_for(server, **settings)
    try:
        *deltas, response = [item async for item in client.stream(request)]
    finally:
        await client.aclose()
    assert isinstance(response, ModelResponse)
    assert all(isinstance(delta, Delta) for delta in deltas)
    return deltas, response  # type: ignore[return-value]


def body(server: OpenAIServer) -> dict[str, Any]:
    return dict(server.requests[-1].body)


async def test_a_reply_comes_with_its_usage_and_cost() -> None:
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 500,
        "total_tokens": 1500,
        "prompt_tokens_details": {"cached_tokens": 400},
    }
    with OpenAIServer([Reply("Hi there", usage=usage)]) as server:
        response = await ask(server)
    assert response.content == "Hi there"
    assert response.finish_reason == "stop"
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (1000, 500)
    assert response.usage.cached_tokens == 400
    assert response.usage.cost == pytest.approx((600 * 2 + 400 * 0.5 + 500 * 8) / 1e6)
    assert response.usage.seconds > 0
    assert response.raw.choices[0].message.content == "Hi there"


async def test_a_price_in_the_configuration_wins() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 2000, "total_tokens": 3000}
    with OpenAIServer([Reply("Hi", usage=usage)]) as server:
        response = await ask(server, price=[1, 2])
    assert response.usage.cost == 5


async def test_an_endpoint_that_tells_no_usage_gets_an_estimate() -> None:
    with OpenAIServer([Reply("Hi", usage=False)] * 2) as server:
        whole = await ask(server)
        _, pieces = await streamed(server)
    for response in (whole, pieces):
        assert response.usage.estimated
        assert response.usage.prompt_tokens > 0
        assert response.usage.completion_tokens > 0


async def test_call_arguments_win_over_the_configuration_which_stays_as_it_is() -> None:
    with OpenAIServer() as server:
        config = {"model": "m", "api_key": KEY, "base_url": server.base_url, "temperature": 1, "top_p": 0.5}
        config |= {"tags": ["x"], "api_rate_limit": 5, "price": [0, 0], "cache_seed": 1, "seed": None}
        before = dict(config)
        client = OpenAIClient(config)
        await client.complete(ModelRequest(HELLO.messages, params={"temperature": 0, "max_tokens": 5}))
        await client.aclose()
        sent = body(server)
    assert config == before
    assert sent == {"model": "m", "messages": [HELLO.messages[0]], "temperature": 0, "top_p": 0.5, "max_tokens": 5}


async def test_the_system_message_goes_first_and_names_are_made_acceptable() -> None:
    messages = [
        {"role": "user", "content": "Hi", "name": "Zoë & Co."},
        {"role": "user", "content": "Ho", "name": "bob"},
    ]
    with OpenAIServer() as server:
        await ask(server, ModelRequest(messages, system="Be kind."))
        sent = body(server)["messages"]
    assert sent[0] == {"role": "system", "content": "Be kind."}
    assert [message["name"] for message in sent[1:]] == ["Zo_Co_", "bob"]


async def test_messages_of_a_transcript_go_as_the_endpoint_wants_them() -> None:
    calls = (ToolCall("1", "f", "{}"), ToolCall("2", "g", "{}"))
    results = (ToolResult("1", "f", "one"), ToolResult("2", "g", "two"))
    said = [
        Message("ann", (Text("See"), Image("https://example.org/a.png", "low")), extra={"context": {"a": 1}}),
        Message("bot", None, calls),
        Message("ann", None, tool_results=results),
    ]
    with OpenAIServer() as server:
        await ask(server, ModelRequest([message.render("bot") for message in said]))
        sent = body(server)["messages"]
    assert sent[0]["content"][1] == {
        "type": "image_url",
        "image_url": {"url": "https://example.org/a.png", "detail": "low"},
    }
    assert [call["id"] for call in sent[1]["tool_calls"]] == ["1", "2"]
    assert sent[2:] == [
        {"role": "tool", "tool_call_id": "1", "content": "one"},
        {"role": "tool", "tool_call_id": "2", "content": "two"},
    ]


async def test_a_lone_surrogate_is_no_crash() -> None:
    with OpenAIServer() as server:
        await ask(server, ModelRequest([{"role": "user", "content": "a\ud800b"}]))
        assert body(server)["messages"][0]["content"] == "a?b"


async def test_a_request_that_is_no_json_says_so() -> None:
    with OpenAIServer() as server:
        for wrong in (object(), float("nan")):
            with pytest.raises(ConfigError, match="must be JSON"):
                await ask(server, ModelRequest(HELLO.messages, params={"stop": wrong}))
        assert not server.requests


async def test_parallel_tool_calls_arrive_whole_and_streamed() -> None:
    reply = Reply(tool_calls=[("weather", {"city": "Rome"}), ("weather", {"city": "Oslo"})], piece=3)
    request = ModelRequest(
        HELLO.messages, tools=[WEATHER], tool_choice="required", params={"parallel_tool_calls": True}
    )
    with OpenAIServer([reply, reply]) as server:
        whole = await ask(server, request)
        assert body(server)["tool_choice"] == "required"
        deltas, pieces = await streamed(server, request)
    for response in (whole, pieces):
        assert response.content is None
        assert response.finish_reason == "tool_calls"
        assert [(call.name, call.arguments) for call in response.tool_calls] == [
            ("weather", '{"city": "Rome"}'),
            ("weather", '{"city": "Oslo"}'),
        ]
        assert all(call.id for call in response.tool_calls)
    assert "".join(delta.text for delta in deltas if delta.index == 1) == '{"city": "Oslo"}'
    assert [delta.name for delta in deltas if delta.name] == ["weather", "weather"]


async def test_without_tools_nothing_about_tools_is_sent() -> None:
    with OpenAIServer() as server:
        await ask(server, ModelRequest(HELLO.messages, tool_choice="auto"), parallel_tool_calls=False)
        assert body(server).keys() == {"model", "messages"}


async def test_the_retired_function_call_form_is_understood() -> None:
    reply = Reply(function_call=("f", {"a": 1}), piece=2)
    with OpenAIServer([reply, reply]) as server:
        whole = await ask(server)
        _, pieces = await streamed(server)
    assert whole.tool_calls == pieces.tool_calls == (ToolCall(None, "f", '{"a": 1}'),)


async def test_a_stream_gives_text_reasoning_and_usage() -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    with OpenAIServer([Reply("The answer is 42.", reasoning="Let me think", usage=usage)]) as server:
        deltas, response = await streamed(server)
        assert body(server)["stream_options"] == {"include_usage": True}
    assert "".join(delta.text for delta in deltas if delta.kind == "text") == response.content == "The answer is 42."
    assert "".join(delta.text for delta in deltas if delta.kind == "reasoning") == response.reasoning == "Let me think"
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (7, 3)
    assert not response.usage.estimated


async def test_an_endpoint_without_stream_options_is_asked_only_once_for_them() -> None:
    def picky(body: Any) -> str | Reply:
        return Reply.error(400, "Unrecognized argument: stream_options") if "stream_options" in body else "Hi"

    with OpenAIServer(picky) as server:
        client = client_for(server)
        for _ in range(2):
            items = [item async for item in client.stream(HELLO)]
            assert isinstance(items[-1], ModelResponse)
            assert items[-1].usage.estimated
        await client.aclose()
        assert len(server.requests) == 3


async def test_a_stream_that_is_left_early_ends_at_the_server_too() -> None:
    with OpenAIServer([Reply("x" * 4000, piece=1, pause=0.002)]) as server:
        client = client_for(server)
        stream = client.stream(HELLO)
        async for _ in stream:
            break
        await stream.aclose()  # type: ignore[attr-defined]
        for _ in range(500):
            if server.hung_up:
                break
            await asyncio.sleep(0.01)
        await client.aclose()
        assert server.hung_up == 1


@pytest.mark.parametrize(
    "chunks",
    [
        ['data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}\n\n'],
        ["data: {not json\n\n"],
        ['data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n'],
    ],
    ids=["cut", "garbled", "error inside"],
)
async def test_a_broken_stream_is_an_error_that_may_pass(chunks: list[str]) -> None:
    with OpenAIServer([Reply(chunks=chunks)]) as server, pytest.raises(ModelError) as raised:
        await streamed(server)
    assert raised.value.transient


async def test_a_choice_is_kept_to_by_a_strict_schema() -> None:
    request = ModelRequest(HELLO.messages, constraint=Choice(("ann", "bob")))
    reply = Reply('{"choice": "bob"}')
    with OpenAIServer([reply, reply, "I won't"]) as server:
        whole = await ask(server, request, capabilities={"choices": True})
        schema = body(server)["response_format"]["json_schema"]
        assert schema["strict"] is True
        assert schema["schema"]["properties"]["choice"]["enum"] == ["ann", "bob"]
        deltas, pieces = await streamed(server, request, capabilities={"choices": True})
        refused = await ask(server, request, capabilities={"choices": True})
    assert whole.content == pieces.content == "bob"
    assert deltas == [Delta("bob")]
    assert refused.content == "I won't"


async def test_a_schema_is_strict_only_where_it_can_be() -> None:
    closed = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    nested = {**closed, "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}}}
    with OpenAIServer(['{"a": 1}'] * 2) as server:
        for schema, strict in ((closed, True), (nested, False)):
            await ask(
                server, ModelRequest(HELLO.messages, constraint=JsonSchema(schema)), capabilities={"json_schema": True}
            )
            sent = body(server)["response_format"]["json_schema"]
            assert sent == {"name": "reply", "schema": schema, "strict": strict}


async def test_a_constraint_that_the_model_cannot_keep_to_is_refused_before_it_is_sent() -> None:
    with OpenAIServer() as server:
        with pytest.raises(ConfigError, match=r"'capabilities': \{'choices': True\}"):
            await ask(server, ModelRequest(HELLO.messages, constraint=Choice(("a",))))
        assert not server.requests


class Person(BaseModel):
    name: str
    age: int = 30
    mood: Literal["good", "bad"] = "good"


async def test_a_pydantic_model_gives_a_validated_object() -> None:
    text = '{"name": "Ada", "age": 36, "mood": "good"}'
    with OpenAIServer([text, text]) as server:
        whole = await ask(server, ModelRequest(HELLO.messages, params={"response_format": Person}))
        _, pieces = await streamed(server, response_format=Person)
    assert whole.parsed == pieces.parsed == Person(name="Ada", age=36)
    assert whole.content == text


async def test_a_reply_that_does_not_fit_the_pydantic_model_is_an_error_that_says_where() -> None:
    with OpenAIServer(['{"name": 3}', Reply('{"name": "A', finish_reason="length")]) as server:
        with pytest.raises(ModelError, match="does not fit Person: 1 errors: name") as wrong:
            await ask(server, response_format=Person)
        with pytest.raises(ModelError, match="raise max_tokens") as cut:
            await ask(server, response_format=Person)
    assert wrong.value.transient
    assert not cut.value.transient


async def test_a_form_that_is_no_pydantic_model_is_refused() -> None:
    with OpenAIServer() as server, pytest.raises(ConfigError, match="response_format"):
        await ask(server, response_format=int)


async def test_logprobs_and_refusals_and_reasoning_come_along() -> None:
    token = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}
    logprobs = {"content": [token], "refusal": None}
    with OpenAIServer([Reply("Hi", logprobs=logprobs)] * 2 + [Reply(refusal="No.", reasoning="Hm")] * 2) as server:
        whole = await ask(server, ModelRequest(HELLO.messages, params={"logprobs": True, "top_logprobs": 0}))
        assert body(server)["logprobs"] is True
        _, pieces = await streamed(server)
        refused = await ask(server)
        _, refused_in_pieces = await streamed(server)
    assert whole.logprobs["content"][0]["logprob"] == pieces.logprobs["content"][0]["logprob"] == -0.1
    assert refused.content == refused_in_pieces.content == "No."
    assert refused.reasoning == "Hm"


async def test_parameters_of_the_http_request_don_t_go_into_its_body() -> None:
    with OpenAIServer() as server:
        params = {
            "extra_headers": {"X-Trace": "7"},
            "extra_query": {"q": "1"},
            "extra_body": {"top_k": 5},
            "timeout": 9,
        }
        await ask(server, ModelRequest(HELLO.messages, params=params), default_headers={"X-Team": "blue"})
        request = server.requests[0]
    assert request.headers["x-trace"] == "7"
    assert request.headers["x-team"] == "blue"
    assert request.path.endswith("?q=1")
    assert request.body.keys() == {"model", "messages", "top_k"}


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
