"""What every implementation of a protocol must do, as checks that a user's own one can run in its tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..models.cache_stores import AbstractCache
from ..models.client import Capabilities, Delta, ModelClient, ModelRequest, ModelResponse

_ASK = ModelRequest([{"role": "user", "content": "Hello"}], system="You are brief.")


def check_model_client(make: Callable[[], ModelClient], request: ModelRequest = _ASK) -> None:
    """Checks that a model client keeps to `ModelClient`: alone, streaming, several at once, and from several loops.

    Args:
        make: Makes a client that can answer `request` any number of times. Called once; no loop may be running.
        request: What to ask it.

    Raises:
        AssertionError: If it does not; the message says how.

    Example:
        >>> from autogen_like.models.scripted import ScriptedModel
        >>> check_model_client(lambda: ScriptedModel(lambda request: "Hi"))
    """
    client = make()
    assert isinstance(client, ModelClient), f"{client!r} lacks something of ModelClient"
    assert isinstance(client.capabilities, Capabilities), "capabilities must be a Capabilities"
    assert client.model, "model must be a name"

    def on_a_loop(check: Callable[[ModelClient, ModelRequest], Awaitable[None]]) -> None:
        async def run() -> None:
            await check(client, request)
            await client.aclose()

        asyncio.run(run())

    for check in (_check_whole, _check_stream, _check_left_early, _check_several):
        on_a_loop(check)


async def _check_whole(client: ModelClient, request: ModelRequest) -> None:
    _check_response(await client.complete(request))


async def _check_stream(client: ModelClient, request: ModelRequest) -> None:
    *deltas, last = [item async for item in client.stream(request)]
    assert isinstance(last, ModelResponse), f"a stream must end with a ModelResponse, not {last!r}"
    _check_response(last)
    pieces = [delta for delta in deltas if isinstance(delta, Delta)]
    assert len(pieces) == len(deltas), "only the last item of a stream may be a ModelResponse"
    text = "".join(delta.text for delta in pieces if delta.kind == "text")
    assert text == (last.content or ""), f"the pieces make {text!r}, the response says {last.content!r}"
    for index, call in enumerate(last.tool_calls):
        arguments = "".join(delta.text for delta in pieces if delta.kind == "tool" and delta.index == index)
        assert arguments == call.arguments, f"the pieces of call {index} make {arguments!r}, not {call.arguments!r}"


async def _check_left_early(client: ModelClient, request: ModelRequest) -> None:
    stream = client.stream(request)
    async for _ in stream:
        break
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
    _check_response(await client.complete(request))


async def _check_several(client: ModelClient, request: ModelRequest) -> None:
    for response in await asyncio.gather(*(client.complete(request) for _ in range(3))):
        _check_response(response)


def _check_response(response: ModelResponse) -> None:
    assert isinstance(response, ModelResponse), f"{response!r} is no ModelResponse"
    assert response.content is not None or response.tool_calls, "there must be content or tool calls"
    assert response.finish_reason, "there must be a finish_reason"
    assert response.model, "a response must name its model: usage is summed by it"


def check_cache(cache: AbstractCache) -> None:
    """Checks that a cache keeps to `AbstractCache`.

    Raises:
        AssertionError: If it does not; the message says how.

    Example:
        >>> from autogen_like.models.cache import Cache
        >>> check_cache(Cache.memory())
    """
    assert isinstance(cache, AbstractCache), f"{cache!r} lacks something of AbstractCache"
    assert cache.get("absent") is None, "what was not set is None"
    assert cache.get("absent", 5) == 5, "or the default"
    value = {"text": "✓ \U0001f600", "list": [1, 2.5, None, True]}
    cache.set("key", value)
    value["text"] = "changed"
    assert cache.get("key") == {"text": "✓ \U0001f600", "list": [1, 2.5, None, True]}, "a value is kept as it was set"
    cache.set("key", "another")
    assert cache.get("key") == "another", "a value can be replaced"
    cache.close()
    cache.close()
