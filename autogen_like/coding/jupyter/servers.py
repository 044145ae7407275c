"""A Jupyter server of this machine, of its own."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import time
import weakref
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ...core.errors import ConfigError, MissingExtra
from ..private_folder import PrivateFolder
from ..process import MARK, clean_environment, kill_marked
from .connection import JupyterConnectionInfo

_LAST_PORT = 65535
_START = 60.0  # seconds that the server may take to start
_POLL = 0.05
_SHOWN = 2000  # characters of the server's log that an error shows

# How much comes is limited by who reads it; here, output would be cut out of the middle.
UNLIMITED = [f"--ZMQChannelsWebsocketConnection.iopub_{what}_rate_limit=0" for what in ("data", "msg")]

# The server ends with its parent, however that ends: this end of the pipe then closes. And it serves a socket that its
# parent listens on already: one of its own it would look for first and bind later, when it may be somebody else's,
# who would be told the token.
_RUN = """
import os, socket, sys, threading
listening = socket.socket(fileno=int(sys.argv[1]))
listening.set_inheritable(False)
def wait():
    sys.stdin.buffer.read()
    os._exit(1)
threading.Thread(target=wait, daemon=True).start()
from jupyter_server.serverapp import ServerApp
from tornado.httpserver import HTTPServer
app = ServerApp.instance()
app.initialize(sys.argv[2:], new_httpserver=False)
listening.setblocking(False)
HTTPServer(app.web_app, max_body_size=app.max_body_size, max_buffer_size=app.max_buffer_size).add_socket(listening)
app.start()
"""
_KERNEL_SOCKET = len("/run/kernel-12345678-1234-1234-1234-123456789012-ipc-5")


class LocalJupyterServer:
    """A Jupyter server on this machine, for kernels that several executors share a server for.

    `JupyterCodeExecutor` needs none for kernels of this machine; this is for trying out what will speak to a server
    elsewhere. It serves kernels alone (no terminals), has a clean environment and a folder of its own, and ends with
    this program or when it is forgotten.

    Args:
        ip: The address that it listens on.
        port: The port; a free one by default.
        token: What it asks for; a random one by default.

    Raises:
        ConfigError: If it doesn't start, or the port can't be had.
        MissingExtra: If jupyter_server isn't installed.

    Example:
        >>> from autogen_like import CodeBlock, JupyterCodeExecutor
        >>> with LocalJupyterServer() as server, JupyterCodeExecutor(server) as executor:
        ...     executor.execute_code_blocks([CodeBlock("print(6 * 7)", "python")]).output.strip()
        '42'
    """

    def __init__(self, ip: str = "127.0.0.1", port: int | None = None, token: str | None = None) -> None:
        if find_spec("jupyter_server") is None:
            raise MissingExtra("LocalJupyterServer", "jupyter")
        if token == "":
            raise ConfigError("token must not be empty: everybody on this machine could run code as you")
        self._token = token or secrets.token_urlsafe(32)
        self._ip = ip
        with _listen(ip, port or 0) as listening:
            self._port = int(listening.getsockname()[1])
            private = PrivateFolder(self, "jupyter-")
            folder, mark = private.path, secrets.token_hex(8)
            self._log = folder / "log"
            self._process = self._start(folder, listening, mark)
        self._stop = weakref.finalize(self, _end, self._process, private, mark)
        try:
            self._wait(folder)
        except BaseException:
            self.stop()
            raise

    def _start(self, folder: Path, listening: socket.socket, mark: str) -> subprocess.Popen[bytes]:
        token = folder / "token"
        token.touch(mode=0o600)
        token.write_text(self._token)
        own = {"HOME": "home", "TMPDIR": "tmp", "JUPYTER_RUNTIME_DIR": "run", "IPYTHONDIR": "ipython"}
        for name in own.values():
            (folder / name).mkdir(mode=0o700)
        places = {name: str(folder / place) for name, place in own.items()}
        # The token is not among the arguments, which everybody can see.
        env = clean_environment({**places, "JUPYTER_TOKEN_FILE": str(token), MARK: mark})
        settings = {
            "ip": self._ip, "port": self._port, "open_browser": False, "root_dir": places["HOME"],
            "terminals_enabled": False, "jpserver_extensions": "{}", "allow_root": True, "use_redirect_file": False,
        }  # fmt: skip
        arguments = [f"--ServerApp.{name}={value}" for name, value in settings.items()] + UNLIMITED
        arguments.append(f"--KernelManager.transport={_transport(folder)}")
        with self._log.open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-c", _RUN, str(listening.fileno()), *arguments],
                cwd=places["HOME"],
                env=env,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[listening.fileno()],
                start_new_session=True,
            )

    def _wait(self, folder: Path) -> None:
        """Waits until the server leaves the file that says that it is there."""
        told = folder / "run" / f"jpserver-{self._process.pid}.json"
        deadline = time.monotonic() + _START
        while not told.exists():
            if self._process.poll() is not None:
                raise ConfigError(f"the Jupyter server did not start:\n{self._said()}")
            if time.monotonic() > deadline:
                raise ConfigError(f"the Jupyter server did not start within {_START:g} s:\n{self._said()}")
            time.sleep(_POLL)

    def _said(self) -> str:
        text = self._log.read_text(encoding="utf-8", errors="replace").replace(self._token, "...")
        return text[-_SHOWN:].strip()

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """Where it answers."""
        host = f"[{self._ip}]" if ":" in self._ip else self._ip
        return JupyterConnectionInfo(host, use_https=False, port=self._port, token=self._token)

    def stop(self) -> None:
        """Ends the server and its kernels."""
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _listen(ip: str, port: Any) -> socket.socket:
    if not isinstance(port, int) or not 0 <= port <= _LAST_PORT:
        raise ConfigError(f"port must be a number up to {_LAST_PORT}, or None for a free one, not {port!r}")
    try:
        family, _, _, _, address = socket.getaddrinfo(ip, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family)
    except OSError as error:
        raise ConfigError(
            f"the Jupyter server did not start: nothing can listen on {ip!r}, port {port}: {error}. "
            "Give an address of this machine, and a port that is free, or none"
        ) from error


def _transport(folder: Path) -> str:
    """How the kernels are spoken to: as in `LocalKernel`; a TCP port may be taken before a kernel binds it."""
    import zmq

    return "ipc" if zmq.has("ipc") and len(str(folder)) + _KERNEL_SOCKET < zmq.IPC_PATH_MAX_LEN else "tcp"


def _end(process: subprocess.Popen[bytes], private: PrivateFolder, mark: str) -> None:
    process.kill()
    kill_marked(mark)  # its kernels, which are processes of their own
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
    private.close()
