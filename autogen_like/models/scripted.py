"""A model whose words are fixed, for tests and for measuring what is not the model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from ..core.errors import ConfigError
from ..core.usage import Usage
from .client import Capabilities, Delta, ModelRequest, ModelResponse, StreamItem

ReplyFunction: TypeAlias = "Callable[[ModelRequest], str | ModelResponse | Awaitable[str | ModelResponse]]"
Scripted: TypeAlias = "str | ModelResponse | Exception | ReplyFunction"

_ABLE = Capabilities(choices=True, json_schema=True, tools=True, images=True)


class ScriptedModel:
    """A model that says what a script says.

    Args:
        replies: What it says, call after call: texts, whole responses, exceptions to raise, or functions of the
            request (async ones too); or one function for all calls.
        model: The name it goes by.
        capabilities: What it claims to be able to do; everything by default.
        delay: Seconds to wait before each reply.
        usage: Tokens and cost of each reply that is a text.
        chunk: Characters in each piece of a stream.
        record: Whether to keep all requests, each with a copy of its list of messages. A copy costs more the longer
            the conversation is: turn it off to measure.

    Attributes:
        requests: The requests so far, where they are recorded.
        calls: How many there were.

    Example:
        >>> import asyncio
        >>> model = ScriptedModel(["Hello"])
        >>> asyncio.run(model.complete(ModelRequest([{"role": "user", "content": "Hi"}]))).content
        'Hello'
        >>> model.requests[0].messages[0]["content"]
        'Hi'
    """

    def __init__(
        self,
        replies: Iterable[Scripted] | ReplyFunction,
        *,
        model: str = "scripted",
        capabilities: Capabilities = _ABLE,
        delay: float = 0.0,
        usage: Usage | None = None,
        chunk: int = 8,
        record: bool = True,
    ) -> None:
        if isinstance(replies, str):
            raise ConfigError("ScriptedModel takes a list of replies, not one text: ScriptedModel([text])")
        if chunk < 1:
            raise ConfigError(f"'chunk' must be at least 1, not {chunk}")
        self.model = model
        self.capabilities = capabilities
        self.requests: list[ModelRequest] = []
        self.calls = 0
        self._function = replies if callable(replies) else None
        self._script = iter(() if callable(replies) else replies)
        self._delay = delay
        self._usage = usage or Usage()
        self._chunk = chunk
        self._record = record

    def __repr__(self) -> str:
        return f"ScriptedModel(model={self.model!r}, calls={self.calls})"

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """The next reply of the script.

        Raises:
            AssertionError: If the script has no more replies.
        """
        self.calls += 1
        if self._record:
            self.requests.append(replace(request, messages=tuple(request.messages)))
        if self._delay:
            await asyncio.sleep(self._delay)
        function = self._function
        step = function if function is not None else self._next()
        if isinstance(step, str):
            return ModelResponse(step, usage=self._usage, model=self.model)
        return await self._other(step, request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        """The next reply of the script, cut into pieces."""
        response = await self.complete(request)
        size = self._chunk
        reasoning, text = response.reasoning or "", response.content or ""
        for start in range(0, len(reasoning), size):
            yield Delta(reasoning[start : start + size], "reasoning")
        for start in range(0, len(text), size):
            yield Delta(text[start : start + size])
        for index, call in enumerate(response.tool_calls):
            yield Delta("", "tool", index, call.name)
            for start in range(0, len(call.arguments), size):
                yield Delta(call.arguments[start : start + size], "tool", index)
        yield response

    async def aclose(self) -> None:
        """Nothing is to be freed."""

    def _next(self) -> Scripted:
        for step in self._script:
            return step
        raise AssertionError(
            f"{self.model!r} has a script of {self.calls - 1} replies, and this is call {self.calls}: "
            "give it more replies, or find out who asks once too often"
        )

    async def _other(self, step: Scripted, request: ModelRequest) -> ModelResponse:
        if isinstance(step, BaseException):
            raise step
        found = step(request) if callable(step) else step
        if not isinstance(found, str | ModelResponse):
            found = await found
        if isinstance(found, str):
            return ModelResponse(found, usage=self._usage, model=self.model)
        return found if found.model else replace(found, model=self.model)
