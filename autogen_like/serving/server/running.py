"""A server that runs: in the foreground for the command, in a thread for programs that bring their own."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import uvicorn
from starlette.applications import Starlette

from ...core.errors import ConfigError
from ..chat_model import ChatModel
from ..engine import AsyncEngine, EngineConfig
from .app import create_app
from .settings import ServerSettings

_MOST_CONNECTIONS = 2048


class ModelServer:
    """A model, served over HTTP by this process.

    Args:
        model: A GGUF file, or a folder in Hugging Face's layout; or an engine that runs one already, which the
            server closes at the end.
        settings: Where to listen, and what clients may ask.
        config: How the engine runs; not for one that runs already.

    Example:
        ```python no-run
        with ModelServer(path, ServerSettings("tiny", port=0)) as server:
            client = openai.OpenAI(base_url=server.base_url, api_key="none")
        ```
    """

    def __init__(
        self, model: Path | AsyncEngine[ChatModel], settings: ServerSettings, config: EngineConfig | None = None
    ) -> None:
        if isinstance(model, Path):
            path = model
            model = AsyncEngine(lambda: ChatModel.load(path, config), name=f"autogen_like-{settings.name}")
        self.settings = settings
        self.engine = model
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None
        self._socket: socket.socket | None = None

    @property
    def address(self) -> str:
        """Its address without a path.

        Raises:
            ConfigError: If it doesn't listen.
        """
        if self._socket is None:
            raise ConfigError("the server doesn't listen yet: start it first")
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def base_url(self) -> str:
        """What OpenAI's clients call ``base_url``."""
        return f"{self.address}/v1"

    def run(self, on_ready: Callable[[], object] | None = None) -> None:
        """Serves until the process is told to stop (SIGINT, SIGTERM); replies on their way are finished first.

        Args:
            on_ready: Called when the model is loaded and the port is open.

        Raises:
            ConfigError: If the port is taken, or the model can't be loaded.
        """
        server = self._prepared()
        before = {one: signal.signal(one, server.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            asyncio.run(self._served(server, on_ready))
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)
            self._closed()

    def start(self) -> Self:
        """Serves in a thread; returns when the model is loaded.

        Raises:
            ConfigError: If the port is taken, or the model can't be loaded.
        """
        server = self._prepared()
        begun = threading.Event()
        failed: list[BaseException] = []

        def serve() -> None:
            try:
                asyncio.run(self._served(server, begun.set))
            except BaseException as error:  # noqa: BLE001 - raised where the server was started
                failed.append(error)
            finally:
                begun.set()

        self._thread = threading.Thread(target=serve, name="autogen_like-server", daemon=True)
        self._thread.start()
        begun.wait()
        if failed:
            self.stop()
            raise failed[0]
        return self

    def stop(self) -> None:
        """Stops: no new requests, and those on their way are given ``shutdown_seconds``."""
        self.ask_to_stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._closed()

    def ask_to_stop(self) -> None:
        """Has it stop, without waiting for it; from any thread."""
        if self._server is not None:
            self._server.should_exit = True

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepared(self) -> uvicorn.Server:
        if self._server is not None:
            raise ConfigError("the server runs already")
        settings = self.settings
        self._socket = _bound(settings)
        config = uvicorn.Config(
            create_app(self.engine, settings),
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="off",  # here, so that an error says what it is
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds)),
        )
        self._server = _Server(config)
        return self._server

    async def _served(self, server: uvicorn.Server, on_ready: Callable[[], object] | None) -> None:
        app, listening = cast("Starlette", server.config.app), cast("socket.socket", self._socket)
        async with app.router.lifespan_context(app):
            listening.listen(_MOST_CONNECTIONS)
            if on_ready is not None:
                on_ready()
            await server.serve(sockets=[listening])

    def _closed(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = self._server = None


class _Server(uvicorn.Server):
    """Leaves signals to who runs it: uvicorn's own handling ends the process before the engine is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bound(settings: ServerSettings) -> socket.socket:
    """A socket that clients can already connect to, so that the port is known."""
    host = settings.host.removeprefix("[").removesuffix("]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(f"'host' {settings.host}: {error.strerror or error}") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise ConfigError(f"can't listen on {settings.host}, port {settings.port}: {error.strerror}") from None
    return bound
