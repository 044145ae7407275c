"""``autogen.cache.cache_factory``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError
from .abstract_cache_base import AbstractCache
from .disk_cache import DiskCache
from .redis_cache import RedisCache


class CacheFactory:
    """Makes caches."""

    @staticmethod
    def cache_factory(
        seed: str | int,
        redis_url: str | None = None,
        cache_path_root: str | Path = ".cache",
        cosmosdb_config: Mapping[str, Any] | None = None,
    ) -> AbstractCache:
        """A cache in Redis where there is an address, and on disk otherwise.

        Args:
            seed: Tells caches in the same place apart.
            redis_url: The server.
            cache_path_root: The folder.
            cosmosdb_config: Not supported.

        Raises:
            MissingExtra: If the package redis is wanted, and missing: nothing is taken instead.
            ConfigError: If Cosmos DB is wanted.
        """
        if cosmosdb_config:
            raise ConfigError("there is no cache in Cosmos DB: use Redis, a folder, or an AbstractCache of your own")
        if redis_url is not None:
            return RedisCache(seed, redis_url)
        return DiskCache(Path(cache_path_root) / str(seed))
