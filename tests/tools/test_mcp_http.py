"""MCP over streamable HTTP, with a server that forgets, refuses, redirects, floods and dies."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from autogen_like import ToolCall
from autogen_like.tools.mcp import http
from autogen_like.tools.mcp.errors import McpError
from autogen_like.tools.mcp.tools import McpTools

TOOL = {"name": "echo", "description": "Echoes.", "inputSchema": {"type": "object", "properties": {}}}


class Endpoint(ThreadingHTTPServer):
    """Speaks MCP of 2025-11-25 with JSON answers; `trick` may answer a call of the tool in its place."""

    daemon_threads = True

    def __init__(self, trick=None, token=None, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.trick, self.token = trick, token
        self.sessions = set()
        self.began = 0
        self.down = False
        self.unknown = 404  # what is said of a session that it doesn't know
        self.calls = []
        self.headers = []
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/mcp"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.down = True
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, request, client_address):
        """Clients that go away are no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Type": "application/json", "Content-Length": len(data), **given}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer(405)

    def do_DELETE(self):
        self.server.sessions.discard(self.headers.get("mcp-session-id"))
        self.answer(200)

    def do_POST(self):
        server = self.server
        if server.down:  # a connection that was kept alive
            return drop(self, 0)
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.headers.append(dict(self.headers))
        method, number = message["method"], message.get("id")
        if server.token is not None and self.headers.get("Authorization") != f"Bearer {server.token}":
            return self.answer(401, b"who are you?")
        if method == "initialize":
            server.began += 1
            session = f"s{server.began}"
            server.sessions.add(session)
            info = {"name": "e", "version": "1"}
            result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
            return self.answer(200, {"jsonrpc": "2.0", "id": number, "result": result}, Mcp_Session_Id=session)
        if self.headers.get("mcp-session-id") not in server.sessions:
            return self.answer(server.unknown)
        if number is None:
            return self.answer(202)
        result = {"tools": [TOOL]}
        if method == "tools/call":
            server.calls.append(message["params"].get("arguments", {}))
            if server.trick is not None and server.trick(self, number):
                return None
            result = {"content": [{"type": "text", "text": json.dumps(server.calls[-1])}]}
        return self.answer(200, {"jsonrpc": "2.0", "id": number, "result": result})


async def use(server, **arguments):
    return await server.get("echo").call(ToolCall("1", "echo", json.dumps(arguments)))


def only(text, trick):
    """A trick that is played where the arguments hold a text, and not elsewhere."""
    return lambda handler, number: text in str(handler.server.calls[-1]) and trick(handler, number) is not False


async def test_a_tool_is_called_and_the_session_ended_at_the_end():
    with Endpoint() as endpoint:
        async with McpTools(url=endpoint.url, headers={"X-Team": "blue"}) as server:
            assert server.name == f"127.0.0.1:{endpoint.server_port}"
            assert (await use(server, a=1)).content == '{"a": 1}'
            assert endpoint.sessions == {"s1"}
        assert endpoint.sessions == set()
        assert {headers["X-Team"] for headers in endpoint.headers} == {"blue"}


async def test_a_session_that_the_server_has_forgotten_is_begun_anew_and_the_call_carried_out_once():
    with Endpoint() as endpoint:
        async with McpTools(url=endpoint.url) as server:
            endpoint.sessions.clear()
            results = await asyncio.gather(*(use(server, number=number) for number in range(5)))
            assert not any(result.error for result in results)
        assert sorted(call["number"] for call in endpoint.calls) == [0, 1, 2, 3, 4]
        assert endpoint.began >= 2


async def test_where_a_forgotten_session_is_called_a_bad_request_the_next_call_begins_anew():
    with Endpoint() as endpoint:
        async with McpTools(url=endpoint.url) as server:
            endpoint.sessions.clear()
            endpoint.unknown = 400
            refused = await use(server, x=1)
            assert "gave no answer: HTTP status 400" in refused.content
            assert (await use(server, x=2)).content == '{"x": 2}'
        assert endpoint.calls == [{"x": 2}]  # a bad request may mean anything: it is not sent again


