"""``autogen.cache.in_memory_cache``."""

from __future__ import annotations

from ...models.cache_stores import MemoryStore
from ._managed import Managed


class InMemoryCache(MemoryStore, Managed):
    """Values that end with the program.

    Args:
        seed: Kept for AutoGen 0.2's scripts; each object is a cache of its own.

    Example:
        >>> with InMemoryCache() as cache:
        ...     cache.set("key", 1)
        ...     cache.get("key"), cache.get("other", "none")
        (1, 'none')
    """

    def __init__(self, seed: str | int = "") -> None:
        super().__init__()
        self._seed = str(seed)
