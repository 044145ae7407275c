"""A queue of events between a run and who reads them."""

from __future__ import annotations

import asyncio
from collections import deque

from .events import PIECES, Event, EventsDropped


class Subscription:
    """A bounded queue of events. When its reader is slow, deltas are dropped and counted; nothing else is.

    Args:
        size: Events that may wait before deltas are dropped.
    """

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._events: deque[Event | None] = deque()
        self._dropped = 0
        self._waiter: asyncio.Future[None] | None = None

    def __call__(self, event: Event | None) -> None:
        if len(self._events) >= self._size and isinstance(event, PIECES):
            self._dropped += 1
            return
        if self._dropped and event is not None:
            self._events.append(EventsDropped(event.conversation, self._dropped))
            self._dropped = 0
        self._events.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> Event | None:
        """The next event; None when there will be no more."""
        while not self._events:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._events.popleft()
