"""Reads the answer of an endpoint to a streaming request, as its bytes arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeAlias

from pydantic_core import from_json

from ..core.errors import ModelError
from .assembly import Assembly
from .client import Delta
from .failures import (
    Where,
    ended_early,
    malformed,
    model_error,
    no_choice,
    read_chunk,
    read_completion,
    transport_errors,
)
from .sse import DONE, EventDecoder

_DRAIN = 0.1  # seconds to wait for the end of an answer whose reply is whole, so that its connection can be used again
_MALFORMED = (TypeError, AttributeError, KeyError, IndexError, ValueError)

Unwrap: TypeAlias = Callable[[bytes, Where], bytes]
"""Takes a completion, or a chunk of one, out of what another protocol has around it."""


class Answer(Protocol):
    """What is used of the HTTP package's response."""

    @property
    def headers(self) -> Headers: ...

    def aiter_bytes(self) -> AsyncIterator[bytes]: ...


class Headers(Protocol):
    """What is used of its headers."""

    def get(self, key: str, default: str, /) -> str: ...


async def read_stream(
    answer: Answer, whole: Assembly, where: Where, unwrap: Unwrap | None = None
) -> AsyncGenerator[Sequence[Delta], None]:
    """The pieces of a reply as they arrive, those that arrive together at once. `whole` then has the reply.

    A reply is whole once its finish reason has come: what breaks after that only loses the count of its tokens.

    Args:
        answer: The HTTP answer.
        whole: Takes the chunks.
        where: Whom the request was for.
        unwrap: Takes a chunk out of an event, where it isn't the event itself.

    Raises:
        ModelError: If the reply doesn't arrive whole.
    """
    kind = answer.headers.get("content-type", "")
    pieces = answer.aiter_bytes()
    if "json" in kind and "event-stream" not in kind:  # an endpoint that doesn't stream
        yield await _read_unstreamed(pieces, kind, whole, where, unwrap)
        return
    decoder = EventDecoder()
    events: bool | None = None
    done = False
    broken: tuple[type[Exception], ...] = (ModelError, *transport_errors())
    try:
        async for piece in pieces:
            payloads = decoder.feed(piece)
            if not payloads:
                events = events or False
                continue
            events = True
            deltas, done = _take(payloads, whole, where, unwrap)
            if deltas:
                yield deltas
            if done:
                await _drain(pieces)
                break
        else:
            payloads = decoder.finish()
            events = True if payloads else events
            deltas, done = _take(payloads, whole, where, unwrap)
            if deltas:
                yield deltas
    except broken as error:
        if whole.finish_reason is None:
            raise (error if isinstance(error, ModelError) else model_error(error, where)) from None
    if whole.finish_reason is None and not (done and whole.started):
        raise no_choice(where) if done else ended_early(where, kind, events=events)


def _take(
    payloads: Sequence[bytes], whole: Assembly, where: Where, unwrap: Unwrap | None
) -> tuple[Sequence[Delta], bool]:
    """The deltas in some events, and whether the last of all events was among them."""
    deltas: Sequence[Delta] = ()
    for payload in payloads:
        if payload.startswith(DONE):
            return deltas, True
        data = payload if unwrap is None else unwrap(payload, where)
        try:
            chunk = from_json(data)
        except ValueError:  # the quick reader refuses half a surrogate pair, the other one doesn't
            if not data.strip():
                continue
            chunk = read_chunk(data, where)
        try:
            if "error" in chunk or "choices" not in chunk:
                chunk = read_chunk(data, where)
            found = whole.add(chunk)
        except _MALFORMED:
            raise malformed(where) from None
        deltas = [*deltas, *found] if deltas else found
    return deltas, False


async def _read_unstreamed(
    pieces: AsyncIterator[bytes], kind: str, whole: Assembly, where: Where, unwrap: Unwrap | None
) -> Sequence[Delta]:
    try:
        content = b"".join([piece async for piece in pieces])
    except transport_errors() as error:
        raise model_error(error, where) from None
    if unwrap is not None:
        content = unwrap(content, where)
    return take_whole(read_completion(content, kind, where), whole, where)


def take_whole(completion: object, whole: Assembly, where: Where) -> Sequence[Delta]:
    """Puts a completion that came in one piece into `whole`.

    Raises:
        ModelError: If it is not formed like one.
    """
    try:
        deltas = whole.add_whole(completion)  # type: ignore[arg-type]
    except _MALFORMED:
        raise malformed(where) from None
    if whole.finish_reason is None:
        whole.finish_reason = "stop"
    return deltas


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    with suppress(TimeoutError, *transport_errors()):
        async with asyncio.timeout(_DRAIN):
            async for _ in pieces:
                pass
