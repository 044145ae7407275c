"""Replies from a cache: the same request to the same model at the same endpoint is asked only once."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import fields, replace
from typing import Any

from ..core.errors import ConfigError, ModelError
from ..core.message import ToolCall
from ..core.usage import Usage
from .cache_stores import AbstractCache, Cache, DiskStore, MemoryStore, RedisStore
from .client import Choice, Constraint, Delta, ModelClient, ModelRequest, ModelResponse, StreamItem
from .layer import Layer, identity_of, streaming
from .structured import parse_reply, pydantic_model

_VERSION = 1
_USAGE = tuple(field.name for field in fields(Usage))


class Cached(Layer):
    """Answers from a cache what was asked before.

    The key is all that makes an answer: the endpoint and model, the client's default parameters, and the request's
    messages, tools, constraint and parameters. An entry that can't be read counts as none.

    Args:
        client: The client to wrap.
        cache: Where the replies are kept.

    Example:
        >>> from autogen_like.models.scripted import ScriptedModel
        >>> client = Cached(ScriptedModel(["only once"]), Cache.memory())
        >>> request = ModelRequest([{"role": "user", "content": "Hi"}])
        >>> asyncio.run(client.complete(request)).cached, asyncio.run(client.complete(request)).cached
        (False, True)
    """

    def __init__(self, client: ModelClient, cache: AbstractCache) -> None:
        super().__init__(client)
        self.cache = cache
        store = cache.store if isinstance(cache, Cache) else cache
        self._in_place = isinstance(store, MemoryStore)  # all others may wait for a disk or a network

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """One reply, from the cache where it has it; ``cached`` says which."""
        key = cache_key(self.client, request)
        found = await self._get(key, request)
        if found is not None:
            return found
        response = await self.client.complete(request)
        await self._set(key, response)
        return response

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        """The reply in pieces: a kept one in few, a new one as it comes."""
        key = cache_key(self.client, request)
        found = await self._get(key, request)
        if found is not None:
            for delta in deltas_of(found):
                yield delta
            yield found
            return
        async with streaming(self.client, request) as items:
            async for item in items:
                if isinstance(item, ModelResponse):
                    await self._set(key, item)
                yield item

    async def _get(self, key: str, request: ModelRequest) -> ModelResponse | None:
        raw = self.cache.get(key) if self._in_place else await asyncio.to_thread(self.cache.get, key)
        response = response_from_json(raw)
        form = pydantic_model(_params(self.client, request).get("response_format"))
        if response is None or form is None or request.constraint is not None:
            return response
        try:
            return replace(response, parsed=parse_reply(response.content, form, response))
        except ModelError:
            return None

    async def _set(self, key: str, response: ModelResponse) -> None:
        value = response_to_json(response)
        if self._in_place:
            self.cache.set(key, value)
        else:
            await asyncio.to_thread(self.cache.set, key, value)


def with_cache(client: ModelClient, cache: AbstractCache | None) -> ModelClient:
    """A client that uses `cache` instead of the one that it has, if any; the client itself where `cache` is None."""
    if cache is None:
        return client
    return Cached(client.client if isinstance(client, Cached) else client, cache)


def cache_key(client: ModelClient, request: ModelRequest) -> str:
    """What a request's answer is kept under.

    Raises:
        ConfigError: If the request holds something that is not JSON.
    """
    identity = {key: value for key, value in identity_of(client).items() if key != "params"}
    asked = {
        "client": identity,
        "params": _params(client, request),
        "system": request.system,
        "messages": list(request.messages),
        "tools": list(request.tools),
        "tool_choice": request.tool_choice,
        "constraint": _constraint(request.constraint),
    }
    try:
        text = json.dumps(asked, sort_keys=True, separators=(",", ":"), default=_plain)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"a request can't be cached ({error}): only JSON can; turn the cache off for it") from None
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _params(client: ModelClient, request: ModelRequest) -> dict[str, Any]:
    return {**(identity_of(client).get("params") or {}), **request.params}


def _constraint(constraint: Constraint | None) -> Any:
    if constraint is None:
        return None
    return {"choice": constraint.options} if isinstance(constraint, Choice) else {"schema": constraint.schema}


def _plain(value: Any) -> Any:
    """JSON for what json doesn't know: mappings, and pydantic models asked for as a form."""
    if isinstance(value, Mapping):
        return dict(value)
    form = pydantic_model(value)
    if form is not None:
        return {"form": form.model_json_schema()}
    raise TypeError(f"{type(value).__name__} is no JSON")


def response_to_json(response: ModelResponse) -> dict[str, Any]:
    """A response as JSON, with a version; without `parsed` and `raw`."""
    return {
        "version": _VERSION,
        "content": response.content,
        "tool_calls": [[call.id, call.name, call.arguments] for call in response.tool_calls],
        "finish_reason": response.finish_reason,
        "usage": {name: getattr(response.usage, name) for name in _USAGE},
        "model": response.model,
        "reasoning": response.reasoning,
        "logprobs": response.logprobs,
    }


def response_from_json(raw: Any) -> ModelResponse | None:
    """The response that `response_to_json` wrote, marked as cached; None where it is of another version or damaged."""
    if not isinstance(raw, Mapping) or raw.get("version") != _VERSION:
        return None
    try:
        calls = tuple(ToolCall(call_id, str(name), str(arguments)) for call_id, name, arguments in raw["tool_calls"])
        content, usage = raw["content"], raw["usage"]
        if not (content is None or isinstance(content, str)) or (content is None and not calls):
            return None
        return ModelResponse(
            content=content,
            tool_calls=calls,
            finish_reason=str(raw["finish_reason"]),
            usage=Usage(**{name: type(getattr(Usage(), name))(usage[name]) for name in _USAGE}),
            model=str(raw["model"]),
            cached=True,
            reasoning=raw["reasoning"],
            logprobs=raw["logprobs"],
        )
    except (KeyError, TypeError, ValueError):
        return None


def deltas_of(response: ModelResponse) -> list[Delta]:
    """A whole response in pieces, as a stream of it would begin."""
    deltas = [Delta(response.reasoning, "reasoning")] if response.reasoning else []
    if response.content:
        deltas.append(Delta(response.content))
    deltas += [Delta(call.arguments, "tool", index, call.name) for index, call in enumerate(response.tool_calls)]
    return deltas


__all__ = [
    "AbstractCache",
    "Cache",
    "Cached",
    "DiskStore",
    "MemoryStore",
    "RedisStore",
    "cache_key",
    "deltas_of",
    "response_from_json",
    "response_to_json",
    "with_cache",
]
