"""One event loop for all kernels of this process: their sockets belong to it, and chats come from many."""

from __future__ import annotations

from ...core.background import BackgroundLoop

_KERNELS = BackgroundLoop("autogen_like-kernels")
submit = _KERNELS.submit
call = _KERNELS.call
