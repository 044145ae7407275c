"""Fetching what a person named, and nothing else."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from autogen_like import ConfigError
from autogen_like.agents.contrib import fetching
from autogen_like.agents.contrib.fetching import fetch


class _Handler(BaseHTTPRequestHandler):
    seen: ClassVar[list[str]] = []

    def do_GET(self):
        self.seen.append(self.path)
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to?"))
            self.end_headers()
            return
        body = b"x" * 100 if self.path == "/long" else b"GIF89a"
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Type", "image/gif")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    _Handler.seen = []
    made = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()
    thread.join()


def test_what_is_there_comes_back_with_its_type(server):
    assert fetch(f"{server}/a.gif?size=1", private=True) == (b"GIF89a", "image/gif")
    assert _Handler.seen == ["/a.gif?size=1"]


def test_redirects_are_followed_but_not_for_ever(server):
    assert fetch(f"{server}/to?/a", private=True)[0] == b"GIF89a"
    with pytest.raises(OSError, match="redirects"):
        fetch(f"{server}/to?/to?/to?/to?/to?/to?/to?/a", private=True)


def test_a_private_address_is_not_asked(server):
    with pytest.raises(ConfigError, match="private=True"):
        fetch(server)
    assert _Handler.seen == []


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "[fe80::1]", "[::ffff:127.0.0.1]", "[fd00::1]", "0.0.0.0",
        "2130706433", "0x7f.1", "[64:ff9b::7f00:1]", "[2002:7f00:1::1]", "224.0.0.1", "100.64.0.1",
    ],
)  # fmt: skip
def test_other_ways_to_write_private_addresses_are_known(host):
    with pytest.raises((ConfigError, OSError)) as refused:
        fetch(f"http://{host}/")
    assert "private" in str(refused.value) or "can't be found" in str(refused.value)


def test_a_redirect_into_the_private_network_is_refused(server, monkeypatch):
    """The first hop is taken for a public host; the second is the real thing."""
    real, port = socket.getaddrinfo, int(server.rpartition(":")[2])
    public = lambda address: address == "127.0.0.1" and not _Handler.seen
    monkeypatch.setattr(fetching, "_is_public", public)
    with pytest.raises(ConfigError, match="private"):
        fetch(f"http://127.0.0.1:{port}/to?http://127.0.0.1:{port}/secret")
    assert _Handler.seen == [f"/to?http://127.0.0.1:{port}/secret"]
    assert socket.getaddrinfo is real


def test_a_host_is_looked_up_once(server, monkeypatch):
    port, asked = int(server.rpartition(":")[2]), []

    def changing(host, *rest, **options):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(fetching.socket, "getaddrinfo", changing)
    connect = socket.create_connection
    monkeypatch.setattr(fetching.socket, "create_connection", lambda to, timeout: _direct(connect, to, timeout))
    assert fetch(f"http://changing.example:{port}/", private=True)[0] == b"GIF89a"
    assert asked == ["changing.example"]


def _direct(connect, to, timeout):
    assert to[0] == "127.0.0.1"  # the address that was checked, not the name
    made = socket.socket()
    made.settimeout(timeout)
    made.connect(to)
    return made


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/a",
        "file:///etc/passwd",
        "example.org/a",
        "http://user:x@example.org/",
        "http://",
        "http://a:b/",
    ],
)
def test_only_plain_http_addresses_are_taken(url):
    with pytest.raises(ConfigError):
        fetch(url)


def test_too_much_is_refused(server):
    with pytest.raises(OSError, match="larger than 50 bytes"):
        fetch(f"{server}/long", largest=50, private=True)


def test_too_slow_is_refused(server, monkeypatch):
    monkeypatch.setattr(fetching, "LONGEST", -1.0)
    with pytest.raises(OSError, match="took longer"):
        fetch(f"{server}/a", private=True)


def test_an_error_of_the_server_is_an_error(server):
    with pytest.raises(OSError, match="404"):
        fetch(f"{server}/missing", private=True)


def test_control_characters_dont_reach_the_request(server):
    with pytest.raises((ConfigError, OSError)):
        fetch(f"{server}/a b\r\nX: y", private=True)
    assert "X" not in "".join(_Handler.seen)
