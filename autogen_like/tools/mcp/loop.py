"""One event loop, on a thread of its own, for all MCP sessions of this process.

A session belongs to the loop that it was opened on. Chats run on many: the user's own, those of `core.sync`, one below
the other when sync chats are nested, each of which may be blocked by a callback. On this loop run
sessions alone, so a tool may be called from any of them, and a server's messages are read whatever the others do.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def _forget() -> None:
    global _lock, _loop
    _lock, _loop = threading.Lock(), None


# Threads do not survive a fork: the child starts its own.
os.register_at_fork(after_in_child=_forget)


def the_loop() -> asyncio.AbstractEventLoop:
    """The loop; started when it is first asked for."""
    global _loop  # noqa: PLW0603 - one for the process
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="autogen_like-mcp", daemon=True).start()
        return _loop


async def on_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a coroutine on the loop of the sessions, and waits for it on the calling one.

    Args:
        work: Makes the coroutine. When the caller is cancelled, so is the coroutine; nobody waits for it then.
    """
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), the_loop()))
