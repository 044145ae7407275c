"""Caches by AutoGen 0.2's module paths."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import fakeredis
import pytest
import redis

from autogen_like import ConfigError, MissingExtra, ScriptedModel
from autogen_like.compat import Cache, OpenAIWrapper
from autogen_like.compat.cache import cache_factory
from autogen_like.compat.cache._managed import Managed
from autogen_like.compat.cache.disk_cache import DiskCache
from autogen_like.compat.cache.in_memory_cache import InMemoryCache
from autogen_like.compat.cache.redis_cache import RedisCache

HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> fakeredis.FakeServer:
    server = fakeredis.FakeServer()
    monkeypatch.setattr(redis.Redis, "from_url", lambda url, **_: fakeredis.FakeRedis(server=server))
    return server


def test_with_gives_the_store_which_closes_at_the_end(tmp_path: Path) -> None:
    cache = Cache.disk(7, tmp_path)
    with cache as store:
        assert isinstance(store, DiskCache)
        assert store is cache.cache
        store.set("key", [1])
    assert (tmp_path / "7").is_dir()
    assert cache.get("key") == [1]
    cache.close()
    assert cache.config == {"cache_seed": 7, "cache_path_root": tmp_path}


def test_a_store_of_ones_own_is_used_as_it_is() -> None:
    class Plain:
        closed = False

        def get(self, key: str, default: Any = None) -> Any:
            return default

        def set(self, key: str, value: Any) -> None: ...

        def close(self) -> None:
            Plain.closed = True

    with Cache(Plain()) as store:
        assert isinstance(store, Plain)
    assert Plain.closed


def test_the_factory_makes_the_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    made = InMemoryCache()
    monkeypatch.setattr(cache_factory.CacheFactory, "cache_factory", lambda *given: asked.append(given) or made)
    assert Cache({"cache_seed": "s", "redis_url": "redis://x", "cache_path_root": "p"}).cache is made
    assert asked == [("s", "redis://x", "p")]
    with pytest.raises(ConfigError, match="cosmos"):
        Cache({"cosmos_db_config": {}})


def test_a_cache_in_redis_is_shared_and_told_apart_by_its_seed(server: fakeredis.FakeServer) -> None:
    with Cache.redis(1, "redis://host:6379/0") as store:
        assert isinstance(store, RedisCache)
        store.set("key", {"a": 1})
    assert RedisCache(1, "redis://host:6379/0").get("key") == {"a": 1}
    assert RedisCache(2, "redis://host:6379/0").get("key", "none") == "none"
    assert store.seed == 1


def test_without_the_package_redis_no_folder_is_taken_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(MissingExtra, match="redis"):
        Cache.redis()


def test_what_is_kept_in_memory_is_told_apart_by_its_seed() -> None:
    cache = InMemoryCache("seed")
    cache.set("key", 1)
    assert (cache.get("key"), cache._prefixed_key("key")) == (1, "seed_key")
    assert cache.get("other", "none") == "none"


def test_a_model_is_asked_once_with_the_store_or_the_cache() -> None:
    model = ScriptedModel(["one", "two"])
    wrapper = OpenAIWrapper(config_list=[{"model": model}])
    cache = Cache.memory()
    said = [wrapper.create(messages=HI, cache=one).choices[0].message.content for one in (cache, cache.cache)]
    assert said == ["one", "one"]


def test_a_store_that_does_not_say_how_it_is_closed_says_so_at_the_end() -> None:
    class Store(Managed):
        pass

    with pytest.raises(NotImplementedError), Store() as store:
        assert isinstance(store, Store)
