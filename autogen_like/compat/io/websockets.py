"""``autogen.io.websockets``: chats over websockets, each connection a stream of its own."""

from __future__ import annotations

import logging
import ssl as ssl_module
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

from ...core.errors import MissingExtra
from .base import IOStream

_log = logging.getLogger(__name__)


@runtime_checkable
class ServerConnection(Protocol):
    """What is needed of a connection."""

    def send(self, message: str | bytes) -> None:
        """Sends a message."""
        ...

    def recv(self) -> str | bytes:
        """Waits for a message."""
        ...

    def close(self) -> None:
        """Ends the connection."""
        ...


@runtime_checkable
class WebSocketServer(Protocol):
    """What is needed of a server."""

    def serve_forever(self) -> None:
        """Serves until it is shut down."""
        ...

    def shutdown(self) -> None:
        """Ends."""
        ...


class IOWebsockets(IOStream):
    """A websocket as a stream: what is printed is sent, and answers are received.

    Args:
        websocket: The connection.
    """

    def __init__(self, websocket: ServerConnection) -> None:
        self._websocket = websocket

    @property
    def websocket(self) -> ServerConnection:
        """The connection."""
        return self._websocket

    @staticmethod
    @contextmanager
    def run_server_in_thread(
        *,
        host: str = "127.0.0.1",
        port: int = 8765,
        on_connect: Callable[[IOWebsockets], None],
        ssl_context: ssl_module.SSLContext | None = None,
        **kwargs: Any,  # further arguments of websockets' serve
    ) -> Iterator[str]:
        """Serves websockets on a thread of its own, as long as the block lasts.

        Args:
            host: Where to listen. Anybody who can reach it can use it: keep to this machine, or give an `ssl_context`
                and check who connects.
            port: The port; 0 takes a free one.
            on_connect: Called for each connection, on a thread of its own, with its stream as the default.
            ssl_context: For ``wss://``.
            **kwargs: Further arguments of ``websockets.sync.server.serve``.

        Returns:
            The address, as ``ws://127.0.0.1:8765``.

        Raises:
            MissingExtra: If the package websockets is not installed.
        """
        try:
            from websockets.exceptions import ConnectionClosed
            from websockets.sync.server import serve
        except ImportError:
            raise MissingExtra("IOWebsockets", "websockets") from None

        def handle(connection: Any) -> None:
            stream = IOWebsockets(connection)
            try:
                with IOStream.set_default(stream):
                    on_connect(stream)
            except ConnectionClosed:
                _log.info("the other end of a websocket left")
            except Exception:
                _log.exception("on_connect failed")
                raise

        with serve(handle, host, port, ssl=ssl_context, **kwargs) as server:
            thread = threading.Thread(target=server.serve_forever, name="autogen_like-websockets", daemon=True)
            thread.start()
            try:
                scheme = "ws" if ssl_context is None else "wss"
                yield f"{scheme}://{host}:{server.socket.getsockname()[1]}"
            finally:
                server.shutdown()
                thread.join()

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Sends a text."""
        self._websocket.send(sep.join(map(str, objects)) + end)

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Sends the prompt, and waits for an answer."""
        if prompt:
            self._websocket.send(prompt)
        answer = self._websocket.recv()
        return answer.decode() if isinstance(answer, bytes) else answer
