"""Trying again, for errors that can pass."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from ..core.errors import ConfigError, ModelError
from .client import Delta, ModelClient, ModelRequest, ModelResponse, StreamItem
from .layer import Layer, streaming

_log = logging.getLogger(__name__)


class Retry(Layer):
    """Tries again when an endpoint fails in a way that can pass: a rate limit, a time-out, a 5xx.

    It waits as long as the endpoint asks (``Retry-After``), otherwise a random time below a bound that doubles with
    each attempt, so that many clients don't come back at once. A stream is tried again only until its first piece:
    what was shown can't be taken back.

    Args:
        client: The client to wrap.
        retries: How many times to try again after the first attempt.
        base: The first bound of a wait, in seconds.
        longest: The highest bound of a wait, in seconds.
        max_elapsed: Seconds after which it gives up, waits included; also when a wait would end later.
        sleep: Waits; for tests.
        jitter: Gives numbers in [0, 1); for tests.
        clock: Tells the seconds; for tests.

    Example:
        >>> from autogen_like.models.scripted import ScriptedModel
        >>> model = ScriptedModel([ModelError("busy", status=503, transient=True), "Here I am"])
        >>> asyncio.run(Retry(model, base=0).complete(ModelRequest([]))).content
        'Here I am'
    """

    def __init__(
        self,
        client: ModelClient,
        retries: int = 2,
        *,
        base: float = 0.5,
        longest: float = 30.0,
        max_elapsed: float = 300.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(client)
        if retries < 0:
            raise ConfigError(f"'retries' must be at least 0, not {retries}")
        self.retries = retries
        self._base = base
        self._longest = longest
        self._max_elapsed = max_elapsed
        self._sleep = sleep
        self._jitter = jitter
        self._clock = clock

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """One reply, of the first attempt that succeeds.

        Raises:
            ModelError: The last one, when all attempts failed; one that can't pass, at once.
        """
        attempt, started = 0, self._clock()
        while True:
            try:
                return await self.client.complete(request)
            except ModelError as error:
                wait = self._wait(error, attempt, started)
                if wait is None:
                    raise
                self._tell(error, attempt, wait)
            attempt += 1
            await self._sleep(wait)

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        """The reply in pieces, of the first attempt that gives any."""
        attempt, started = 0, self._clock()
        while True:
            shown = False
            try:
                async with streaming(self.client, request) as items:
                    async for item in items:
                        shown = shown or isinstance(item, Delta)
                        yield item
            except ModelError as error:
                wait = None if shown else self._wait(error, attempt, started)
                if wait is None:
                    raise
                self._tell(error, attempt, wait)
            else:
                return
            attempt += 1
            await self._sleep(wait)

    def _tell(self, error: ModelError, attempt: int, wait: float) -> None:
        about = {"model": self.model, "status": error.status, "attempt": attempt + 1, "wait": wait}
        _log.warning("retry %d of %d in %.1f s: %s", attempt + 1, self.retries, wait, error, extra=about)

    def _wait(self, error: ModelError, attempt: int, started: float) -> float | None:
        """Seconds to wait before the next attempt, or None when there is to be none."""
        if not error.transient or attempt >= self.retries:
            return None
        if error.retry_after is not None:
            wait = error.retry_after
        else:
            wait = self._jitter() * min(self._longest, self._base * 2**attempt)
        over = self._clock() - started + wait > self._max_elapsed
        return None if over else wait