async def test_a_server_that_forgets_each_session_at_once_is_not_asked_for_ever():
    with Endpoint() as endpoint:
        async with McpTools(url=endpoint.url) as server:

            class Forgetful(set):
                def add(self, session):
                    super().add(session)
                    self.left = 2  # requests until it forgets: what listing the tools takes

                def __contains__(self, session):
                    self.left -= 1
                    return self.left >= 0

            endpoint.sessions = Forgetful()
            endpoint.sessions.left = 0
            result = await use(server)
        assert result.error
        assert "forgets its sessions at once" in result.content
        assert endpoint.began == 2
        assert endpoint.calls == []


def drop(handler, number):
    handler.connection.shutdown(socket.SHUT_RDWR)


def half(handler, number):
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"jsonrpc"')
    handler.close_connection = True


def cut_stream(handler, number):
    handler.answer(200, b": nothing\n\n", Content_Type="text/event-stream")


@pytest.mark.parametrize(
    ("trick", "said"),
    [
        (drop, "gave no answer: RemoteProtocolError"),
        (half, "gave no answer: RemoteProtocolError"),
        (cut_stream, "was lost during the call; whether it was carried out is not known"),
        (lambda handler, _: handler.answer(500, b"secret trace"), "gave no answer: HTTP status 500"),
        (lambda handler, _: handler.answer(200, b"not json"), "gave an answer that is not MCP"),
        (lambda handler, _: handler.answer(200, b"<html>", Content_Type="text/html"), "Unexpected content type"),
        (lambda handler, _: handler.answer(202), "202 Accepted"),
        (
            lambda handler, _: handler.answer(200, b"\x1f\x8b" * 9, Content_Encoding="gzip"),
            "gave an answer that is not MCP",
        ),
    ],
)
async def test_a_call_that_gets_no_answer_fails_alone_and_is_not_repeated(trick, said):
    with Endpoint(only("bad", trick)) as endpoint:
        async with McpTools(url=endpoint.url) as server:
            bad, *good = await asyncio.gather(use(server, x="bad"), use(server, x=1), use(server, x=2))
            assert bad.error
            assert said in bad.content
            assert "secret" not in bad.content
            assert [one.error for one in good] == [False, False]
            assert not (await use(server, x=3)).error
        assert sum(call["x"] == "bad" for call in endpoint.calls) == 1


async def test_an_answer_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(http, "MAX_MESSAGE_BYTES", 1 << 20)
    with Endpoint(only("big", lambda handler, _: handler.answer(200, b"x" * (3 << 20)))) as endpoint:
        async with McpTools(url=endpoint.url) as server:
            assert "gave no answer: an answer of more than 1 MiB" in (await use(server, x="big")).content
            assert not (await use(server)).error


async def test_an_error_that_a_server_numbers_like_a_lost_connection_ends_nothing():
    def refuse(handler, number):
        handler.answer(200, {"jsonrpc": "2.0", "id": number, "error": {"code": -32000, "message": "out of paper"}})

    with Endpoint(refuse) as endpoint:
        async with McpTools(url=endpoint.url) as server:
            assert (await use(server)).content == "Error: out of paper"
        assert endpoint.began == 1


async def test_a_server_that_is_gone_is_said_to_be_gone_and_found_again_when_it_is_back():
    endpoint = Endpoint()
    with endpoint:
        opened = McpTools(url=endpoint.url)
        server = await opened.__aenter__()
    try:
        gone = await use(server, x=1)
        assert gone.error
        assert "gave no answer: " in gone.content
        with Endpoint(port=endpoint.server_port) as back:
            assert (await use(server, x=2)).content == '{"x": 2}'
        assert back.calls == [{"x": 2}]
    finally:
        await server.aclose()


async def test_where_no_server_listens_opening_says_so():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(McpError, match=rf"the MCP server 127.0.0.1:{port} can't be used: .*ConnectError") as raised:
        await McpTools(url=f"http://127.0.0.1:{port}/mcp").__aenter__()
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


