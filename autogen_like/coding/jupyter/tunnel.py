"""A way into a container without a network: each connection to a port of this machine goes through ``docker exec``."""

from __future__ import annotations

import contextlib
import socket
import threading

from ...core.errors import ExecutorUnavailable
from ..docker_container import Container, Execution
from ..docker_engine import Gone

_PIECE = 65536
_STDOUT = 1

# What runs in the container for each connection: it carries bytes between its own standard streams and a port there.
_BRIDGE = """
import os, socket, sys, threading
there = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def send():
    while data := os.read(0, 65536):
        there.sendall(data)
    there.shutdown(socket.SHUT_WR)
threading.Thread(target=send, daemon=True).start()
while data := there.recv(65536):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
"""


class Tunnel:
    """Listens on a port of this machine's 127.0.0.1, for a port of a container's.

    Args:
        container: The container.
        port: The port in there.

    Attributes:
        port: The port here.
    """

    def __init__(self, container: Container, port: int) -> None:
        self._container = container
        self._there = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="autogen_like-tunnel", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listens no more; what is connected ends with the container."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for a connection
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._carry, args=(here,), name="autogen_like-tunnel", daemon=True).start()

    def _carry(self, here: socket.socket) -> None:
        with here, contextlib.suppress(OSError, Gone, ExecutorUnavailable):
            command = ("python3", "-I", "-c", _BRIDGE, str(self._there))
            execution = self._container.execute(command)
            threading.Thread(target=_send, args=(here, execution), name="autogen_like-tunnel", daemon=True).start()
            try:
                for stream, data in execution.frames():
                    if stream == _STDOUT:
                        here.sendall(data)
            finally:
                here.shutdown(socket.SHUT_RDWR)  # closing alone wouldn't end it while the other thread reads


def _send(here: socket.socket, execution: Execution) -> None:
    with contextlib.suppress(OSError):
        while data := here.recv(_PIECE):
            execution.send(data)
    execution.cut()
