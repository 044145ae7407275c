"""Who may come in, and from where."""

from __future__ import annotations

import httpx
import openai
import pytest

from autogen_like.core.errors import ConfigError
from autogen_like.serving.server import ServerSettings

from .asking import ASK, get, numbers, post

KEY = "sk-right-key-of-this-test"
ROUTES = [
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/tiny"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("GET", "/v2"),
    ("GET", "/v2/models/tiny"),
    ("GET", "/v2/models/tiny/ready"),
    ("POST", "/v2/models/tiny/infer"),
    ("POST", "/v2/models/tiny/generate_stream"),
    ("POST", "/v2/repository/index"),
    ("GET", "/nothing"),
]


@pytest.fixture(scope="module")
def locked(serve):
    return serve(api_key=KEY, max_reply_tokens=8)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "given", [None, "Bearer wrong", f"Bearer {KEY}x", f"Basic {KEY}", "Bearer", f"Bearer {KEY[:-1]}"]
)
def test_without_the_key_nothing_is_told(locked, method, path, given):
    headers = {} if given is None else {"Authorization": given}
    got = httpx.request(method, locked.address + path, headers=headers)
    assert got.status_code == 401
    assert got.headers["www-authenticate"] == "Bearer"
    assert KEY not in got.text


def test_with_the_key_it_answers(locked, caplog, capfd):
    with openai.OpenAI(base_url=locked.base_url, api_key=KEY) as client:
        assert client.chat.completions.create(**ASK).choices
    assert get(f"{locked.address}/metrics", headers={"Authorization": f"bearer {KEY}"}).status_code == 200
    assert numbers(locked)["http_responses_total none 401"] > 0
    written = capfd.readouterr()
    assert KEY not in caplog.text + written.out + written.err + repr(locked.settings)


def test_whether_it_is_up_may_be_asked_without_the_key(locked):
    for path in ("/health", "/v2/health/live", "/v2/health/ready"):
        assert get(locked.address + path).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.5:8000", "[", ""])
def test_without_a_key_another_name_for_this_machine_is_refused(tiny, host):
    got = get(f"{tiny.address}/v1/models", headers={"Host": host})
    assert got.status_code in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]:80", "LOCALHOST:8000"])
def test_without_a_key_this_machines_names_are_taken(tiny, host):
    assert get(f"{tiny.address}/v1/models", headers={"Host": host}).status_code == 200


def test_without_a_key_web_pages_of_elsewhere_are_refused(tiny):
    for origin in ("https://evil.example", "null", "http://localhost.evil.example"):
        got = post(f"{tiny.address}/v2/models/tiny/generate", headers={"Origin": origin}, json={"text_input": "x"})
        assert got.status_code == 403
    assert get(f"{tiny.address}/v1/models", headers={"Origin": "http://localhost:3000"}).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.org", ""])
def test_other_machines_need_a_key(host):
    with pytest.raises(ConfigError, match="AUTOGEN_LIKE_API_KEY"):
        ServerSettings("tiny", host=host)
    assert ServerSettings("tiny", host=host, api_key=KEY).host == host


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a/b"},
        {"name": "../x"},
        {"api_key": "short"},
        {"api_key": "café-with-a-long-key"},
        {"port": 70000},
        {"max_requests": 0},
        {"max_reply_tokens": -1},
        {"body_seconds": 0},
    ],
)
def test_settings_that_cannot_be_are_named(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ServerSettings(**{"name": "tiny", **wrong})


def test_a_websocket_is_closed(tiny):
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x"}
    assert get(f"{tiny.address}/v1/models", headers=headers).status_code in (200, 400, 403)
