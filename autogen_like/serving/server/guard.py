"""Who may come in: in front of every route, and nothing behind it has to think of it again."""

from __future__ import annotations

import hmac
from hashlib import sha256
from urllib.parse import urlsplit

from h11 import LocalProtocolError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import ApiError
from .metrics import ServerMetrics
from .settings import ServerSettings, is_loopback

# What balancers and supervisors ask; it tells nothing but whether the server is up.
_OPEN = frozenset(("/health", "/v2/health/live", "/v2/health/ready"))


class Guard:
    """Refuses requests without the key; and where there is no key, what a browser sends for a web page of elsewhere.

    A page may name this machine's address in its own domain (DNS rebinding), or just send: so without a key the Host
    must be this machine, and so must be the Origin that browsers tell.

    Args:
        app: What is guarded.
        settings: With the key.
        metrics: Counts answers.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, metrics: ServerMetrics) -> None:
        self._app = app
        self._key = None if settings.api_key is None else _digest(settings.api_key)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or answers it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope["path"], Headers(scope=scope))

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                endpoint = getattr(scope.get("endpoint"), "__name__", "none")
                self._metrics.responses[endpoint, message["status"]] += 1
            try:
                await send(message)
            except LocalProtocolError:  # the client broke HTTP, and uvicorn has told it so: there is no one to answer
                while (await receive())["type"] != "http.disconnect":
                    pass

        if refusal is not None:
            await refusal.response(scope["path"])(scope, receive, counted)
        else:
            await self._app(scope, receive, counted)

    def _refusal(self, path: str, headers: Headers) -> ApiError | None:
        if self._key is None:
            if not is_loopback(_hostname(f"//{headers.get('host', 'localhost')}")):
                return ApiError(403, "without a key only requests to localhost are taken", code="wrong_host")
            origin = headers.get("origin")
            if origin is not None and not is_loopback(_hostname(origin)):
                return ApiError(403, "without a key no web page of elsewhere is served", code="wrong_origin")
            return None
        if path in _OPEN:
            return None
        scheme, _, key = headers.get("authorization", "").partition(" ")
        # Digests have one length, so the comparison tells nothing about the key's.
        if scheme.lower() == "bearer" and hmac.compare_digest(_digest(key.strip()), self._key):
            return None
        message = "the key is missing or wrong: send it as 'Authorization: Bearer KEY'"
        return ApiError(401, message, code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()


def _hostname(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
