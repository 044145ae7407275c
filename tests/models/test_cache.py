"""Cached replies: what tells requests apart, where replies are kept, and what a damaged entry does."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from autogen_like.core.errors import ConfigError
from autogen_like.core.message import ToolCall
from autogen_like.core.usage import Usage
from autogen_like.models.cache import (
    Cache,
    Cached,
    cache_key,
    response_from_json,
    response_to_json,
    with_cache,
)
from autogen_like.models.client import Choice, Delta, JsonSchema, ModelRequest, ModelResponse
from autogen_like.models.fallback import Fallback
from autogen_like.models.openai import OpenAIClient
from autogen_like.models.retry import Retry
from autogen_like.models.scripted import ScriptedModel
from autogen_like.testing import OpenAIServer, check_cache

HELLO = ModelRequest([{"role": "user", "content": "Hello"}])
RICH = ModelResponse(
    "Hi ✓",
    (ToolCall("1", "f", '{"a": 1}'), ToolCall(None, "g", "{}")),
    "tool_calls",
    Usage(3, 4, 1, 0.5, 0.25, True),
    "m",
    reasoning="Hm",
    logprobs={"content": [{"token": "Hi", "logprob": -1.5}]},
)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("redis-server") or shutil.which("redis-server", path="/usr/sbin")
    assert program is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--save", "", "--dir", str(folder), "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


@pytest.fixture(params=["memory", "disk", pytest.param("redis", marks=pytest.mark.needs_redis)])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cache]:
    if request.param == "memory":
        made = Cache.memory()
    elif request.param == "disk":
        made = Cache.disk(1, tmp_path)
    else:
        made = Cache.redis(request.node.name, request.getfixturevalue("redis_url"))
    with made as opened:
        yield opened


def test_a_cache_keeps_json(cache: Cache) -> None:
    check_cache(cache)
    assert cache.get("key") == "another", "it opens again when it is used again"


async def test_the_second_time_the_cache_answers_with_the_same_reply(cache: Cache) -> None:
    model = ScriptedModel([RICH])
    client = Cached(model, cache)
    first = await client.complete(HELLO)
    second = await client.complete(HELLO)
    assert (first.cached, second.cached) == (False, True)
    assert replace(second, cached=False) == first == RICH
    assert model.calls == 1


async def test_a_stream_is_kept_and_replayed(cache: Cache) -> None:
    client = Cached(ScriptedModel([RICH]), cache)
    runs = [[item async for item in client.stream(HELLO)] for _ in range(2)]
    for *deltas, response in runs:
        assert isinstance(response, ModelResponse)
        for kind, whole in (("text", "Hi ✓"), ("reasoning", "Hm"), ("tool", '{"a": 1}{}')):
            assert "".join(d.text for d in deltas if isinstance(d, Delta) and d.kind == kind) == whole
        assert [d.name for d in deltas if isinstance(d, Delta) and d.name] == ["f", "g"]
    assert [run[-1].cached for run in runs] == [False, True]  # type: ignore[union-attr]
    assert (await client.complete(HELLO)).cached, "a stream answers a plain request too"


async def test_many_at_once_get_good_replies(cache: Cache) -> None:
    client = Cached(ScriptedModel(lambda request: request.messages[0]["content"]), cache)

    async def ask(number: int) -> str | None:
        request = ModelRequest([{"role": "user", "content": f"Hello {number % 3}"}])
        return (await client.complete(request)).content

    assert await asyncio.gather(*(ask(n) for n in range(30))) == [f"Hello {n % 3}" for n in range(30)]


def test_threads_with_loops_of_their_own_share_a_cache(cache: Cache) -> None:
    model = ScriptedModel(lambda _: "Hi")
    client = Cached(model, cache)
    asyncio.run(client.complete(HELLO))
    threads = [threading.Thread(target=asyncio.run, args=(client.complete(HELLO),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert model.calls == 1


@pytest.mark.parametrize(
    "damage",
    [
        None,
        "text",
        [],
        {},
        {"version": 99},
        {"version": 1},
        {"version": 1, "content": 3},
        {**response_to_json(RICH), "tool_calls": [["only two", "parts"]]},
        {**response_to_json(RICH), "usage": {}},
        {**response_to_json(RICH), "usage": None},
        {**response_to_json(RICH), "content": None, "tool_calls": []},
    ],
)
async def test_a_damaged_entry_is_a_miss(damage: Any, cache: Cache) -> None:
    client = Cached(ScriptedModel(["fresh"]), cache)
    cache.set(cache_key(client, HELLO), damage)
    assert (await client.complete(HELLO)).content == "fresh"
    assert (await client.complete(HELLO)).cached


async def test_a_disk_entry_with_damaged_bytes_or_a_pickle_is_a_miss(tmp_path: Path) -> None:
    executed = tmp_path / "executed"

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (executed,)

    client = Cached(ScriptedModel(["fresh", "again"]), Cache.disk(1, tmp_path))
    await client.complete(HELLO)
    with sqlite3.connect(tmp_path / "1" / "cache.db") as rows:
        rows.execute("UPDATE Cache SET value = ?, mode = 4", (pickle.dumps(Evil()),))
    rows.close()
    assert not (await client.complete(HELLO)).cached
    assert not executed.exists()
    with sqlite3.connect(tmp_path / "1" / "cache.db") as rows:
        rows.execute("UPDATE Cache SET value = ?, mode = 1", (b"garbage",))
    rows.close()
    assert client.cache.get(cache_key(client, HELLO)) is None
    client.cache.close()


def test_a_folder_that_is_no_cache_is_told(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("a file")
    with pytest.raises(ConfigError, match="can't be opened"):
        Cache.disk(1, tmp_path).set("a", 1)


@pytest.mark.needs_redis
def test_seeds_are_apart_and_a_damaged_redis_entry_is_a_miss(redis_url: str) -> None:
    import redis

    with Cache.redis("one", redis_url) as one, Cache.redis("two", redis_url) as two:
        one.set("a", 1)
        assert two.get("a") is None
        with redis.Redis.from_url(redis_url) as client:
            client.set("autogen_like:one:a", b"\x80garbage")
        assert one.get("a", "default") == "default"


def test_a_redis_that_is_not_there_is_told_without_its_password() -> None:
    away = Cache.redis(1, "redis://:hunter2@127.0.0.1:1/0")
    with away, pytest.raises(ConfigError, match="check 'redis_url'") as raised:
        away.get("a")
    assert "hunter2" not in str(raised.value)
    with pytest.raises(ConfigError, match="redis_url"):
        Cache.redis(1, "nonsense")


def test_old_configurations_make_a_cache(tmp_path: Path) -> None:
    with Cache({"cache_seed": 7, "cache_path_root": str(tmp_path)}) as cache:
        cache.set("a", 1)
    assert (tmp_path / "7" / "cache.db").exists()
    with Cache({"redis_url": "redis://localhost:1/0"}):
        pass
    with pytest.raises(ConfigError, match="unknown keys"):
        Cache({"cosmos_db_config": {}})


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text(max_size=10)}), max_size=4
)
params = st.dictionaries(st.sampled_from(["temperature", "seed", "stop"]), json_values, max_size=3)
requests = st.builds(
    ModelRequest,
    messages=messages,
    system=st.none() | st.text(max_size=5),
    tools=st.lists(st.fixed_dictionaries({"type": st.just("function"), "function": json_values}), max_size=2),
    tool_choice=st.none() | st.sampled_from(["auto", "none"]),
    constraint=st.none()
    | st.builds(Choice, st.lists(st.text(max_size=3), max_size=3).map(tuple))
    | st.builds(JsonSchema, st.dictionaries(st.text(max_size=3), json_values, max_size=2)),
    params=params,
)
MODEL = ScriptedModel([])


def backwards(value: Any) -> Any:
    """The same JSON with its keys in another order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


