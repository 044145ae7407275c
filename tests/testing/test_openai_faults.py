"""The stand-in server misbehaves as it is told, by plain sockets and HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any

import pytest

from autogen_like.testing import FAULTS, STRICT, OpenAIServer, Reply
from autogen_like.testing.openai_strict import check_alternating, check_arguments, check_single_calls

BODY = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def ask(server: OpenAIServer, timeout: float = 5, **extra: Any) -> bytes:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=timeout)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps({**BODY, **extra}))
        return connection.getresponse().read()
    finally:
        connection.close()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("cut", [0, 1, 50])
def test_it_cuts_an_answer_at_any_byte(cut: int, stream: bool) -> None:
    whole = Reply("Hello there", cut=cut)
    with OpenAIServer([whole]) as server, pytest.raises(http.client.IncompleteRead) as raised:
        ask(server, stream=stream)
    assert len(raised.value.partial) == cut


def test_it_resets_a_connection_and_goes_on_serving() -> None:
    with OpenAIServer([Reply(reset=True), "Hello"]) as server:
        with pytest.raises(ConnectionResetError):
            ask(server)
        assert b"Hello" in ask(server)


def test_it_hangs_until_the_client_leaves_or_it_stops() -> None:
    with OpenAIServer(lambda body: Reply(hang=True)) as server:
        with pytest.raises(TimeoutError):
            ask(server, timeout=0.1)
        with socket.create_connection(server.url.removeprefix("http://").split(":"), timeout=5) as waiting:  # type: ignore[arg-type]
            data = json.dumps(BODY).encode()
            waiting.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data))
            while len(server.requests) < 2:
                time.sleep(0.001)
            server.stopping.set()
            assert waiting.recv(1) == b"", "it says goodbye without a word"


def test_every_fault_makes_a_reply() -> None:
    assert all(isinstance(make(), Reply) for make in FAULTS.values())


def message(role: str, *calls: str, **extra: Any) -> dict[str, Any]:
    made = [{"id": "1", "function": {"name": "f", "arguments": arguments}} for arguments in calls]
    return {"role": role, "content": "x", **({"tool_calls": made} if made else {}), **extra}


@pytest.mark.parametrize(
    ("check", "messages"),
    [
        (check_alternating, [message("assistant")]),
        (check_alternating, [message("user"), message("system")]),
        (check_alternating, [message("user"), message("assistant", "{}"), message("tool"), message("user")]),
        (check_alternating, [message("user"), message("assistant")]),
        (check_single_calls, [message("assistant", "{}", "{}")]),
        (check_arguments, [message("assistant", "{oops")]),
        (check_arguments, [message("assistant", "[]")]),
        (STRICT["no_system"], [message("developer")]),
        (STRICT["no_name"], [message("user", name="ann")]),
        (STRICT["no_tools"], [message("tool")]),
        (STRICT["no_images"], [message("user", content=[])]),
    ],
)
def test_strict_checks_say_what_is_wrong(check: Any, messages: list[dict[str, Any]]) -> None:
    assert check({"messages": messages})
    well = [message("system"), message("user"), message("assistant", "{}"), message("tool")]
    assert check({"messages": well}) is None or check in (STRICT["no_system"], STRICT["no_tools"])


def test_a_reasoning_model_refuses_sampling() -> None:
    assert "max_completion_tokens" in str(STRICT["reasoning"]({"max_tokens": 5}))
    assert "top_p" in str(STRICT["reasoning"]({"top_p": 1}))
    assert STRICT["reasoning"]({"max_completion_tokens": 5}) is None
