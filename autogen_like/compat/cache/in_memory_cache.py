"""``autogen.cache.in_memory_cache``."""

from __future__ import annotations

from typing import Any

from ...models.cache_stores import MemoryStore
from ._managed import Managed


class InMemoryCache(MemoryStore, Managed):
    """Values that end with the program.

    Args:
        seed: Begins the keys.

    Example:
        >>> with InMemoryCache() as cache:
        ...     cache.set("key", 1)
        ...     cache.get("key"), cache.get("other", "none")
        (1, 'none')
    """

    def __init__(self, seed: str | int = "") -> None:
        super().__init__()
        self._seed = str(seed)

    def _prefixed_key(self, key: str) -> str:
        return f"{self._seed}_{key}" if self._seed else key

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default`."""
        return super().get(self._prefixed_key(key), default)

    def set(self, key: str, value: Any) -> None:
        """Keeps a value."""
        super().set(self._prefixed_key(key), value)