@given(requests)
def test_equal_requests_have_equal_keys_whatever_the_order_of_their_dicts(request: ModelRequest) -> None:
    turned = replace(
        copy.deepcopy(request),
        messages=backwards(list(request.messages)),
        tools=backwards(list(request.tools)),
        params=backwards(request.params),
    )
    assert cache_key(MODEL, request) == cache_key(MODEL, turned)


@given(requests, requests)
def test_different_requests_have_different_keys(one: ModelRequest, other: ModelRequest) -> None:
    def plain(request: ModelRequest) -> str:
        parts = (request.messages, request.system, request.tools, request.tool_choice, request.params)
        schema = request.constraint.schema if isinstance(request.constraint, JsonSchema) else None
        choice = request.constraint.options if isinstance(request.constraint, Choice) else None
        return json.dumps([*parts, schema, choice], sort_keys=True)

    assert (cache_key(MODEL, one) == cache_key(MODEL, other)) == (plain(one) == plain(other))


def test_endpoints_models_and_defaults_are_part_of_the_key_and_api_keys_are_not() -> None:
    base = {"model": "m", "base_url": "https://a.example.org/v1", "api_key": "k"}
    variants = [
        {},
        {"base_url": "https://b.example.org/v1"},
        {"model": "n"},
        {"temperature": 0},
        {"api_type": "mistral"},
    ]
    keys = {cache_key(OpenAIClient({**base, **variant}), HELLO) for variant in variants}
    assert len(keys) == len(variants)
    other_key = OpenAIClient({**base, "api_key": "another"})
    assert cache_key(other_key, HELLO) in keys
    assert cache_key(Retry(other_key), HELLO) in keys, "layers change nothing"
    assert cache_key(Fallback([other_key]), HELLO) not in keys


def test_a_default_and_the_same_parameter_of_a_request_are_one_request() -> None:
    base = {"model": "m", "api_key": "k"}
    asked = replace(HELLO, params={"temperature": 0})
    assert cache_key(OpenAIClient({**base, "temperature": 0}), HELLO) == cache_key(OpenAIClient(base), asked)


def test_what_is_no_json_can_not_be_cached() -> None:
    with pytest.raises(ConfigError, match="can't be cached"):
        cache_key(MODEL, replace(HELLO, params={"stop": object()}))


class Answer(BaseModel):
    number: int


async def test_a_kept_reply_is_parsed_again() -> None:
    with OpenAIServer(['{"number": 42}']) as server, Cache.memory() as cache:
        inner = OpenAIClient({"model": "m", "base_url": server.base_url, "api_key": "k", "response_format": Answer})
        client = Cached(Retry(inner), cache)
        for cached in (False, True):
            response = await client.complete(HELLO)
            assert response.cached is cached
            assert response.parsed == Answer(number=42)
        await client.aclose()


def test_a_chat_s_cache_takes_the_place_of_the_client_s_own() -> None:
    model, own, given_one = ScriptedModel([]), Cache.memory(), Cache.memory()
    inner = Cached(model, own)
    assert with_cache(inner, None) is inner
    outer = with_cache(inner, given_one)
    assert isinstance(outer, Cached)
    assert outer.client is model
    assert outer.cache is given_one


def test_responses_survive_json() -> None:
    again = response_from_json(json.loads(json.dumps(response_to_json(RICH))))
    assert again == replace(RICH, cached=True)