async def test_a_server_that_never_answers_is_named_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/mcp"
        with pytest.raises(McpError, match=r"the MCP server quiet didn't answer within 0.5 s"):
            await McpTools(url=url, name="quiet", connect_timeout=0.5).__aenter__()


# --- secrets


async def test_the_token_is_asked_for_before_each_request_and_appears_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("httpcore2", "asyncio"):  # what goes over the wire, and how
        logging.getLogger(name).setLevel(logging.WARNING)
    asked = []

    async def token():
        asked.append(1)
        return "t0p-secret"

    with Endpoint(token="t0p-secret") as endpoint:
        async with McpTools(url=endpoint.url, token=token, headers={"X-Key": "an0ther"}) as server:
            assert not (await use(server)).error
            assert "secret" not in repr(server) + repr(server._way)
            endpoint.token = "changed"
            refused = await use(server)
        assert "HTTP status 401: check token= and headers=" in refused.content
        assert len(asked) >= len(endpoint.headers)
    assert "t0p-secret" not in caplog.text
    assert "an0ther" not in caplog.text


async def test_a_sync_function_may_give_the_token_and_one_that_fails_fails_the_call():
    tokens = ["right"]

    def token():
        if not tokens:
            raise RuntimeError("the vault at https://user:password@vault is closed")
        return tokens[0]

    with Endpoint(token="right") as endpoint:
        async with McpTools(url=endpoint.url, token=token) as server:
            assert not (await use(server)).error
            tokens.clear()
            failed = await use(server)
            assert "no token: the function that gives it raised RuntimeError" in failed.content
            assert "password" not in failed.content
            tokens.append("right")
            assert not (await use(server)).error


async def test_without_the_token_a_server_cannot_be_opened():
    said = "HTTP status 401: check token= and headers="
    with Endpoint(token="right") as endpoint, pytest.raises(McpError, match=said):
        await McpTools(url=endpoint.url, token="wrong").__aenter__()


def test_secrets_over_plain_http_to_elsewhere_are_warned_of():
    with pytest.warns(UserWarning, match=r"secrets go to mcp.example.org over plain http"):
        McpTools(url="http://mcp.example.org/mcp", token="t")


async def test_a_redirect_to_elsewhere_is_not_followed_and_takes_no_secret_along():
    with Endpoint() as thief, Endpoint() as endpoint:

        def redirect(handler, number):
            handler.answer(307, Location=thief.url)

        endpoint.trick = redirect
        async with McpTools(url=endpoint.url, token="secret") as server:
            result = await use(server)
        assert "HTTP status 307: it redirects elsewhere, which is not followed" in result.content
        assert thief.headers == []


async def test_requests_to_elsewhere_would_go_without_secrets():
    careful = http._Careful(http.Address("a", "https://a.example/mcp", {"X-Key": "k"}, "secret"))
    import httpx2

    there, elsewhere = httpx2.Request("POST", "https://a.example/mcp"), httpx2.Request("POST", "https://b.example/mcp")
    await careful._authorize(there)
    await careful._authorize(elsewhere)
    assert there.headers["Authorization"] == "Bearer secret"
    assert not {"authorization", "x-key"} & set(elsewhere.headers)
    await careful.aclose()


async def test_a_redirect_within_the_server_is_followed():
    def slash(handler, number):
        if handler.path == "/mcp/":
            return False
        handler.server.calls.pop()
        handler.answer(307, Location="/mcp/")
        return None

    with Endpoint(only("", slash)) as endpoint:
        async with McpTools(url=endpoint.url, token="t") as server:
            assert (await use(server, a=1)).content == '{"a": 1}'
        assert endpoint.calls == [{"a": 1}]


async def test_a_call_that_takes_too_long_ends(monkeypatch):
    release = threading.Event()
    with Endpoint(only("slow", lambda *_: release.wait(60) and False)) as endpoint:
        async with McpTools(url=endpoint.url, timeout=0.5) as server:
            assert (await use(server, x="slow")).content == "Error: echo took longer than 0.5 s and was cancelled"
            assert not (await use(server, x=1)).error
            release.set()
