"""``autogen.cache.cache``."""

from ...models.cache_stores import Cache

__all__ = ["Cache"]
