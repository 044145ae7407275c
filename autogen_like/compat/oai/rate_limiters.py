"""``autogen.oai.rate_limiters``."""

from __future__ import annotations

import time
from typing import Protocol

from ...core.errors import ConfigError


class RateLimiter(Protocol):
    """Whatever makes one wait."""

    def sleep(self, *args: object, **kwargs: object) -> None:
        """Waits, as long as need be."""
        ...


class TimeRateLimiter:
    """Waits until the next call is due.

    Args:
        rate: Calls a second.

    Raises:
        ConfigError: If it is not above 0.

    Example:
        >>> limiter = TimeRateLimiter(1000)
        >>> limiter.sleep()
    """

    def __init__(self, rate: float) -> None:
        if rate <= 0:
            raise ConfigError(f"rate must be calls a second, above 0, not {rate!r}")
        self._interval = 1.0 / rate
        self._last = 0.0

    def sleep(self, *args: object, **kwargs: object) -> None:
        """Waits, if the last call was too recent."""
        wait = self._last + self._interval - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self._last = time.monotonic()
