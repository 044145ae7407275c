"""A Jupyter server of this machine, of its own."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
import weakref
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from ...core.errors import ConfigError, MissingExtra
from ..private_folder import PrivateFolder
from ..process import MARK, clean_environment, kill_marked
from .connection import JupyterConnectionInfo

_START = 60.0  # seconds that the server may take to start
_POLL = 0.05
_SHOWN = 2000  # characters of the server's log that an error shows

# How much comes is limited by who reads it; here, output would be cut out of the middle.
UNLIMITED = [f"--ZMQChannelsWebsocketConnection.iopub_{what}_rate_limit=0" for what in ("data", "msg")]

# The server ends with its parent, however that ends: this end of the pipe then closes.
_RUN = """
import os, sys, threading
def wait():
    sys.stdin.buffer.read()
    os._exit(1)
threading.Thread(target=wait, daemon=True).start()
from jupyter_server.serverapp import main
main(sys.argv[1:])
"""


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
        ConfigError: If it doesn't start.
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
        private = PrivateFolder(self, "jupyter-")
        folder, mark = private.path, secrets.token_hex(8)
        self._log = folder / "log"
        self._process = self._start(folder, port or 0, mark)
        self._stop = weakref.finalize(self, _end, self._process, private, mark)
        try:
            self._port = self._started(folder)
        except BaseException:
            self.stop()
            raise

    def _start(self, folder: Path, port: int, mark: str) -> subprocess.Popen[bytes]:
        token = folder / "token"
        token.touch(mode=0o600)
        token.write_text(self._token)
        own = {name: folder / name.lower() for name in ("HOME", "TMPDIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
        for path in own.values():
            path.mkdir(mode=0o700)
        places = {name: str(path) for name, path in own.items()}
        # The token is not among the arguments, which everybody can see.
        env = clean_environment({**places, "JUPYTER_TOKEN_FILE": str(token), MARK: mark})
        settings = {
            "ip": self._ip, "port": port, "port_retries": 0, "open_browser": False, "root_dir": own["HOME"],
            "terminals_enabled": False, "jpserver_extensions": "{}", "allow_root": True, "use_redirect_file": False,
        }  # fmt: skip
        arguments = [f"--ServerApp.{name}={value}" for name, value in settings.items()] + UNLIMITED
        with self._log.open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-c", _RUN, *arguments],
                cwd=own["HOME"],
                env=env,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _started(self, folder: Path) -> int:
        """Waits until the server answers, and reads its port from the file that it leaves."""
        told = folder / "jupyter_runtime_dir" / f"jpserver-{self._process.pid}.json"
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ConfigError(f"the Jupyter server did not start:\n{self._said()}")
            try:
                return int(json.loads(told.read_text())["port"])
            except (OSError, ValueError):  # not yet there, or half of it
                time.sleep(_POLL)
        raise ConfigError(f"the Jupyter server did not start within {_START:g} s:\n{self._said()}")

    def _said(self) -> str:
        text = self._log.read_text(encoding="utf-8", errors="replace").replace(self._token, "...")
        return text[-_SHOWN:].strip()

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """Where it answers."""
        return JupyterConnectionInfo(self._ip, use_https=False, port=self._port, token=self._token)

    def stop(self) -> None:
        """Ends the server and its kernels."""
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _end(process: subprocess.Popen[bytes], private: PrivateFolder, mark: str) -> None:
    process.kill()
    kill_marked(mark)  # its kernels, which are processes of their own
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
    private.close()
