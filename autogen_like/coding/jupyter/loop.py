"""One event loop, on a thread of its own, for all kernels of this process.

A kernel's sockets belong to one loop, but chats come from many: one for each `asyncio.run`, and those of the sync face.
So kernels live here, and whoever runs code waits for it from where it is.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def _forget() -> None:
    global _lock, _loop
    _lock, _loop = threading.Lock(), None


# Threads do not survive a fork: the child starts its own.
os.register_at_fork(after_in_child=_forget)


def _running() -> asyncio.AbstractEventLoop:
    global _loop  # noqa: PLW0603 - one for the process
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="autogen_like-kernels", daemon=True).start()
        return _loop


def submit(coroutine: Coroutine[Any, Any, T]) -> Future[T]:
    """Starts a coroutine on the kernels' loop, from any thread.

    Args:
        coroutine: What to run.
    """
    return asyncio.run_coroutine_threadsafe(coroutine, _running())


async def call(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on the kernels' loop and waits for it on this one; cancelling the wait cancels it there.

    Args:
        coroutine: What to run.
    """
    return await asyncio.wrap_future(submit(coroutine))
