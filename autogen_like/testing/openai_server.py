"""A small HTTP server that behaves as OpenAI's chat-completions endpoint does, so that tests need neither key nor net.

It is a real server on a real port, in threads of its own, made of the standard library alone.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

from .openai_checks import Check, check_request
from .openai_reply import Reply, error_body

Scripted: TypeAlias = "str | Reply | Callable[[Mapping[str, Any]], str | Reply]"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request that the server got.

    Args:
        path: The path, with the query.
        headers: The headers, their names in lower case.
        body: The body, decoded from JSON; an empty dict where there was none.
    """

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class OpenAIServer:
    """A stand-in for an OpenAI endpoint.

    Args:
        script: What to answer: a list of texts, `Reply` objects or functions of the request's body, used one after
            the other; or one function for all requests. None: the last message comes back.
        api_key: The key that requests must have; None takes any.
        checks: What is refused with a 400, beside or instead of what OpenAI refuses.

    Attributes:
        requests: All requests so far, oldest first.
        hung_up: How many streams were left by the client before their end.
        stopping: Set when the server stops: what hangs waits for it.

    Example:
        >>> import json, urllib.request
        >>> with OpenAIServer(["Hello"]) as server:
        ...     ask = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}).encode()
        ...     with urllib.request.urlopen(server.base_url + "/chat/completions", ask) as response:
        ...         print(json.load(response)["choices"][0]["message"]["content"])
        Hello
    """

    def __init__(
        self,
        script: Iterable[Scripted] | Callable[[Mapping[str, Any]], str | Reply] | None = None,
        *,
        api_key: str | None = None,
        checks: Iterable[Check] = (check_request,),
    ) -> None:
        self.requests: list[Recorded] = []
        self.hung_up = 0
        self._function = script if callable(script) else None
        self._script: Iterator[Scripted] | None = None if script is None or callable(script) else iter(script)
        self._api_key = api_key
        self._checks = tuple(checks)
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        """The server's address without a path: what an Azure configuration names."""
        if self._server is None:
            raise RuntimeError("the server is not running: use it as 'with OpenAIServer(...) as server:'")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def base_url(self) -> str:
        """The address to give as ``base_url``."""
        return f"{self.url}/v1"

    def __enter__(self) -> Self:
        self.stopping.clear()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="openai-stand-in", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        server, self._server = self._server, None
        self.stopping.set()
        if server is not None:
            server.shutdown()
            server.server_close()

    def answer(self, request: Recorded) -> Reply:
        """What to answer to a request: the seam for servers that behave otherwise."""
        refused = self.refuse(request)
        if refused is not None:
            return refused
        with self._lock:
            step = self._function or next(self._script or iter((_echo,)), None)
        if step is None:
            return Reply.error(500, "the script of this server has no more replies", code="script_spent")
        found = step(request.body) if callable(step) else step
        return Reply(found) if isinstance(found, str) else found

    def refuse(self, request: Recorded) -> Reply | None:
        """The error that a request gets for its key or its form, or None."""
        if self._api_key is not None:
            bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
            if self._api_key not in (bearer, request.headers.get("api-key")):
                return Reply.error(401, f"Incorrect API key provided: {bearer}", code="invalid_api_key")
        for check in self._checks:
            wrong = check(request.body)
            if wrong:
                return Reply.error(400, wrong)
        return None


def _echo(body: Mapping[str, Any]) -> str:
    content = body["messages"][-1].get("content")
    return content if isinstance(content, str) else json.dumps(content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, owner: OpenAIServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: clients that hang up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        if urlsplit(self.path).path.endswith("/models"):
            self._send(200, {}, {"object": "list", "data": [{"id": "fake", "object": "model"}]})
        else:
            self._send(404, {}, error_body(f"Invalid URL (GET {self.path})"))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not urlsplit(self.path).path.endswith("/chat/completions"):
            self._send(404, {}, error_body(f"Invalid URL (POST {self.path})"))
            return
        try:
            body = json.loads(raw)
        except ValueError:
            self._send(400, {}, error_body("We could not parse the JSON body of your request."))
            return
        owner = self.server.owner
        recorded = Recorded(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        owner.requests.append(recorded)
        reply = owner.answer(recorded)
        if reply.delay:
            time.sleep(reply.delay)
        if reply.cut is None and (reply.hang or reply.reset):
            self._leave(reply)
        elif body.get("stream") and reply.chunks is not None:
            self._stream(reply, body)
        elif reply.body is not None or reply.status != 200:
            body = reply.body if reply.body is not None else error_body("An error")
            self._send(reply.status, reply.headers, body, reply)
        elif body.get("stream"):
            self._stream(reply, body)
        else:
            self._send(200, reply.headers, reply.completion(body), reply)

    def _send(self, status: int, headers: Mapping[str, str], body: Any, reply: Reply | None = None) -> None:
        is_json = not isinstance(body, str | bytes)
        data = json.dumps(body).encode() if is_json else body.encode() if isinstance(body, str) else body
        kind = "application/json" if is_json else "text/plain"
        self._head(status, {"Content-Type": kind, "Content-Length": str(len(data)), **headers})
        if reply is None or reply.cut is None:
            self.wfile.write(data)
        else:
            self.wfile.write(data[: reply.cut])
            self._leave(reply)

    def _stream(self, reply: Reply, body: Mapping[str, Any]) -> None:
        self._head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", **reply.headers})
        left = reply.cut
        try:
            for chunk in reply.stream(body):
                line = chunk if isinstance(chunk, str) else f"data: {json.dumps(chunk)}\n\n"
                data = line.encode("utf-8", "surrogatepass")
                if left is not None:
                    data, left = data[:left], left - len(data)
                if data:  # an empty chunk would end the answer
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                if left is not None and left <= 0:
                    self._leave(reply)
                    return
                if reply.pause:
                    time.sleep(reply.pause)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.owner.hung_up += 1
            self.close_connection = True

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _leave(self, reply: Reply) -> None:
        """Says nothing more: at once, or after the client lost its patience."""
        self.close_connection = True
        if reply.hang:
            readable = selectors.DefaultSelector()
            with readable:
                readable.register(self.connection, selectors.EVENT_READ)  # what a client that leaves makes it
                while not self.server.owner.stopping.is_set() and not readable.select(0.05):
                    pass
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())  # without the farewell that the server's own way sends first
