"""The engine as asynchronous callers see it: requests in from any loop, streams out, and numbers for who watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Hashable, Iterator
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

from .thread import EngineThread


class Serves(Protocol):
    """What an `AsyncEngine` runs: an `Engine`, or a `ChatModel`."""

    def open(self, request: Any) -> Iterator[Any]:
        """A request's items, and None while there is nothing to show."""
        ...

    def metrics(self) -> dict[str, int]:
        """Counts."""
        ...


E = TypeVar("E", bound=Serves)


class AsyncEngine(EngineThread[E]):
    """An engine in a thread of its own, shared by any number of asynchronous callers.

    Args:
        load: Makes the engine; called in the thread at the first request.
        name: Of the thread.

    Example:
        ```python no-run
        engine = AsyncEngine(lambda: Engine.load(path, EngineConfig(max_waiting=64)))
        async for step in engine.submit(GenerateRequest(prompt), name="request-1"):
            print(step.text, end="")
        ```
    """

    async def submit(self, request: Any, *, name: Hashable = None) -> AsyncGenerator[Any, None]:
        """The items of a request's replies as they come.

        For an `Engine` a `GenerateRequest` gives `Step`, one for each token; the last one of each reply has its finish
        reason and usage. For a `ChatModel` a `ChatRequest` gives `ChatDelta`, and at the end of each reply a
        `ChatReply`. Leaving the stream, or `cancel` with its name, frees what the request held before the next token;
        a cancelled stream just ends.

        Args:
            request: What to do.
            name: What `cancel` may call it.

        Raises:
            QueueFull: If as many requests wait as may: tell the client to come again later (HTTP 429).
            ContextOverflow: If the prompt doesn't fit the model's window.
            ConfigError: If the request can't be.
        """
        async with aclosing(self.stream(lambda engine: engine.open(request), name=name)) as items:
            async for item in items:
                if item is not None:
                    yield item

    async def load(self) -> E:
        """Loads the engine now, where it isn't yet."""
        async for loaded in self.stream(lambda engine: iter([engine])):
            return loaded
        raise asyncio.CancelledError  # the thread was closed meanwhile

    def metrics(self) -> dict[str, int]:
        """The engine's counts; none before it is loaded."""
        loaded = self.engine
        return {} if loaded is None else loaded.metrics()
