"""``autogen.cache.abstract_cache_base``."""

from ...models.cache_stores import AbstractCache

__all__ = ["AbstractCache"]
