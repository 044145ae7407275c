"""Event loops on threads of their own, for what lives as long as the process and belongs to one loop.

An MCP session or a kernel's sockets belong to the loop that they were opened on. Chats run on many: one for each
`asyncio.run`, and those of `core.sync`, one below the other when sync chats are nested, each of which may be blocked by
a callback. On a loop of this kind nothing blocks, so what lives there can be used from any of them, and is served
whatever the others do.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class BackgroundLoop:
    """One event loop, on a daemon thread that starts when it is first used. After a fork the child has its own.

    Made once for a process, at the top of a module.

    Args:
        name: What the thread is called.

    Example:
        >>> async def answer() -> int:
        ...     return 42
        >>> BackgroundLoop("answers").submit(answer()).result()
        42
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._forget()
        os.register_at_fork(after_in_child=self._forget)  # threads do not survive a fork

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Starts a coroutine on the loop, from any thread.

        Args:
            coroutine: What to run.
        """
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True).start()
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the loop and waits for it on the calling one.

        Args:
            coroutine: What to run. When the caller is cancelled, so is the coroutine; nobody waits for it then.
        """
        return await asyncio.wrap_future(self.submit(coroutine))
