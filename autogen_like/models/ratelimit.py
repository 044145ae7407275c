"""Keeping below an endpoint's limits."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from ..core.errors import ConfigError
from .client import ModelClient, ModelRequest, ModelResponse, StreamItem
from .layer import Layer, streaming

_log = logging.getLogger(__name__)


class RateLimit(Layer):
    """Lets requests through at a steady pace, for all event loops and threads that share the client.

    Requests are spaced evenly, after a burst where one is allowed. Tokens are counted when an answer tells them: a
    request waits until those of the ones before it are paid off at the given rate, so that the rate holds on average
    without guessing what a request will take.

    Args:
        client: The client to wrap.
        requests_per_minute: Requests a minute; None for no limit.
        tokens_per_minute: Tokens a minute, sent and received; None for no limit.
        burst: How many requests may go at once after a pause.
        sleep: Waits; for tests.
        clock: Tells the seconds; for tests.

    Raises:
        ConfigError: If a limit is not positive.
    """

    def __init__(
        self,
        client: ModelClient,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        burst: int = 1,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(client)
        for name, limit in (
            ("requests_per_minute", requests_per_minute),
            ("tokens_per_minute", tokens_per_minute),
            ("burst", burst),
        ):
            if limit is not None and limit <= 0:
                raise ConfigError(f"'{name}' must be above 0, not {limit}; None means no limit")
        self._gap = None if requests_per_minute is None else 60.0 / requests_per_minute
        self._token_seconds = None if tokens_per_minute is None else 60.0 / tokens_per_minute
        self._slack = (burst - 1) * (self._gap or 0.0)
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._next_request = float("-inf")  # when the next request may go, without the burst
        self._paid_off = float("-inf")  # when the tokens so far are paid off

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """One reply, when its turn has come."""
        await self._turn()
        response = await self.client.complete(request)
        self._spend(response)
        return response

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        """The reply in pieces, when its turn has come."""
        await self._turn()
        async with streaming(self.client, request) as items:
            async for item in items:
                if isinstance(item, ModelResponse):
                    self._spend(item)
                yield item

    async def _turn(self) -> None:
        with self._lock:
            now = self._clock()
            wait = 0.0
            if self._gap is not None:
                due = max(self._next_request, now - self._slack)
                self._next_request = due + self._gap
                wait = due - now
        if wait > 0:
            _log.info("%s is asked in %.1f s, for its limit of requests", self.model, wait, extra={"wait": wait})
            await self._sleep(wait)
        while self._token_seconds is not None:  # others may have spent more while this one slept
            with self._lock:
                wait = self._paid_off - self._clock()
            if wait <= 0:
                return
            await self._sleep(wait)

    def _spend(self, response: ModelResponse) -> None:
        if self._token_seconds is None or response.cached:
            return
        with self._lock:
            start = max(self._paid_off, self._clock())
            self._paid_off = start + response.usage.total_tokens * self._token_seconds
