"""What the caches have in common."""

from __future__ import annotations

from typing import Self


class Managed:
    """Closes a cache at the end of a ``with`` block."""

    def close(self) -> None:
        """Frees what the cache holds open."""
        raise NotImplementedError  # the store's

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
