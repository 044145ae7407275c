"""A Jupyter server in a Docker container: kernels without a network, without rights, within limits."""

from __future__ import annotations

import contextlib
import http.client
import secrets
import threading
import time
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from ...core.errors import ConfigError, ExecutorUnavailable
from ...core.sync import in_worker
from ...core.sync import run as run_sync
from ..docker import DEFAULT_IMAGE, target_of
from ..docker_container import Box, Container, Execution
from ..docker_end import drop, finish
from ..docker_engine import Gone, connect, ensure_image
from ..docker_settings import NOBODY, size_of
from ..requirements import Packages
from .connection import JupyterConnectionInfo
from .servers import UNLIMITED
from .tunnel import Tunnel

_JUPYTER = ("jupyter_server", "ipykernel")
_PORT = 8888  # in the container, which has a loopback of its own
_START = 120.0  # seconds that the server may take to start
_ANSWER = 10.0  # and one answer
_POLL = 0.2
_LINES = 50  # pieces of the server's output that an error shows

_SETTINGS = {
    "ip": "127.0.0.1", "port": _PORT, "port_retries": 0, "open_browser": False, "root_dir": "/workspace",
    "terminals_enabled": False, "jpserver_extensions": "{}", "allow_root": False, "use_redirect_file": False,
}  # fmt: skip


class DockerJupyterServer:
    """A Jupyter server in a container of its own, for `JupyterCodeExecutor`.

    The container is that of `DockerCommandLineCodeExecutor`: no network, a root that can't be written to, a user
    without rights, limits on memory, processors and processes, a work folder in memory. It is removed when the server
    is stopped or dropped, at the latest when the program ends; where it crashed, by the next one that is started.
    The server is reached through ``docker exec``, by a port of this machine's 127.0.0.1 and a token.

    Args:
        custom_image_name: The image, with ``python3`` in it; ``python:3-slim`` by default.
        container_name: What the container is called; the engine makes a name up by default.
        auto_remove: Whether the container is removed when it ends; it is left, ended, otherwise.
        stop_container: Whether the container ends with the server; it is left running otherwise.
        docker_env: Environment variables that code may see. It sees none of this process's.
        token: What the server asks for; a random one by default.
        packages: What code may import beside Jupyter's own: names, with versions if need be. Their wheels are fetched
            by this machine and mounted read-only. None where the image has all that is needed, Jupyter's own too.
        network: Whether the container has a network.
        memory: How much memory it may take, as ``"512m"``; files in the work folder count.
        cpus: How many processors it may take.
        pids: How many processes and threads it may have.
        work_size: How much the work folder may hold; the folder for temporary files as much again.

    Raises:
        ConfigError: If no engine answers, the image or a package can't be had, or the server doesn't start.
        MissingExtra: If the `docker` package isn't installed.

    Example:
        >>> from autogen_like import CodeBlock, JupyterCodeExecutor
        >>> with DockerJupyterServer() as server, JupyterCodeExecutor(server) as executor:  # doctest: +SKIP
        ...     executor.execute_code_blocks([CodeBlock("6 * 7", "python")]).output.strip()
        '42'
    """

    def __init__(
        self,
        *,
        custom_image_name: str | None = None,
        container_name: str | None = None,
        auto_remove: bool = True,
        stop_container: bool = True,
        docker_env: Mapping[str, str] | None = None,
        token: str | None = None,
        packages: Sequence[str] | None = (),
        network: bool = False,
        memory: str | int = "2g",
        cpus: float = 1,
        pids: int = 256,
        work_size: str | int = "256m",
    ) -> None:
        if token == "":
            raise ConfigError("token must not be empty: everybody on this machine could run code in the container")
        self._token = token or secrets.token_urlsafe(32)
        self._said: deque[bytes] = deque(maxlen=_LINES)
        box = Box(
            image=custom_image_name or DEFAULT_IMAGE,
            name=container_name,
            user=NOBODY,
            network=network,
            memory=size_of("memory", memory),
            cpus=cpus,
            pids=pids,
            work_size=size_of("work_size", work_size),
            env={"JUPYTER_TOKEN": self._token, **(docker_env or {})},
            auto_remove=auto_remove,
            owned=stop_container,
        )
        with contextlib.closing(connect()) as client:
            ensure_image(client, box.image)
        if packages is not None:
            box = replace(box, packages=run_sync(_folder(packages, box)))
        container = Container(connect(), box)
        self._tunnel = Tunnel(container, _PORT)
        self._end = weakref.finalize(self, _drop, container, box, self._tunnel)
        try:
            self._serve(container)
        except BaseException:
            self._end.detach()
            self._tunnel.close()
            finish(container, box, None)
            raise
        self._container, self._box = container, box

    def _serve(self, container: Container) -> None:
        """Starts the server and waits until it answers."""
        arguments = [*(f"--ServerApp.{name}={value}" for name, value in _SETTINGS.items()), *UNLIMITED]
        execution = container.execute(("python3", "-m", "jupyter_server", *arguments))
        reader = threading.Thread(target=_listen, args=(execution, self._said), daemon=True)
        reader.start()
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline and reader.is_alive():
            if self._answers():
                return
            time.sleep(_POLL)
        said = b"".join(self._said).decode("utf-8", "replace").replace(self._token, "...").strip()
        raise ConfigError(f"the Jupyter server in the container did not start:\n{said[-2000:]}")

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._tunnel.port, timeout=_ANSWER)
        try:
            connection.request("GET", "/api/status", headers={"Authorization": f"token {self._token}"})
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):  # not yet
            return False
        finally:
            connection.close()

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """Where it answers."""
        return JupyterConnectionInfo("127.0.0.1", use_https=False, port=self._tunnel.port, token=self._token)

    @property
    def container_id(self) -> str:
        """The container."""
        return self._container.id

    def stop(self) -> None:
        """Ends the container, and all its kernels."""
        if self._end.detach():
            self._tunnel.close()
            finish(self._container, self._box, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


async def _folder(packages: Sequence[str], box: Box) -> Path | None:
    own = [name for name in _JUPYTER if not any(text.startswith(name) for text in packages)]
    return await Packages([*own, *packages]).folder(target=await in_worker(target_of, box))


def _listen(execution: Execution, said: deque[bytes]) -> None:
    with contextlib.suppress(Gone, ExecutorUnavailable):
        for data in execution:
            said.append(data)


def _drop(container: Container, box: Box, tunnel: Tunnel) -> None:
    tunnel.close()
    drop(container, box, None)
