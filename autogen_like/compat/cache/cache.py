"""``autogen.cache.cache``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...models import cache_stores
from . import cache_factory
from .abstract_cache_base import AbstractCache
from .in_memory_cache import InMemoryCache


class Cache(cache_stores.Cache):
    """`autogen_like.Cache` for scripts of AutoGen 0.2: ``with`` gives the store, which is in `cache` too.

    Args:
        config: ``cache_seed`` with ``cache_path_root`` or ``redis_url``; or a store.

    Raises:
        ConfigError: If there is another key in it.

    Example:
        >>> with Cache.memory() as cache:
        ...     cache.set("key", 1)
        ...     cache.get("key")
        1
    """

    ALLOWED_CONFIG_KEYS: ClassVar[tuple[str, ...]] = ("cache_seed", "redis_url", "cache_path_root")

    def __init__(self, config: AbstractCache | Mapping[str, Any]) -> None:
        self.config = dict(config) if isinstance(config, Mapping) else {}
        super().__init__(_made(config) if isinstance(config, Mapping) else config)

    @property
    def cache(self) -> AbstractCache:
        """The store."""
        return self.store

    @staticmethod
    def disk(cache_seed: int | str = 42, cache_path_root: str | Path = ".cache") -> Cache:
        """A cache in the folder ``cache_path_root/cache_seed``."""
        return Cache({"cache_seed": cache_seed, "cache_path_root": cache_path_root})

    @staticmethod
    def redis(cache_seed: int | str = 42, redis_url: str = "redis://localhost:6379/0") -> Cache:
        """A cache in a Redis server.

        Raises:
            MissingExtra: If the package redis is not installed.
        """
        return Cache({"cache_seed": cache_seed, "redis_url": redis_url})

    @staticmethod
    def memory() -> Cache:
        """A cache that ends with the program."""
        return Cache(InMemoryCache())

    def __enter__(self) -> Any:  # the store, as 0.2 has it
        enter = getattr(self.store, "__enter__", None)
        return enter() if enter is not None else self.store

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        leave = getattr(self.store, "__exit__", None)
        if leave is not None:
            leave(kind, error, at)
        else:
            self.close()


def _made(config: Mapping[str, Any]) -> AbstractCache:
    unknown = sorted(set(config) - set(Cache.ALLOWED_CONFIG_KEYS))
    if unknown:
        raise ConfigError(f"Cache: unknown keys {unknown}; known are {', '.join(Cache.ALLOWED_CONFIG_KEYS)}")
    seed, root = config.get("cache_seed", 42), config.get("cache_path_root", ".cache")
    return cache_factory.CacheFactory.cache_factory(seed, config.get("redis_url"), root)


__all__ = ["Cache"]
