"""One model and the clients that want something of it: who is let in, what is done for them, what is counted."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any, cast

from ..chat_model import ChatModel
from ..engine import AsyncEngine
from .asking import Asked, Work, ask
from .errors import ApiError, from_engine
from .metrics import ServerMetrics
from .schema import ChatBody, CompletionBody
from .settings import ServerSettings

_MOST_SECONDS = 60
_WEIGHT = 0.1  # of the newest reply in the mean of how long they take


class Service:
    """What the routes share.

    Args:
        engine: Runs the model.
        settings: What clients may ask.

    Attributes:
        metrics: What is counted.
        in_flight: Replies that clients wait for.
        stopping: Whether the server was told to stop.
        started: When it was made, in Unix seconds.
    """

    def __init__(self, engine: AsyncEngine[ChatModel], settings: ServerSettings) -> None:
        self.settings = settings
        self.metrics = ServerMetrics()
        self.in_flight = 0
        self.stopping = False
        self.started = int(time.time())
        self._engine = engine
        self._mean_seconds = 1.0

    async def load(self) -> None:
        """Loads the model now."""
        await self._engine.load()

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        return self._engine.engine is not None and not self.stopping

    @property
    def model(self) -> ChatModel:
        """The model.

        Raises:
            ApiError: If it isn't loaded, or not any more.
        """
        loaded = self._engine.engine
        if loaded is None or self.stopping:
            raise ApiError(503, "the server is starting or stopping", code="not_ready", headers={"Retry-After": "5"})
        return loaded

    @property
    def retry_after(self) -> int:
        """Seconds until a place is likely to be free, as far as the last replies tell."""
        return min(max(1, math.ceil(self._mean_seconds)), _MOST_SECONDS)

    def ask(self, body: ChatBody | CompletionBody) -> Asked:
        """Understands a request.

        Raises:
            ApiError: If it can't be.
        """
        return ask(body, self.settings, self.model.engine.model.config.vocabulary)

    async def begin(self, asked: Asked) -> Replies:
        """Begins to answer; returns when there is something to show, so that what is refused is refused before.

        Raises:
            ApiError: If the engine refuses it, or has no place.
        """
        items = self._items(asked)
        try:
            first = await anext(items)
        except StopAsyncIteration:
            raise _cut() from None
        return Replies(first, items, asked)

    async def answer(self, asked: Asked) -> dict[str, Any]:
        """The whole answer.

        Raises:
            ApiError: If the engine refuses the request, or has no place.
        """
        async with aclosing(self._items(asked)) as items:
            whole = asked.answer.whole([pair async for pair in items])
        if not asked.answer.complete:
            raise _cut()
        return whole

    def client_left(self) -> None:
        """Takes note of a client that went away before the end."""
        self.metrics.left += 1

    def numbers(self) -> str:
        """What was counted, for Prometheus."""
        return self.metrics.render(self._engine.metrics(), self.in_flight)

    async def _items(self, asked: Asked) -> AsyncGenerator[tuple[int, Any], None]:
        """What the engine gives for each prompt, as pairs of the prompt's place and an item."""
        works, began, first = asked.works, time.perf_counter(), True
        with self._admitted(asked.replies):
            try:
                stream = self._engine.stream(lambda model: together(model, works))
                async with aclosing(stream) as rounds:
                    async for pairs in rounds:
                        if pairs and first:
                            self.metrics.first.observe(time.perf_counter() - began)
                            first = False
                        for pair in pairs:
                            yield pair
            except Exception as error:
                told = from_engine(error, prompt=asked.prompt, form=asked.form, retry_after=self.retry_after)
                raise told from error
            seconds = time.perf_counter() - began
            self.metrics.whole.observe(seconds)
            self._mean_seconds += _WEIGHT * (seconds - self._mean_seconds)

    @contextmanager
    def _admitted(self, replies: int) -> Iterator[None]:
        # Here, not in the engine: who is one too many must not cost its thread anything.
        if self.in_flight and self.in_flight + replies > self.settings.max_requests:
            headers = {"Retry-After": str(self.retry_after)}
            raise ApiError(429, "too many requests wait already: try again later", code="queue_full", headers=headers)
        self.in_flight += replies
        try:
            yield
        finally:
            self.in_flight -= replies


class Replies:
    """Replies on their way. Close them, or their blocks stay in use.

    Args:
        first: What came first.
        items: The rest.
        asked: The request.
    """

    def __init__(self, first: tuple[int, Any], items: AsyncGenerator[tuple[int, Any], None], asked: Asked) -> None:
        self._first = first
        self._items = items
        self._asked = asked

    async def pieces(self) -> AsyncIterator[dict[str, Any]]:
        """What a client that streams is sent.

        Raises:
            ApiError: If it goes wrong on the way.
        """
        answer = self._asked.answer
        for piece in answer.pieces(*self._first):
            yield piece
        async for place, item in self._items:
            for piece in answer.pieces(place, item):
                yield piece
        if not answer.complete:
            raise _cut()
        last = answer.last()
        if last is not None:
            yield last

    async def aclose(self) -> None:
        """Frees what they hold."""
        await self._items.aclose()


def together(model: ChatModel, works: Sequence[Work]) -> Iterator[list[tuple[int, Any]]]:
    """Does several things at once: one item of each a round, those that have something to show."""
    working = dict(enumerate([work(model) for work in works]))
    try:
        while working:
            pairs = []
            for place, items in list(working.items()):
                try:
                    item = next(items)
                except StopIteration:
                    del working[place]
                    continue
                if item is not None:
                    pairs.append((place, item))
            yield pairs
    finally:
        for items in working.values():
            cast("Generator[Any, None, None]", items).close()


def _cut() -> ApiError:
    return ApiError(503, "the server stops, so the reply was cut", code="stopping")
