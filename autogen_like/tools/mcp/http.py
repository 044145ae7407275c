"""An MCP server at an address: streamable HTTP, with what keeps one failing request from ending the whole session."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx2
from mcp.client.streamable_http import streamable_http_client

from ...core.sync import in_worker
from .stdio import MAX_MESSAGE_BYTES, Streams

Token: TypeAlias = str | Callable[[], Any] | None  # the callable gives a string, or something to await for it
_SESSION = "mcp-session-id"


@dataclass(slots=True)
class Exchange:
    """What happened at the level of HTTP to the requests of one call.

    Attributes:
        failure: Why there is no answer, where there is none.
        refused: Whether the server doesn't know the session (any more): it has not looked at the request.
        doubtful: Whether the session may be over.
    """

    failure: str = ""
    refused: bool = False
    doubtful: bool = False


exchange: ContextVar[Exchange | None] = ContextVar("mcp_exchange", default=None)
"""Set around a call; the tasks that the SDK makes for its requests inherit it."""


@dataclass(slots=True)
class Address:
    """Where a server is, and how to prove who asks.

    Args:
        name: What messages call the server.
        url: The endpoint.
        headers: Sent with each request.
        token: A bearer token, or a function that gives one, asked before each request.
    """

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: Token = field(default=None, repr=False)
    trouble: str = ""

    def details(self) -> str:
        """Nothing: what is known is told in `trouble`."""
        return ""

    @asynccontextmanager
    async def transport(self, ended: Callable[[], None]) -> AsyncGenerator[Streams]:
        """Gives the streams that a session talks to the server by.

        Args:
            ended: Not called: over HTTP a server is lost when a request says so.
        """
        self.trouble = ""
        # No time-outs of reading: an answer may take as long as the call's own time-out says.
        timeout = httpx2.Timeout(30.0, read=None)
        async with AsyncExitStack() as stack:
            client = httpx2.AsyncClient(transport=_Careful(self), timeout=timeout)
            await stack.enter_async_context(client)
            streams = streamable_http_client(self.url, http_client=client, max_sse_event_size=MAX_MESSAGE_BYTES)
            yield await stack.enter_async_context(streams)


class _Careful(httpx2.AsyncBaseTransport):
    """Authorizes requests, notes what fails, and caps answers.

    The SDK ends the session when a request raises, and with it all other calls under way; here such a request gets an
    answer that says so, to fail alone.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._origin = httpx2.URL(address.url)
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        noted = exchange.get() or Exchange()  # outside of calls, a session is opened, listened to or closed
        try:
            await self._authorize(request)
            request.headers["Accept-Encoding"] = "identity"
            response = await self._inner.handle_async_request(request)
        except httpx2.TransportError as error:
            self._note(noted, f"{type(error).__name__}: {error}")
            noted.doubtful = True
            return _failed(request)
        except Exception as error:  # noqa: BLE001 - a token function's; its text may hold what it asked with
            self._note(noted, f"no token: the function that gives it raised {type(error).__name__}")
            return _failed(request)
        if response.status_code == 404 and _SESSION in request.headers:
            noted.refused = True
        elif response.status_code >= 300 and request.method == "POST":  # not all servers can be listened to
            self._note(noted, f"HTTP status {response.status_code}{_hint(response)}")
            noted.doubtful = response.status_code == 400  # what some say of a session that they have forgotten
        # What is compressed could be small here and endless once it is unpacked.
        headers = [(key, value) for key, value in response.headers.multi_items() if key != "content-encoding"]
        return httpx2.Response(
            response.status_code,
            headers=headers,
            stream=_Capped(response, noted),
            extensions=response.extensions,
            request=request,
        )

    def _note(self, noted: Exchange, text: str) -> None:
        noted.failure = self._address.trouble = text

    async def _authorize(self, request: httpx2.Request) -> None:
        url = request.url
        if (url.host, url.port) != (self._origin.host, self._origin.port):
            return  # the SDK follows no redirect to there; should it ever, it goes without our secrets
        request.headers.update(self._address.headers)
        token: Any = self._address.token
        if callable(token):
            token = await in_worker(token)
            if inspect.isawaitable(token):
                token = await token
        if token:
            request.headers["Authorization"] = f"Bearer {token}"

    async def aclose(self) -> None:
        await self._inner.aclose()


def _failed(request: httpx2.Request) -> httpx2.Response:
    """What the SDK fails a request with; to listening and to the farewell it takes no for an answer."""
    return httpx2.Response(503 if request.method == "POST" else 405, request=request)


def _hint(response: httpx2.Response) -> str:
    if response.status_code in (401, 403):
        return ": check token= and headers="
    if response.is_redirect:
        return ": it redirects elsewhere, which is not followed; use that address if it is the right one"
    return ""


class _Capped(httpx2.AsyncByteStream):
    """An answer that ends when it is too long; streams of events go on, each of their events has its cap."""

    def __init__(self, response: httpx2.Response, noted: Exchange) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - an async transport's
        self._stream = response.stream
        self._noted = noted
        self._endless = response.headers.get("content-type", "").lower().startswith("text/event-stream")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for piece in self._stream:
                size += len(piece)
                if size > MAX_MESSAGE_BYTES and not self._endless:
                    self._noted.failure = f"an answer of more than {MAX_MESSAGE_BYTES >> 20} MiB"
                    raise httpx2.StreamError(self._noted.failure)
                yield piece
        except httpx2.TransportError as error:
            self._noted.failure = f"{type(error).__name__}: {error}"
            raise httpx2.StreamError(self._noted.failure) from error  # what the SDK lets fail alone

    async def aclose(self) -> None:
        await self._stream.aclose()
