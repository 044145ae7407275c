"""llm_config: what it may hold, and what it stands for."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autogen_like.core.errors import ConfigError, ModelError
from autogen_like.models.cache import Cache, Cached
from autogen_like.models.client import ModelRequest, ModelResponse
from autogen_like.models.config import LLMConfig, check_config, client_from
from autogen_like.models.custom import CustomClient
from autogen_like.models.fallback import Fallback
from autogen_like.models.openai import OpenAIClient
from autogen_like.models.ratelimit import RateLimit
from autogen_like.models.retry import Retry
from autogen_like.models.scripted import ScriptedModel
from autogen_like.testing import OpenAIServer, Reply

HELLO = ModelRequest([{"role": "user", "content": "Hello"}])


@pytest.mark.parametrize(
    ("config", "cure"),
    [
        ({}, "llm_config is empty"),
        ({"config_list": []}, "'config_list' is empty"),
        ([], "'config_list' is empty"),
        ({"config_list": {"model": "m"}}, "must be a list"),
        ({"config_list": ["m"]}, r"config_list\[0\] must be a dict"),
        ({"model": ""}, "'model' must name a model"),
        ({"model": " "}, "'model' must name a model"),
        ({"model": 3}, "'model' must name a model"),
        ({"temperature": 0}, "'model' must name a model"),
        ({"config_list": [{"model": "m"}, {"api_key": "k"}]}, r"config_list\[1\]: 'model'"),
        ({"model": "m", "api_type": "bedrock"}, "'api_type' must be one of"),
        ({"model": "m", "max_retries": -1}, "'max_retries'"),
        ({"model": "m", "max_retries": "2"}, "'max_retries'"),
        ({"model": "m", "api_rate_limit": 0}, "'api_rate_limit'"),
        ({"model": "m", "cache_seed": 1.5}, "'cache_seed'"),
        ({"model": "m", "price": "cheap"}, "'price'"),
    ],
)
def test_what_cannot_be_is_refused_and_the_cure_named(config: Any, cure: str) -> None:
    with pytest.raises(ConfigError, match=cure):
        LLMConfig(config)


def test_it_reads_like_a_dict_and_hides_its_keys() -> None:
    config = LLMConfig(
        {"config_list": [{"model": "a", "api_key": "sk-1"}, {"model": "b", "default_headers": {"X-Auth": "sk-2"}}]},
        temperature=0,
        max_tokens=7,
    )
    assert config["temperature"] == 0
    assert len(config) == 3
    assert set(config) == {"config_list", "temperature", "max_tokens"}
    assert "sk-" not in repr(config)
    assert "'max_tokens': 7" in repr(config)
    assert config.entries[0] == {"model": "a", "api_key": "sk-1", "temperature": 0, "max_tokens": 7}


def test_an_entry_wins_over_what_is_common_to_all() -> None:
    config = LLMConfig({"model": "m", "temperature": 1, "config_list": [{"temperature": 0}, {"model": "n"}]})
    assert [(entry["model"], entry["temperature"]) for entry in config.entries] == [("m", 0), ("n", 1)]


def test_it_can_be_narrowed_and_changed_without_changing_itself() -> None:
    config = LLMConfig([{"model": "a", "tags": ["x"]}, {"model": "b"}])
    assert [entry["model"] for entry in config.where(tags=["x"]).entries] == ["a"]
    assert config.replace(seed=1).entries[1] == {"model": "b", "seed": 1}
    assert len(config.entries) == 2
    with pytest.raises(ConfigError, match="no entry"):
        config.where(model=["c"])


def test_an_agent_s_config_may_be_none_false_a_client_a_name_or_a_dict() -> None:
    client = ScriptedModel([])
    assert check_config(None) is False
    assert check_config(False) is False
    assert check_config(client) is client
    assert check_config("m") == {"model": "m"}
    checked = LLMConfig("m")
    assert check_config(checked) is checked
    with pytest.raises(ConfigError, match="can't be True"):
        check_config(True)


def test_a_client_is_used_as_it_is() -> None:
    client = ScriptedModel([])
    assert client_from(client) is client
    assert client_from({"model": client}) is client
    with pytest.raises(ConfigError):
        client_from({"model": object()})


def test_an_endpoint_is_retried_and_nothing_is_cached_unless_asked_for() -> None:
    client = client_from({"model": "m", "api_key": "k"})
    assert isinstance(client, Retry)
    assert isinstance(client.client, OpenAIClient)
    assert isinstance(client_from({"model": "m", "max_retries": 0}), OpenAIClient)


def test_settings_become_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    client = client_from({"model": "m", "api_rate_limit": 2, "max_retries": 5, "cache_seed": 7})
    assert isinstance(client, Cached)
    assert isinstance(client.client, Retry)
    assert client.client.retries == 5
    assert isinstance(client.client.client, RateLimit)
    again = client_from({"model": "n", "cache_seed": 7})
    assert isinstance(again, Cached)
    assert again.cache is client.cache, "one open cache for a seed"
    assert not (tmp_path / ".cache").exists(), "nothing is opened before it is used"
    cache = Cache.memory()
    given = client_from({"model": "m", "cache": cache})
    assert isinstance(given, Cached)
    assert given.cache is cache


async def test_a_list_is_tried_in_order() -> None:
    with OpenAIServer([Reply.error(500), "from the second"]) as server:
        common = {"base_url": server.base_url, "api_key": "k", "max_retries": 0}
        client = client_from({"config_list": [{"model": "a"}, {"model": "b"}], **common})
        response = await client.complete(HELLO)
        await client.aclose()
        assert [request.body["model"] for request in server.requests] == ["a", "b"]
    assert response.content == "from the second"


async def test_a_filter_function_may_ask_for_the_next_entry() -> None:
    seen: list[Any] = []

    def judge(context: Any, response: Any) -> bool:
        seen.append((context, response.content))
        return response.content == "good"

    models = [{"model": ScriptedModel([text])} for text in ("bad", "good", "unasked")]
    client = client_from({"config_list": models, "filter_func": judge, "context": {"a": 1}})
    assert isinstance(client, Fallback)
    assert (await client.complete(HELLO)).content == "good"
    assert seen == [({"a": 1}, "bad"), ({"a": 1}, "good")]
    with pytest.raises(ConfigError, match="filter_func"):
        client_from({"config_list": models, "filter_func": "no"})


async def test_a_custom_client_is_found_by_the_name_of_its_class() -> None:
    class Mine:
        def __init__(self, config: dict[str, Any]) -> None:
            self.config = config

        def create(self, params: dict[str, Any]) -> str:
            return f"{self.config['model']}: {params['messages'][-1]['content']}"

        def message_retrieval(self, response: str) -> list[str]:
            return [response]

    client = client_from({"model": "m", "model_client_cls": "Mine", "api_type": "my own"}, custom={"Mine": Mine})
    assert isinstance(client, CustomClient)
    response = await client.complete(HELLO)
    assert isinstance(response, ModelResponse)
    assert response.content == "m: Hello"


async def test_services_that_speak_openai_s_language_have_their_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    client = client_from({"model": "m", "api_type": "groq", "max_retries": 0})
    with pytest.raises(ConfigError, match="GROQ_API_KEY"):
        await client.complete(HELLO)


async def test_a_local_server_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with OpenAIServer(["Hi"]) as server:
        client = client_from({"model": "m", "base_url": server.base_url})
        assert (await client.complete(HELLO)).content == "Hi"
        await client.aclose()
    other = client_from({"model": "m", "base_url": "https://models.example.org/v1"})
    with pytest.raises(ConfigError, match="any text will do"):
        await other.complete(HELLO)


async def test_an_http_client_must_be_an_async_one() -> None:
    from openai import DefaultAsyncHttpxClient, DefaultHttpxClient

    with OpenAIServer(["Hi"] * 2) as server:
        common = {"model": "m", "base_url": server.base_url, "max_retries": 0}
        for given in (DefaultAsyncHttpxClient(), DefaultAsyncHttpxClient):
            client = client_from({**common, "http_client": given})
            assert (await client.complete(HELLO)).content == "Hi"
            await client.aclose()
        sync = DefaultHttpxClient()
        with pytest.raises(ConfigError, match="'http_client'"):
            await client_from({**common, "http_client": sync}).complete(HELLO)
        sync.close()


async def test_an_endpoint_that_fails_for_good_is_not_asked_again() -> None:
    with OpenAIServer([Reply.error(400, "no")] * 3) as server:
        client = client_from({"model": "m", "base_url": server.base_url})
        with pytest.raises(ModelError):
            await client.complete(HELLO)
        await client.aclose()
        assert len(server.requests) == 1


def test_a_local_model_is_served_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Local(ScriptedModel):
        def __init__(self, model: str, **options: Any) -> None:
            super().__init__([], model=model)
            made.append((model, options))

    monkeypatch.setitem(sys.modules, "autogen_like.models.local", SimpleNamespace(LocalClient=Local))
    client = client_from({"model": "local:smollm2-135m", "temperature": 0, "api_key": "unused", "tags": ["x"]})
    assert isinstance(client, Local)
    assert made == [("smollm2-135m", {"temperature": 0})]
