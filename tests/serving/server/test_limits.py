"""Clients that leave, hang, push or come in crowds: what they held is free at once, and the others are served."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from autogen_like.core.errors import ConfigError
from autogen_like.serving.chat_model import ChatModel
from autogen_like.serving.engine import AsyncEngine, Engine, GenerateRequest
from autogen_like.serving.server import ModelServer, ServerSettings

from ..support import random_engine
from .asking import ASK, connected, get, nothing_held, numbers, post, raw_request, until

LONG: dict[str, Any] = {**ASK, "temperature": 0, "max_tokens": 900, "logit_bias": {"256": -100}}


class Held:
    """Makes an engine go on only while it may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        whole = Engine.step

        def step(engine: Engine) -> bool:
            time.sleep(self.seconds)
            return whole(engine)

        monkeypatch.setattr(Engine, "step", step)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Steps take so long that a reply of 900 tokens would take minutes."""
    held = Held(monkeypatch)
    held.seconds = 0.1
    return held


@pytest.fixture(scope="module")
def server(serve: Callable[..., ModelServer]) -> ModelServer:
    return serve({"max_running": 2}, max_requests=4, max_body_bytes=20_000, body_seconds=1.0, max_reply_tokens=900)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_hangs_up_frees_its_blocks(server, slow, stream):
    left = numbers(server)["clients_left_total"]
    with connected(server) as connection:
        connection.sendall(raw_request({**LONG, "stream": stream}))
        until(lambda: numbers(server)["engine_blocks_used"] > 0)
    until(lambda: nothing_held(server))
    assert numbers(server)["clients_left_total"] == left + 1
    assert numbers(server)["engine_cancelled_total"] > 0


def test_a_client_that_waits_for_its_turn_and_hangs_up_never_begins(server, slow):
    with connected(server) as one, connected(server) as two, connected(server) as waiting:
        for connection in (one, two):
            connection.sendall(raw_request(LONG))
        until(lambda: numbers(server)["engine_running"] == 2)
        waiting.sendall(raw_request(LONG))
        until(lambda: numbers(server)["engine_waiting"] == 1)
        waiting.close()
        until(lambda: numbers(server)["engine_waiting"] == 0)
        assert numbers(server)["engine_running"] == 2
    until(lambda: nothing_held(server))


def test_a_client_that_closes_only_its_half_is_left_as_well(server, slow):
    with connected(server) as connection:
        connection.sendall(raw_request({**LONG, "stream": True}))
        connection.shutdown(socket.SHUT_WR)
        until(lambda: nothing_held(server))
    until(lambda: nothing_held(server))


def test_a_client_that_reads_nothing_holds_nothing_once_its_reply_is_made(server):
    with connected(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.sendall(raw_request({**LONG, "stream": True, "logprobs": True, "top_logprobs": 20}))
        until(lambda: numbers(server)["engine_blocks_used"] > 0)
        until(lambda: numbers(server)["engine_blocks_used"] == 0)
    until(lambda: nothing_held(server))


def test_one_too_many_is_told_when_to_come_again(server, slow):
    with ThreadPoolExecutor(4) as pool, httpx.Client(base_url=server.address, timeout=60) as client:
        connections = [connected(server) for _ in range(4)]
        list(pool.map(lambda one: one.sendall(raw_request(LONG)), connections))
        until(lambda: numbers(server)["replies_in_flight"] == 4)
        refused = client.post("/v1/chat/completions", json=LONG)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["error"]["code"] == "queue_full"
        assert client.post("/v2/models/tiny/generate", json={"text_input": "Hi"}).status_code == 429
        assert client.post("/v1/completions", json={"model": "tiny", "prompt": "x", "stream": True}).status_code == 429
        assert client.get("/health").status_code == 200  # who looks after it isn't refused
        for connection in connections:
            connection.close()
    until(lambda: nothing_held(server))
    with openai.OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as again:
        slow.seconds = 0
        assert again.chat.completions.create(**ASK, max_tokens=2).choices


def test_an_engine_that_is_full_says_so_too(serve, slow):
    server = serve({"max_running": 1, "max_waiting": 1}, max_requests=50, max_reply_tokens=900)
    with connected(server) as one, connected(server) as two:
        one.sendall(raw_request(LONG))
        until(lambda: numbers(server)["engine_running"] == 1)
        two.sendall(raw_request(LONG))
        until(lambda: numbers(server)["engine_waiting"] == 1)
        refused = post(f"{server.address}/v1/chat/completions", json={**LONG, "stream": True}, timeout=60)
        assert refused.status_code == 429
        assert "retry-after" in refused.headers
    until(lambda: nothing_held(server))


def test_several_prompts_are_one_request(server):
    with openai.OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        # More than may be at once: alone they may, or nobody could ever ask so.
        reply = client.completions.create(model="tiny", prompt=["a", "b", "c"], n=2, max_tokens=2, temperature=0)
    assert len(reply.choices) == 6
    until(lambda: nothing_held(server))


def test_a_body_that_is_too_long_is_refused_told_or_not(server):
    long = b"x" * 30_000
    json_type = {"Content-Type": "application/json"}
    for path in ("/v1/chat/completions", "/v2/models/tiny/infer", "/v2/models/tiny/generate"):
        told = post(f"{server.address}{path}", content=long, headers=json_type)
        pieces = post(f"{server.address}{path}", content=iter([long[:9000]] * 4), headers=json_type)
        assert [told.status_code, pieces.status_code] == [413, 413]
    assert nothing_held(server)


def test_a_body_that_never_comes_is_given_up(server):
    with connected(server) as connection:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b"Content-Length: 100\r\n\r\n{")
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_a_client_that_leaves_while_it_sends_is_no_failure(server):
    with connected(server) as connection:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b"Content-Length: 100\r\n\r\n{")
    until(lambda: nothing_held(server))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
    ],
)
def test_bodies_are_plain_json(server, headers, status):
    body = json.dumps({**ASK, "max_tokens": 2})
    got = post(f"{server.address}/v1/chat/completions", content=body, headers=headers)
    assert got.status_code == status


def test_paths_and_methods_that_are_not_there(server):
    assert get(f"{server.address}/v1/nothing").json()["error"]["type"] == "invalid_request_error"
    assert get(f"{server.address}/v1/chat/completions").status_code == 405
    assert get(f"{server.address}/v2/models/other").json()["error"]
    assert get(f"{server.address}/v1/models/").status_code == 404


def test_replies_on_their_way_are_finished_before_it_stops(serve, slow):
    server = serve(max_reply_tokens=30, shutdown_seconds=60)
    slow.seconds = 0.02
    with ThreadPoolExecutor(2) as pool, openai.OpenAI(base_url=server.base_url, api_key="none") as client:
        reply = pool.submit(client.chat.completions.create, **{**LONG, "max_tokens": 30})
        until(lambda: numbers(server)["engine_running"] == 1)
        server.stop()
        assert reply.result().usage.completion_tokens == 30
    with pytest.raises(ConfigError, match="start it first"):
        _ = server.address


def test_replies_that_take_too_long_to_end_are_cut(serve, slow, caplog):
    server = serve(max_reply_tokens=900, shutdown_seconds=1)
    with connected(server) as connection:
        connection.sendall(raw_request({**LONG, "stream": True}))
        until(lambda: numbers(server)["engine_running"] == 1)
        server.stop()
        while connection.recv(65536):  # ends
            pass
    assert server.engine.engine is None


def test_a_server_starts_again(serve):
    server = serve()
    server.stop()
    with server as again:
        assert get(f"{again.address}/health").json() == {"status": "ok"}
        with pytest.raises(ConfigError, match="runs already"):
            again.start()


def test_a_port_that_is_taken_is_named(server):
    port = int(server.address.rpartition(":")[2])
    with pytest.raises(ConfigError, match=f"port {port}"):
        ModelServer(server.engine, ServerSettings("tiny", port=port)).start()


def test_an_address_that_is_none_is_named(server):
    settings = ServerSettings("tiny", host="no.such.host.invalid", port=0, api_key="a-long-key")
    with pytest.raises(ConfigError, match=r"no\.such\.host\.invalid"):
        ModelServer(server.engine, settings).start()


def test_a_model_that_cannot_be_loaded_is_an_error_at_the_start(tmp_path):
    with pytest.raises(ConfigError), ModelServer(tmp_path, ServerSettings("none", port=0)):
        pass


def test_it_can_listen_on_ipv6(serve):
    server = serve(host="::1")
    assert server.address.startswith("http://[::1]:")
    assert get(f"{server.address}/health").status_code == 200


def test_requests_fail_alone_and_in_openais_form_when_the_engine_does(serve, monkeypatch):
    def broken(_: ChatModel, request: object) -> object:
        raise RuntimeError("a secret path")

    server = serve()
    monkeypatch.setattr(ChatModel, "chat", broken)
    for stream in (True, False):
        got = post(f"{server.address}/v1/chat/completions", json={**ASK, "stream": stream})
        assert got.status_code == 500
        assert got.json()["error"]["type"] == "server_error"
        assert "secret" not in got.text
    assert post(f"{server.address}/v1/completions", json={"model": "tiny", "prompt": "x"}).status_code == 200


async def test_an_engine_of_ones_own_can_be_served_and_used_beside(random_folder: Path):
    engine = AsyncEngine(lambda: ChatModel(random_engine(random_folder)))
    with ModelServer(engine, ServerSettings("mine", port=0)) as server:
        steps = [step async for step in engine.submit(GenerateRequest([97, 98], max_tokens=3))]
        assert steps[-1].finish == "length"
        assert numbers(server)["engine_requests_total"] == 1
