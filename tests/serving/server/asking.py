"""What several tests of the server need: questions, numbers, sockets, and to wait until something is so."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families

from autogen_like.serving.server import ModelServer

# Generous: machines are busy.
get = partial(httpx.get, timeout=60)
post = partial(httpx.post, timeout=60)

KEY = "sk-of-the-server-behind"
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
ASK: dict[str, Any] = {"model": "tiny", "messages": HELLO}
CALC: Any = {
    "type": "function",
    "function": {
        "name": "calc",
        "description": "Adds.",
        "parameters": {
            "type": "object",
            "properties": {"sign": {"enum": ["plus", "minus"]}, "kind": {"enum": ["a", "b"]}},
            "required": ["sign", "kind"],
        },
    },
}
LOOK: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def numbers(server: ModelServer) -> dict[str, float]:
    """What a server counts, read as Prometheus does."""
    key = server.settings.api_key
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    text = get(f"{server.address}/metrics", headers=headers).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        " ".join([sample.name.removeprefix("autogen_like_"), *sample.labels.values()]): sample.value
        for sample in samples
    }


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Waits until something is so; a generous limit ends what would never be."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def nothing_held(server: ModelServer) -> bool:
    """Whether no request holds a block or a place."""
    found = numbers(server)
    busy = ("engine_blocks_used", "engine_running", "engine_waiting", "replies_in_flight")
    return all(found[name] == 0 for name in busy)


def connected(server: ModelServer) -> socket.socket:
    """A bare connection."""
    address = urlsplit(server.address)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def free_ports(count: int, *, adjacent: bool = False) -> list[int]:
    """Ports that nobody listens on; by adjacent ones, one behind the other."""
    while True:
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        ports = [one.getsockname()[1] for one in sockets]
        for one in sockets:
            one.close()
        if not adjacent:
            return ports
        try:
            socket.create_server(("127.0.0.1", ports[0] + 1)).close()
        except OSError:
            continue
        return [ports[0], ports[0] + 1]


def raw_request(body: dict[str, Any], path: str = "/v1/chat/completions") -> bytes:
    """A request as bytes."""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}"
    return head.encode() + b"\r\n\r\n" + data
