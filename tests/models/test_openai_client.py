"""The OpenAI client, by the real openai package, against a real HTTP server."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest
from asking_openai import HELLO, KEY, WEATHER, ask, body, client_for, streamed
from pydantic import BaseModel

from autogen_like.core.errors import ConfigError, ModelError
from autogen_like.core.message import Image, Message, Text, ToolCall, ToolResult
from autogen_like.models.client import Choice, Delta, JsonSchema, ModelRequest, ModelResponse
from autogen_like.models.openai import OpenAIClient
from autogen_like.testing import OpenAIServer, Reply


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
