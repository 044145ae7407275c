"""Where cached replies are kept: on disk, in Redis, in memory. JSON only: nothing read from a cache can run code."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable
from urllib.parse import urlsplit

from ..core.errors import ConfigError, MissingExtra


@runtime_checkable
class AbstractCache(Protocol):
    """What a cache must be able to do. Called from worker threads, several at once."""

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key (Any: it is whatever JSON was set), or `default` where there is none."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Keeps a value, which is JSON."""
        ...

    def close(self) -> None:
        """Frees what it holds open."""
        ...


class Cache:
    """A cache of model replies, opened once and used by any number of agents and chats.

    Args:
        config: A store, or AutoGen 0.2's configuration: ``cache_seed`` with ``cache_path_root`` or ``redis_url``.

    Attributes:
        store: Where the values are.

    Example:
        >>> with Cache.memory() as cache:
        ...     cache.set("key", {"answer": 42})
        ...     cache.get("key")
        {'answer': 42}
    """

    def __init__(self, config: AbstractCache | Mapping[str, Any]) -> None:
        self.store: AbstractCache = _from_config(config) if isinstance(config, Mapping) else config

    @staticmethod
    def disk(cache_seed: int | str = 42, cache_path_root: str | Path = ".cache") -> Cache:
        """A cache in the folder ``cache_path_root/cache_seed``: another seed gives other replies."""
        return Cache(DiskStore(Path(cache_path_root) / str(cache_seed)))

    @staticmethod
    def redis(cache_seed: int | str = 42, redis_url: str = "redis://localhost:6379/0") -> Cache:
        """A cache in a Redis server, which several machines can share.

        Raises:
            MissingExtra: If the package redis is not installed.
        """
        return Cache(RedisStore(cache_seed, redis_url))

    @staticmethod
    def memory() -> Cache:
        """A cache that ends with the program."""
        return Cache(MemoryStore())

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default`."""
        return self.store.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Keeps a value."""
        self.store.set(key, value)

    def close(self) -> None:
        """Frees what the store holds open."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _from_config(config: Mapping[str, Any]) -> AbstractCache:
    unknown = sorted(set(config) - {"cache_seed", "cache_path_root", "redis_url"})
    if unknown:
        raise ConfigError(f"Cache: unknown keys {unknown}; known are cache_seed, cache_path_root and redis_url")
    seed = config.get("cache_seed", 42)
    if config.get("redis_url"):
        return RedisStore(seed, config["redis_url"])
    return DiskStore(Path(config.get("cache_path_root", ".cache")) / str(seed))


class MemoryStore:
    """Values in a dict, as JSON text, so that nobody can change what another will get."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default`."""
        found = self._values.get(key)
        return default if found is None else json.loads(found)

    def set(self, key: str, value: Any) -> None:
        """Keeps a value."""
        self._values[key] = json.dumps(value)

    def close(self) -> None:
        """Nothing is open."""


class DiskStore:
    """Values in a SQLite file, by the package diskcache. Opened when first used.

    Args:
        folder: Where the file is; made where it is missing.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder).absolute()  # the program may change its working folder before the first use
        self._cache: Any = None  # a diskcache.Cache, which has no types
        self._lock = threading.Lock()

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default`, also where what was kept is damaged."""
        import sqlite3  # diskcache brings it; nobody else needs it

        try:
            return self._opened().get(key, default)
        except (ValueError, OSError, zlib.error, sqlite3.DatabaseError):
            return default

    def set(self, key: str, value: Any) -> None:
        """Keeps a value."""
        self._opened().set(key, value)

    def close(self) -> None:
        """Closes the file; it is opened again when it is used again."""
        with self._lock:
            if self._cache is not None:
                self._cache.close()

    def _opened(self) -> Any:
        import sqlite3

        with self._lock:
            if self._cache is None:
                try:
                    self._cache = import_module("diskcache").Cache(str(self._folder), disk=_json_disk())
                except (OSError, sqlite3.Error) as error:
                    raise ConfigError(
                        f"the cache in {self._folder} can't be opened ({error}): remove that folder, or give another "
                        "'cache_path_root'"
                    ) from error
            return self._cache


def _json_disk() -> type[Any]:
    diskcache: Any = import_module("diskcache")  # it has no types

    class JSONOnlyDisk(diskcache.JSONDisk):  # type: ignore[misc]
        """diskcache's own JSON form, without its way back to pickle for rows that somebody else may have written."""

        def fetch(self, mode: int, filename: Any, value: Any, read: bool) -> Any:
            if mode == diskcache.core.MODE_PICKLE:
                raise ValueError("a pickle in a cache of JSON")
            return super().fetch(mode, filename, value, read)

    return JSONOnlyDisk


class RedisStore:
    """Values as JSON text in a Redis server. Connects when first used.

    Args:
        seed: Begins the keys, so that one server can hold several caches.
        url: The server's address.
    """

    def __init__(self, seed: int | str, url: str) -> None:
        try:
            import redis
        except ImportError:
            raise MissingExtra("a Redis cache", "redis") from None
        try:
            self._client: Any = redis.Redis.from_url(
                url, socket_connect_timeout=5, socket_timeout=30
            )  # Any: its methods are typed for sync and async at once
        except ValueError as error:
            raise ConfigError(f"'redis_url': {error}") from None
        self._failure: type[Exception] = redis.RedisError
        self._host = urlsplit(url).hostname
        self._prefix = f"autogen_like:{seed}:"

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default`, also where what was kept is damaged."""
        found = self._ask("get", self._prefix + key)
        if found is None:
            return default
        try:
            return json.loads(found)
        except ValueError:
            return default

    def set(self, key: str, value: Any) -> None:
        """Keeps a value."""
        self._ask("set", self._prefix + key, json.dumps(value))

    def close(self) -> None:
        """Closes the connections; they are opened again when it is used again."""
        self._client.close()

    def _ask(self, command: str, *arguments: str) -> Any:
        try:
            return getattr(self._client, command)(*arguments)
        except self._failure as error:
            raise ConfigError(f"the Redis cache at {self._host} failed ({error}): check 'redis_url'") from None
