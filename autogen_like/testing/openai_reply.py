"""What the stand-in for an OpenAI endpoint answers: one reply, whole or cut into the chunks of a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

_ids = count(1)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the server.

    Args:
        content: The text.
        tool_calls: Calls as ``(name, arguments)``; arguments that are not text are written as JSON.
        function_call: One call in the retired form, as ``(name, arguments)``.
        reasoning: Reasoning text, as some services show it.
        refusal: Why the model won't.
        logprobs: Log-probabilities, in the endpoint's form.
        finish_reason: Why it stopped; "tool_calls" or "stop" by default.
        usage: Tokens by the endpoint's names; counted roughly by default. False: none are told.
        model: The model that answers; the one that was asked for by default.
        piece: Characters in each chunk of a stream.
        pause: Seconds between the chunks of a stream.
        delay: Seconds before the answer begins.
        status: HTTP status.
        headers: Further headers.
        body: What to send instead of a completion: a dict is written as JSON, text and bytes are sent as they are.
        chunks: What to stream instead of the completion's chunks: dicts, or lines of text as they are.
        cut: How many bytes of the body are sent before the connection ends. None: all.
        reset: The connection ends with a reset (at `cut`, or instead of an answer).
        hang: No more is said (after `cut` bytes, or at all) until the client leaves or the server stops.

    Example:
        >>> Reply("Hello", piece=3).completion({"model": "m"})["choices"][0]["message"]["content"]
        'Hello'
    """

    content: str | None = None
    tool_calls: Sequence[tuple[str, Any]] = ()
    function_call: tuple[str, Any] | None = None
    reasoning: str | None = None
    refusal: str | None = None
    logprobs: Mapping[str, Any] | None = None
    finish_reason: str | None = None
    usage: Mapping[str, Any] | bool = True
    model: str | None = None
    piece: int = 4
    pause: float = 0.0
    delay: float = 0.0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    chunks: Sequence[Any] | None = None
    cut: int | None = None
    reset: bool = False
    hang: bool = False

    @classmethod
    def error(
        cls, status: int, message: str = "An error", *, code: str | None = None, retry_after: float | None = None
    ) -> Reply:
        """An error as OpenAI words it."""
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return cls(status=status, headers=headers, body=error_body(message, code))

    def completion(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The whole answer to a request, as it goes without streaming."""
        message: dict[str, Any] = {"role": "assistant", "content": self.content}
        if self.refusal is not None:
            message["refusal"] = self.refusal
        if self.reasoning is not None:
            message["reasoning_content"] = self.reasoning
        if self.tool_calls:
            message["tool_calls"] = [_call(name, arguments) for name, arguments in self.tool_calls]
        if self.function_call is not None:
            message["function_call"] = _function(*self.function_call)
        choice = {"index": 0, "message": message, "logprobs": self.logprobs, "finish_reason": self._finish()}
        whole = {**self._frame(request, "chat.completion"), "choices": [choice]}
        usage = self.usage_for(request)
        return whole if usage is None else {**whole, "usage": usage}

    def stream(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any] | str]:
        """The chunks of the answer, in order; the usage last, where the request asks for it."""
        if self.chunks is not None:
            yield from self.chunks
            return
        frame = self._frame(request, "chat.completion.chunk")

        def chunk(delta: dict[str, Any], finish: str | None = None, logprobs: Any = None) -> dict[str, Any]:
            choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
            return {**frame, "choices": [choice]}

        yield chunk({"role": "assistant", "content": None if self.tool_calls else ""}, logprobs=self.logprobs)
        for key, text in (("reasoning_content", self.reasoning), ("content", self.content), ("refusal", self.refusal)):
            for piece in self._cut(text or ""):
                yield chunk({key: piece})
        for index, (name, arguments) in enumerate(self.tool_calls):
            call = _call(name, "")
            yield chunk({"tool_calls": [{"index": index, **call}]})
            for piece in self._cut(_text(arguments)):
                yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        if self.function_call is not None:
            yield chunk({"function_call": {"name": self.function_call[0], "arguments": ""}})
            for piece in self._cut(_text(self.function_call[1])):
                yield chunk({"function_call": {"arguments": piece}})
        yield chunk({}, self._finish())
        if (request.get("stream_options") or {}).get("include_usage") and self.usage is not False:
            yield {**frame, "choices": [], "usage": self.usage_for(request)}
        yield "data: [DONE]\n\n"

    def usage_for(self, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The tokens to report for a request, or None."""
        if isinstance(self.usage, Mapping):
            return self.usage
        if not self.usage:
            return None
        sent = len(json.dumps(request.get("messages", []))) // 4
        received = max(1, len((self.content or "") + "".join(_text(a) for _, a in self.tool_calls)) // 4)
        return {"prompt_tokens": sent, "completion_tokens": received, "total_tokens": sent + received}

    def _frame(self, request: Mapping[str, Any], kind: str) -> dict[str, Any]:
        model = self.model or request.get("model", "fake")
        return {"id": f"chatcmpl-{next(_ids)}", "object": kind, "created": 1_700_000_000, "model": model}

    def _finish(self) -> str:
        if self.finish_reason is not None:
            return self.finish_reason
        return "tool_calls" if self.tool_calls else "function_call" if self.function_call else "stop"

    def _cut(self, text: str) -> Iterator[str]:
        for start in range(0, len(text), self.piece):
            yield text[start : start + self.piece]


def error_body(message: str, code: str | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    """An error's body as OpenAI words it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _function(name: str, arguments: Any) -> dict[str, str]:
    return {"name": name, "arguments": _text(arguments)}


def _call(name: str, arguments: Any) -> dict[str, Any]:
    return {"id": f"call_{next(_ids)}", "type": "function", "function": _function(name, arguments)}
