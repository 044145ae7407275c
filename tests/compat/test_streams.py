"""Websockets and the runtime log in odd cases."""

from __future__ import annotations

import logging
import sqlite3
import threading
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from autogen_like import ConfigError, MissingExtra
from autogen_like.compat import OpenAIWrapper, runtime_logging
from autogen_like.compat.io import IOWebsockets
from autogen_like.compat.io.websockets import ServerConnection, WebSocketServer
from autogen_like.compat.logger.sqlite_logger import SqliteLogger


class Line:
    """A connection that was scripted."""

    def __init__(self, *answers: str | bytes) -> None:
        self.answers, self.sent = list(answers), []

    def send(self, message: str | bytes) -> None:
        self.sent.append(message)

    def recv(self) -> str | bytes:
        return self.answers.pop(0)

    def close(self) -> None: ...


def test_what_is_printed_is_sent_and_answers_may_be_bytes() -> None:
    line = Line("yes", b"no")
    stream = IOWebsockets(line)
    assert isinstance(stream.websocket, ServerConnection)
    assert [stream.input("Really?"), stream.input()] == ["yes", "no"]
    stream.print("a", 1, sep="-", end="!")
    assert line.sent == ["Really?", "a-1!"]


def test_the_server_is_one() -> None:
    class Server:
        def serve_forever(self) -> None: ...

        def shutdown(self) -> None: ...

    assert isinstance(Server(), WebSocketServer)


def test_who_leaves_ends_only_that_connection(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ended = threading.Event()

    def on_connect(stream: IOWebsockets) -> None:
        try:
            stream.input()
        finally:
            ended.set()

    with IOWebsockets.run_server_in_thread(port=0, on_connect=on_connect) as address:
        with connect(address):
            pass
        assert ended.wait(30)
    assert "left" in caplog.text


def test_an_error_in_a_connection_is_logged_and_closes_it(caplog: pytest.LogCaptureFixture) -> None:
    def on_connect(stream: IOWebsockets) -> None:
        raise LookupError("no such chat")

    with (
        IOWebsockets.run_server_in_thread(port=0, on_connect=on_connect) as address,
        connect(address) as client,
        pytest.raises(ConnectionClosedError, match="1011"),
    ):
        client.recv(timeout=30)
    assert "no such chat" in caplog.text


def test_without_the_package_websockets_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "websockets.exceptions", None)
    with pytest.raises(MissingExtra, match="websockets"), IOWebsockets.run_server_in_thread(on_connect=print):
        pass


def test_without_a_log_that_is_an_error_in_pythons(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_logging._State, "log", None)
    assert runtime_logging.get_connection() is None
    runtime_logging.stop()
    runtime_logging.log_chat_completion("1", 1, 1, "a", {}, None, 0, 0.0, "")
    runtime_logging.log_new_agent("a", {})
    runtime_logging.log_event("a", "began")
    runtime_logging.log_function_use("a", print, {}, None)
    runtime_logging.log_new_wrapper("w", {})
    runtime_logging.log_new_client("c", "w", {})
    assert caplog.text.count("nothing is logged") == 6


def test_a_wrapper_and_a_client_are_rows_of_the_log_and_the_first_is_kept() -> None:
    class Wrapper: ...

    wrapper: Any = Wrapper()
    log = SqliteLogger({"dbname": ":memory:"})
    runtime_logging.start(log)
    try:
        runtime_logging.log_new_wrapper(wrapper, {"config_list": [{"model": "m", "api_key": "secret"}]})
        runtime_logging.log_new_wrapper(wrapper, {"other": 1})
        runtime_logging.log_new_client(wrapper, wrapper, {"api_key": "secret"})
        connection = runtime_logging.get_connection()
        assert isinstance(connection, sqlite3.Connection)
        rows = connection.execute("SELECT init_args FROM oai_wrappers").fetchall()
        assert rows == [('{"config_list": [{"model": "m"}]}',)]
        assert connection.execute("SELECT class, init_args FROM oai_clients").fetchall() == [("Wrapper", "{}")]
    finally:
        runtime_logging.stop()


def test_a_wrapper_with_a_wrong_address_is_logged_and_fails_when_it_is_asked() -> None:
    runtime_logging.start(SqliteLogger({"dbname": ":memory:"}))
    try:
        wrapper = OpenAIWrapper(config_list=[{"model": "m", "api_key": "k", "base_url": "some url"}])
        connection = runtime_logging.get_connection()
        assert connection is not None
        assert len(connection.execute("SELECT * FROM oai_wrappers").fetchall()) == 1
        with pytest.raises(ConfigError, match="base_url"):
            wrapper.create(messages=[{"role": "user", "content": "hi"}])
    finally:
        runtime_logging.stop()
