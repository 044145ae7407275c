"""A kernel of a Jupyter server, spoken to over HTTP and a websocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.netutil import Resolver
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from ...core.errors import ConfigError
from ...core.message import new_id
from .connection import JupyterConnectionInfo
from .kernel import MAX_MESSAGE, TOO_MUCH, Death, Kernel

_SECONDS = 30.0  # that one request may take
_PING = 30.0  # seconds between two looks whether the connection still stands
_TIMED_OUT = 599  # tornado's status for a request that got no answer
_CUT = f"the connection to the Jupyter server was lost, or cut because {TOO_MUCH}"


class _Resolver(Resolver):
    """Looks a server's addresses up once: it takes a thread, and there are none when kernels are ended at exit."""

    _known: ClassVar[dict[tuple[str, int], list[tuple[int, Any]]]] = {}

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[tuple[int, Any]]:
        if (host, port) not in self._known:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
            self._known[host, port] = [(kind, address) for kind, _, _, _, address in found]
        return self._known[host, port]


async def check_server(info: JupyterConnectionInfo, name: str) -> None:
    """Sees to it that a server answers, takes the token, and has a kernel.

    Args:
        info: Where it is.
        name: The kernel's name.

    Raises:
        ConfigError: If not.
    """
    specs = await _ask(info, "GET", "api/kernelspecs")
    names = sorted(specs.get("kernelspecs", {}))
    if name not in names:
        raise ConfigError(
            f"Kernel {name!r} is not installed on the Jupyter server; it has {', '.join(names) or 'none'}"
        )


async def _ask(info: JupyterConnectionInfo, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """One request; the answer's JSON, or None where it has no body.

    Raises:
        ConfigError: If the server doesn't answer, or refuses.
    """
    request = HTTPRequest(
        info.url(path),
        method,
        _headers(info),
        None if body is None else json.dumps(body),
        request_timeout=_SECONDS,
        connect_timeout=_SECONDS,
        follow_redirects=False,  # the token is for this server alone
        allow_nonstandard_methods=True,  # a POST without a body
    )
    client = AsyncHTTPClient(force_instance=True, resolver=_Resolver())
    try:
        response = await client.fetch(request)
        return json.loads(response.body) if response.body else None
    except HTTPClientError as error:
        raise _refusal(info, path, error.code, error.response) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"no Jupyter server answers at {info.url('')}: {error}") from error
    finally:
        client.close()


def _headers(info: JupyterConnectionInfo) -> dict[str, str]:
    return {"Authorization": f"token {info.token}"} if info.token else {}


def _refusal(info: JupyterConnectionInfo, path: str, code: int, response: HTTPResponse | None) -> ConfigError:
    if code in (401, 403):
        return ConfigError(
            f"the Jupyter server at {info.url('')} refuses the token: give the one that it was started with"
        )
    if code == _TIMED_OUT:
        return ConfigError(f"no Jupyter server answers at {info.url('')}: it took longer than {_SECONDS:g} s")
    said = response.body.decode("utf-8", "replace")[:500] if response is not None and response.body else ""
    return ConfigError(f"the Jupyter server at {info.url('')} answers {path} with status {code}: {said}")


class RemoteKernel(Kernel):
    """A kernel that a Jupyter server starts for us, and that is shut down in the end.

    Args:
        name: The kernel's name.
        info: Where the server is.
    """

    def __init__(self, name: str, info: JupyterConnectionInfo) -> None:
        super().__init__(name)
        self._info = info
        self._session = new_id()
        self._path: str | None = None
        self._socket: WebSocketClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._death: Death | None = None

    async def open(self) -> None:
        """Has the server start a kernel, and connects to it."""
        kernel = await _ask(self._info, "POST", "api/kernels", {"name": self.name})
        self._path = f"api/kernels/{quote(str(kernel['id']), safe='')}"
        request = HTTPRequest(
            self._info.url(f"{self._path}/channels?session_id={self._session}", websocket=True),
            headers=_headers(self._info),
            connect_timeout=_SECONDS,
            follow_redirects=False,
        )
        try:
            self._socket = await websocket_connect(
                request, ping_interval=_PING, max_message_size=MAX_MESSAGE, resolver=_Resolver()
            )
        except HTTPClientError as error:
            raise _refusal(self._info, self._path, error.code, error.response) from None
        except OSError as error:
            raise ConfigError(f"no Jupyter server answers at {self._info.url('')}: {error}") from error
        self._reader = asyncio.create_task(self._read(self._socket))

    async def _read(self, socket: WebSocketClientConnection) -> None:
        while True:
            frame = await socket.read_message()
            if frame is None:
                self._death = Death(_CUT)
                return
            message = _message(frame)
            if message is None:
                continue
            state = message["content"].get("execution_state")
            if message["header"].get("msg_type") == "status" and state in ("restarting", "dead"):
                self._death = Death("its process ended")  # a new one may be there, but it knows nothing
            self.listener(message)
            await asyncio.sleep(0)  # a flood of messages is read without a pause otherwise

    async def send(self, kind: str, content: Mapping[str, Any], request: str) -> None:
        """Sends a request."""
        header = {
            "msg_id": request, "msg_type": kind, "session": self._session, "username": "autogen_like",
            "version": "5.3", "date": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        if self._socket is not None:
            with contextlib.suppress(WebSocketClosedError):  # the reader knows, and why
                await self._socket.write_message(json.dumps(message))

    async def interrupt(self) -> None:
        """Has the server interrupt the kernel."""
        if self._path is not None and self._death is None:
            try:
                await _ask(self._info, "POST", f"{self._path}/interrupt")
            except ConfigError as error:
                self._death = Death(f"it could not be interrupted, since {error}")

    async def death(self) -> Death | None:
        """How it ended."""
        return Death("it was ended on request") if self.closed else self._death

    async def _close(self) -> None:
        """Closes the connection, and has the server shut the kernel down."""
        if self._reader is not None:
            self._reader.cancel()
        if self._socket is not None:
            self._socket.close()
        path, self._path = self._path, None
        if path is not None:
            try:
                await _ask(self._info, "DELETE", path)
            except ConfigError:
                return  # the server is gone, or has removed it itself: there is nothing to end


def _message(frame: str | bytes) -> dict[str, Any] | None:
    """What a frame holds; None if it is no Jupyter message. Binary ones have attachments, which nothing here needs."""
    try:
        if isinstance(frame, bytes):
            count = struct.unpack_from("!I", frame)[0]
            start, *rest = struct.unpack_from(f"!{min(count, 2)}I", frame, 4)
            frame = frame[start : rest[0] if rest else None]
        message = json.loads(frame)
    except (ValueError, struct.error, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    parts = (message.get("header"), message.get("content"))
    return message if all(isinstance(part, dict) for part in parts) else None
