"""A local model as a client: it answers, streams, keeps to constraints, and is loaded once for all."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from autogen_like.core.errors import ConfigError, ContextOverflow, MissingExtra
from autogen_like.core.protocols import PrefixHint
from autogen_like.models.client import Choice, Delta, JsonSchema, ModelRequest, ModelResponse
from autogen_like.models.config import client_from
from autogen_like.models.local import LocalClient, unload
from autogen_like.serving import library
from autogen_like.testing.conformance import check_model_client

ASK = [{"role": "user", "content": "What is the capital of France?"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks a city up",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture(scope="module")
def model_path() -> Path:
    return library.pull("smollm2-135m")


@pytest.fixture
def client(model_path: Path) -> LocalClient:
    made = client_from({"model": "local:smollm2-135m", "dtype": "float32", "max_tokens": 24})
    assert isinstance(made, LocalClient)
    return made


def test_it_keeps_to_the_protocol_of_clients(client: LocalClient) -> None:
    check_model_client(lambda: client, ModelRequest(ASK, params={"max_tokens": 6}))


async def test_it_answers_and_says_what_it_took(client: LocalClient) -> None:
    response = await client.complete(ModelRequest(ASK))
    assert response.content == "The capital of France is Paris."
    assert (response.finish_reason, response.model) == ("stop", "local:smollm2-135m")
    assert response.usage.prompt_tokens > 20
    assert response.usage.completion_tokens == 8
    assert response.usage.seconds > 0
    assert response.usage.cost == 0
    assert not response.usage.estimated


async def test_it_streams_token_by_token(client: LocalClient) -> None:
    items = [item async for item in client.stream(ModelRequest(ASK))]
    assert [item.text for item in items if isinstance(item, Delta)] == [
        "The", " capital", " of", " France", " is", " Paris", ".",
    ]  # fmt: skip
    assert isinstance(items[-1], ModelResponse)


async def test_the_next_turn_goes_on_where_the_last_one_ended(client: LocalClient) -> None:
    hint = PrefixHint("chat-1", "ada")
    first = await client.complete(ModelRequest(ASK, "You are Ada, a guide.", prefix=hint))
    more = [*ASK, {"role": "assistant", "content": first.content}, {"role": "user", "content": "And of Spain?"}]
    second = await client.complete(ModelRequest(more, "You are Ada, a guide.", prefix=hint))
    assert second.usage.cached_tokens >= first.usage.prompt_tokens + first.usage.completion_tokens - 1
    assert second.usage.prompt_tokens > second.usage.cached_tokens


async def test_the_model_is_loaded_once_for_all_clients(client: LocalClient, model_path: Path) -> None:
    other = LocalClient(model_path, dtype="float32", temperature=1.0, seed=4)
    await asyncio.gather(
        client.complete(ModelRequest(ASK)), other.complete(ModelRequest(ASK, params={"max_tokens": 3}))
    )
    assert other._thread is client._thread
    assert other.model == f"local:{model_path}"
    assert client.capabilities.context == 8192
    assert client.capabilities.choices
    assert client.capabilities.json_schema


async def test_other_settings_are_another_engine(client: LocalClient, model_path: Path) -> None:
    short = LocalClient(model_path, dtype="float32", context_length=40)
    assert short._thread is not client._thread
    assert short.capabilities.context is None
    with pytest.raises(ContextOverflow, match="the model's window is 40"):
        await short.complete(ModelRequest([{"role": "user", "content": "long " * 50}]))
    assert short.capabilities.context == 40
    short._thread.close()


async def test_choices_and_schemas_bind_it(client: LocalClient) -> None:
    chosen = await client.complete(ModelRequest(ASK, constraint=Choice(("Berlin", "Rome"))))
    assert chosen.content in ("Berlin", "Rome")
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]}
    fitting = await client.complete(ModelRequest(ASK, constraint=JsonSchema({**schema, "additionalProperties": False})))
    assert set(json.loads(fitting.content or "")) == {"city"}


class City(BaseModel):
    name: str
    european: bool


async def test_a_pydantic_model_comes_back_as_one(client: LocalClient) -> None:
    response = await client.complete(ModelRequest(ASK, params={"response_format": City, "max_tokens": 60}))
    assert isinstance(response.parsed, City)


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "boolean"}}}, bool),
        (
            {
                "type": "json_schema",
                "json_schema": {"schema": {"type": "array", "maxItems": 1, "items": {"type": "null"}}},
            },
            list,
        ),
    ],
)
async def test_openais_response_formats_bind_it(client: LocalClient, form: dict[str, Any], kind: type) -> None:
    response = await client.complete(ModelRequest(ASK, params={"response_format": form}))
    assert isinstance(json.loads(response.content or ""), kind)


async def test_text_is_no_form(client: LocalClient) -> None:
    response = await client.complete(ModelRequest(ASK, params={"response_format": {"type": "text"}}))
    assert response.content == "The capital of France is Paris."


async def test_any_json_object_is_one(client: LocalClient) -> None:
    request = ModelRequest(ASK, params={"response_format": {"type": "json_object"}, "max_tokens": 4})
    assert ((await client.complete(request)).content or "").startswith("{")


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "look_up"}}])
async def test_a_tool_can_be_demanded(client: LocalClient, choice: Any) -> None:
    response = await client.complete(ModelRequest(ASK, tools=[TOOL], tool_choice=choice, params={"max_tokens": 60}))
    assert response.finish_reason == "tool_calls"
    assert [call.name for call in response.tool_calls] == ["look_up"]
    assert set(json.loads(response.tool_calls[0].arguments)) == {"city"}


async def test_parameters_of_a_request_win(model_path: Path) -> None:
    client = LocalClient("smollm2-135m", dtype="float32", max_tokens=3, user="me", stop=None)
    assert (await client.complete(ModelRequest(ASK))).usage.completion_tokens == 3
    response = await client.complete(ModelRequest(ASK, params={"max_tokens": 20, "stop": " France"}))
    assert response.content == "The capital of"
    both = await client.complete(ModelRequest(ASK, params={"max_completion_tokens": 2, "stop": ["x"]}))
    assert both.usage.completion_tokens == 2


async def test_logprobs_are_told(client: LocalClient) -> None:
    response = await client.complete(ModelRequest(ASK, params={"logprobs": True, "top_logprobs": 1, "max_tokens": 1}))
    assert response.logprobs["content"][0]["token"] == "The"


async def test_the_tokens_themselves_are_told_with_their_logprobs(client: LocalClient) -> None:
    response = await client.complete(ModelRequest(ASK, params={"logprobs": True, "max_tokens": 5}))
    assert response.tokens is not None
    assert len(response.tokens.prompt_ids) == response.usage.prompt_tokens
    assert len(response.tokens.response_ids) == len(response.tokens.logprobs or ()) == 5
    assert list(response.tokens.logprobs or ()) == [told["logprob"] for told in response.logprobs["content"]]
    assert response.tokens.ends  # the model's token for the end of a turn is known
    assert (await client.complete(ModelRequest(ASK))).tokens is None


async def test_logit_bias_counts(client: LocalClient) -> None:
    response = await client.complete(ModelRequest(ASK, params={"logit_bias": {"504": -100}, "max_tokens": 1}))
    assert response.content != "The"


async def test_leaving_a_stream_early_frees_the_model(client: LocalClient) -> None:
    story = ModelRequest([{"role": "user", "content": "Tell a very long story."}], params={"max_tokens": 4000})
    async with aclosing(client.stream(story)) as items:
        async for _ in items:
            break
    answer = await asyncio.wait_for(client.complete(ModelRequest(ASK)), 60)
    assert answer.content == "The capital of France is Paris."


async def test_a_cancelled_request_frees_the_model(client: LocalClient) -> None:
    story = ModelRequest([{"role": "user", "content": "Tell a very long story."}], params={"max_tokens": 4000})
    task = asyncio.create_task(client.complete(story))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(client.complete(ModelRequest(ASK)), 60)


async def test_unloading_frees_it_until_it_is_used_again(client: LocalClient) -> None:
    await client.complete(ModelRequest(ASK, params={"max_tokens": 1}))
    unload()
    assert client.capabilities.context is None
    assert (await client.complete(ModelRequest(ASK, params={"max_tokens": 1}))).content == "The"


# --- what is refused before anything is spent


def test_a_model_that_is_not_here_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGEN_LIKE_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="autogen-like models pull smollm2-135m"):
        client_from({"model": "local:smollm2-135m"})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temprature": 1}, "knows no parameter 'temprature'"),
        ({"n": 2}, "one reply at a time"),
        ({"dtype": "int3"}, "'dtype' must be"),
    ],
)
def test_a_wrong_setting_is_refused_when_it_is_made(model_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LocalClient("smollm2-135m", **settings)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (ModelRequest(ASK, params={"temperature": -1}), "'temperature' must be"),
        (ModelRequest(ASK, params={"response_format": {"type": "xml"}}), "'response_format' must be"),
        (ModelRequest(ASK, tools=[TOOL], tool_choice={"type": "function"}), "'tool_choice' must be"),
        (ModelRequest(ASK, tools=[TOOL], tool_choice="other"), "names 'other'"),
    ],
)
async def test_a_wrong_request_is_refused(client: LocalClient, request_: ModelRequest, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        await client.complete(request_)


def test_without_torch_the_extra_is_named(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autogen_like.models.local.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'autogen_like\[local\]'"):
        LocalClient("smollm2-135m")


def test_it_names_itself(client: LocalClient) -> None:
    assert repr(client) == "LocalClient(model='local:smollm2-135m')"
    assert "torch" in sys.modules
