"""The stand-in for an OpenAI endpoint, by plain HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from autogen_like.testing import OpenAIServer, Reply

USER = {"role": "user", "content": "Hi"}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "2"}]}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "ok"}


def post(server: OpenAIServer, body: Any, path: str = "/chat/completions", **headers: str) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(server.base_url + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            raw = answer.read().decode()
            return answer.status, raw if answer.headers["content-type"] == "text/event-stream" else json.loads(raw)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_it_answers_from_its_script_and_says_when_that_is_spent() -> None:
    with OpenAIServer(["one", lambda body: body["messages"][0]["content"]]) as server:
        body = {"model": "m", "messages": [USER]}
        answers = [post(server, body, Authorization="Bearer k") for _ in range(3)]
        assert server.requests[0].body == body
        assert server.requests[0].headers["authorization"] == "Bearer k"
        assert server.requests[0].path == "/v1/chat/completions"
    assert [answer["choices"][0]["message"]["content"] for status, answer in answers[:2]] == ["one", "Hi"]
    assert answers[2][0] == 500
    assert "no more replies" in answers[2][1]["error"]["message"]
    with pytest.raises(RuntimeError, match="not running"):
        server.base_url  # noqa: B018


def test_it_streams_as_server_sent_events() -> None:
    with OpenAIServer([Reply("Hello", piece=2, pause=0.001)]) as server:
        ask = {"model": "m", "messages": [USER], "stream": True, "stream_options": {"include_usage": True}}
        _, raw = post(server, ask)
    *lines, done = [line for line in raw.split("\n\n") if line]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert done == "data: [DONE]"
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]) == "Hello"
    assert chunks[-1]["usage"]["completion_tokens"] == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"messages": [USER]}, "model"),
        ({"model": "m", "messages": []}, "at least 1 item"),
        ({"model": "m", "messages": ["Hi"]}, "expected an object"),
        ({"model": "m", "messages": [{"role": "wizard", "content": "Hi"}]}, "'wizard' is not one of"),
        ({"model": "m", "messages": [{**USER, "mood": "good"}]}, "unknown keys"),
        ({"model": "m", "messages": [{**USER, "name": "a b"}]}, "does not match the pattern"),
        ({"model": "m", "messages": [{"role": "user", "content": None}]}, "got null"),
        ({"model": "m", "messages": [{"role": "user", "content": [{"type": "song"}]}]}, "parts of type"),
        ({"model": "m", "messages": [USER, RESULT]}, "must be a response to a preceding"),
        ({"model": "m", "messages": [CALLS, RESULT]}, "had no response messages: 2"),
        ({"model": "m", "messages": [CALLS, RESULT, USER]}, "had no response messages: 2"),
        ({"model": "m", "messages": [USER], "tools": []}, "'tools'"),
        ({"model": "m", "messages": [USER], "tools": [{"function": {"name": "a b"}}]}, "name"),
        ({"model": "m", "messages": [USER], "tool_choice": "auto"}, "'tool_choice' is only allowed"),
        ({"model": "m", "messages": [USER], "stream_options": {}}, "'stream' is enabled"),
    ],
)
def test_it_refuses_what_openai_refuses(body: Any, told: str) -> None:
    with OpenAIServer() as server:
        status, answer = post(server, body)
    assert status == 400
    assert told in answer["error"]["message"]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"name": "a b"}, "name"),
        ({"name": "a", "schema": {"type": "string"}}, "the root must be"),
        ({"name": "a", "strict": True, "schema": {"type": "object"}}, "'additionalProperties'"),
        (
            {
                "name": "a",
                "strict": True,
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["b"],
                    "properties": {"b": {"type": "object", "additionalProperties": False, "properties": {"c": {}}}},
                },
            },
            "root.b: 'required'",
        ),
    ],
)
def test_it_refuses_schemas_that_are_not_strict(spec: Any, told: str) -> None:
    form = {"type": "json_schema", "json_schema": spec}
    with OpenAIServer() as server:
        status, answer = post(server, {"model": "m", "messages": [USER], "response_format": form})
    assert status == 400
    assert told in answer["error"]["message"]


def test_whole_conversations_with_answered_calls_pass() -> None:
    with OpenAIServer(["fine"]) as server:
        status, _ = post(server, {"model": "m", "messages": [USER, CALLS, RESULT, {**RESULT, "tool_call_id": "2"}]})
    assert status == 200


def test_keys_paths_and_bodies_are_checked() -> None:
    with OpenAIServer(api_key="right") as server:
        body = {"model": "m", "messages": [USER]}
        assert post(server, body, Authorization="Bearer wrong")[0] == 401
        assert post(server, body, Authorization="Bearer right")[0] == 200
        assert post(server, body, **{"api-key": "right"})[0] == 200
        assert post(server, body, path="/other")[0] == 404
        assert post(server, b"{")[0] == 400
        with urllib.request.urlopen(server.base_url + "/models", timeout=10) as answer:
            assert json.load(answer)["data"][0]["id"] == "fake"
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(server.base_url + "/other", timeout=10)
        raised.value.close()


def test_errors_and_bodies_are_sent_as_they_are() -> None:
    replies = [
        Reply.error(429, "slow down", code="c", retry_after=2),
        Reply(body=b"[1]"),
        Reply(status=503, delay=0.001),
    ]
    with OpenAIServer(replies) as server:
        body = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}
        status, answer = post(server, body)
        assert (status, answer["error"]["code"]) == (429, "c")
        assert post(server, body) == (200, [1])
        assert post(server, body)[0] == 503


def _closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False
    }  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"type": "object", "properties": {}}, "parameters: 'additionalProperties'"),
        ({**_closed(a={"type": "string"}), "required": []}, "parameters: 'required'"),
        (_closed(a={"type": "array", "items": {"type": "object"}}), "parameters.a.items: 'additionalProperties'"),
        (_closed(a={"anyOf": [{"type": "null"}, {}]}), "parameters.a.anyOf.1: schema must have a 'type' key"),
        (_closed(a={"type": "array"}), "array schema missing items"),
        (_closed(a={"type": "string", "minLength": 1}), "'minLength' is not permitted"),
        (_closed(a={"type": "string", "format": "path"}), "'path' is not a valid format"),
        (_closed(a={"type": "string", "pattern": "^(?!a)"}), "lookaround"),
        (_closed(a={"$ref": "#/$defs/A"}), "can only point to definitions"),
        ({**_closed(a={"$ref": "#/$defs/A", "title": "A"}), "$defs": {"A": _closed()}}, "$ref cannot have keywords"),
        ({**_closed(a={"$ref": "#/$defs/A"}), "$defs": {"A": {"type": "object"}}}, "parameters.$defs.A"),
        ({**_closed(a={"$ref": "#/$defs/A"}), "$defs": {"A": _closed()}}, None),
    ],
)
def test_it_refuses_strict_tools_whose_parameters_are_not(parameters: Any, told: str | None) -> None:
    tool = {"type": "function", "function": {"name": "f", "strict": True, "parameters": parameters}}
    with OpenAIServer(["fine", "fine"]) as server:
        status, answer = post(server, {"model": "m", "messages": [USER], "tools": [tool]})
        del tool["function"]["strict"]  # type: ignore[attr-defined]
        assert post(server, {"model": "m", "messages": [USER], "tools": [tool]})[0] == 200
    assert status == (200 if told is None else 400)
    assert told is None or told in answer["error"]["message"]
