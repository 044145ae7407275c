"""``autogen.cache.redis_cache``: JSON where 0.2 had pickles."""

from __future__ import annotations

from ...models.cache_stores import RedisStore
from ._managed import Managed


class RedisCache(RedisStore, Managed):
    """Values in a Redis server.

    Args:
        seed: Begins the keys.
        redis_url: The server.

    Raises:
        MissingExtra: If the package redis is not installed.
    """

    def __init__(self, seed: str | int, redis_url: str) -> None:
        super().__init__(seed, redis_url)
        self.seed = seed
