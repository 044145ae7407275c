"""``autogen.cache.disk_cache``."""

from __future__ import annotations

from pathlib import Path

from ...models.cache_stores import DiskStore
from ._managed import Managed


class DiskCache(DiskStore, Managed):
    """Values in a folder.

    Args:
        seed: The folder.
    """

    def __init__(self, seed: str | Path | int) -> None:
        super().__init__(str(seed))
