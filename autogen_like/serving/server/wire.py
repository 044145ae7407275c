"""Bodies in and streams out, with a watch on whether the client is still there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .errors import ApiError, from_validation
from .settings import ServerSettings

B = TypeVar("B", bound=BaseModel)
T = TypeVar("T")


class ClientLeft(Exception):
    """The client closed its connection before it was answered."""


async def read_body(request: Request, settings: ServerSettings) -> bytes:
    """The whole body.

    Raises:
        ApiError: If it is too long, packed, or takes too long to come.
        ClientLeft: If the client went away.
    """
    most = settings.max_body_bytes
    too_long = ApiError(413, f"the body is longer than {most} bytes", headers={"Connection": "close"})
    if request.headers.get("content-encoding", "identity") != "identity":
        raise ApiError(415, "packed bodies are not taken: send it without Content-Encoding")
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        raise too_long
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(settings.body_seconds):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise too_long
                parts.append(part)
    except TimeoutError:
        message = f"the body took longer than {settings.body_seconds:g} seconds to come"
        raise ApiError(408, message, headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise ClientLeft from None
    return b"".join(parts)


async def read_json(request: Request, settings: ServerSettings, form: type[B]) -> B:
    """The body, checked.

    Raises:
        ApiError: If it isn't what it must be; names the part that isn't.
        ClientLeft: If the client went away.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # Also keeps out web pages of elsewhere: a browser sends this type to another site only if that allows it.
        raise ApiError(415, "the body must be JSON: set Content-Type to application/json")
    return parse(await read_body(request, settings), form)


def parse(raw: bytes, form: type[B]) -> B:
    """JSON, checked.

    Raises:
        ApiError: If it isn't what it must be.
    """
    try:
        return form.model_validate_json(raw)
    except ValidationError as error:
        raise from_validation(error, raw) from None


async def unless_left(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Does some work; gives it up when the client goes away.

    Raises:
        ClientLeft: If it did.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnected(request.receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientLeft
    finally:
        await _ended(working, leaving)


async def on_left(request: Request, _: Exception) -> Response:
    """Counts a client that went away."""
    request.app.state.service.client_left()
    return _Nothing()


class _Nothing(Response):
    """No answer: nobody is there to read one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends nothing."""


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _ended(*tasks: asyncio.Future[Any]) -> None:
    """Cancels what still runs, and waits for it: what it held is free then."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class EventStream(Response):
    """Server-sent events: a ``data`` line for each JSON text.

    Args:
        events: The texts.
        close: Frees what they come from; called whatever happens.
        left: Called when the client leaves before the end.
    """

    media_type = "text/event-stream"

    def __init__(
        self, events: AsyncIterator[str], *, close: Callable[[], Awaitable[None]], left: Callable[[], None]
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._close = close
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends them, until the client leaves."""
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                self._left()
        finally:
            await _ended(sending, leaving)
            await self._close()
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for text in self._events:
            body = f"data: {text}\n\n".encode()
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def dumps(value: Any) -> str:
    """JSON without needless blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parse_json(raw: bytes, name: str = "the body") -> Any:
    """JSON of any form.

    Raises:
        ApiError: If it is none.
    """
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise ApiError(400, f"{name}: no JSON: {error}", code="invalid_json") from None
