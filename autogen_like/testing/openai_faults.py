"""How a server misbehaves: answers that go wrong, by name. ``docs/models.md`` has the outcome of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from .openai_reply import Reply

_TEXT = "A reply of some length."
_FIRST = {"index": 0, "delta": {"role": "assistant", "content": "A rep"}, "finish_reason": None}
_CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [_FIRST]}
_ERROR = {"error": {"message": "The server had an error", "type": "server_error", "param": None, "code": None}}
_DONE = "data: [DONE]\n\n"


def _frame(choices: list[object]) -> dict[str, object]:
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}


def _event(chunk: Mapping[str, object]) -> str:
    return f"data: {json.dumps(chunk)}\n\n"


_OPENING = len(_event(_CHUNK))

FAULTS: Mapping[str, Callable[[], Reply]] = {
    "a slow stream": lambda: Reply(_TEXT, pause=0.01),
    "cut before the first piece": lambda: Reply(_TEXT, cut=10),
    "cut after some pieces": lambda: Reply(_TEXT, chunks=[_CHUNK] * 9, cut=3 * _OPENING + 20),
    "cut after the finish reason": lambda: Reply(
        _TEXT,
        chunks=[_CHUNK, {**_CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, _DONE],
        cut=2 * _OPENING,
    ),
    "the connection reset": lambda: Reply(reset=True),
    "reset after some pieces": lambda: Reply(_TEXT, chunks=[_CHUNK] * 9, cut=3 * _OPENING, reset=True),
    "a hang": lambda: Reply(hang=True),
    "a hang after some pieces": lambda: Reply(_TEXT, chunks=[_CHUNK] * 9, cut=3 * _OPENING, hang=True),
    "429 with Retry-After": lambda: Reply.error(429, "Slow down", code="rate_limit_exceeded", retry_after=0.01),
    "429 for want of credit": lambda: Reply.error(429, "You exceeded your quota", code="insufficient_quota"),
    "500": lambda: Reply.error(500, "The server had an error"),
    "503": lambda: Reply.error(503, "Overloaded", retry_after=0.01),
    "invalid JSON": lambda: Reply(
        body='{"choices": [{"index": 0, "mess', headers={"Content-Type": "application/json"}, chunks=["data: {oops\n\n"]
    ),
    "JSON of another form": lambda: Reply(body={**_frame(["?"])}),
    "an empty answer": lambda: Reply(body=""),
    "no choices": lambda: Reply(body=_frame([])),
    "an error inside the answer": lambda: Reply(body=_ERROR),
    "an error inside the stream": lambda: Reply(_TEXT, chunks=[_CHUNK, _ERROR]),
    "an error before the first piece": lambda: Reply(_TEXT, chunks=[_ERROR]),
    "a web page": lambda: Reply(body="<html>Welcome</html>", headers={"Content-Type": "text/html"}),
    "the wrong content type": lambda: Reply(_TEXT, headers={"Content-Type": "text/plain"}),
    "no stream": lambda: Reply(body=Reply(_TEXT).completion({"model": "m"})),
    "an unknown finish reason": lambda: Reply(_TEXT, finish_reason="tired"),
    "no finish reason": lambda: Reply(_TEXT, chunks=[_CHUNK, _DONE]),
    "no usage": lambda: Reply(_TEXT, usage=False),
    "broken arguments": lambda: Reply(tool_calls=[("add", '{"a": 1, "b')]),
}
"""What a server can do wrong, each as a function that makes the `Reply` which does it."""
