"""A client of an OpenAI-like server, and what it is asked."""

from __future__ import annotations

from typing import Any

from autogen_like.models.client import Delta, ModelRequest, ModelResponse
from autogen_like.models.openai import OpenAIClient
from autogen_like.testing import OpenAIServer

KEY = "sk-very-secret-key"
HELLO = ModelRequest([{"role": "user", "content": "Hello"}])
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather", "parameters": {"type": "object", "properties": {}}},
}


def client_for(server: OpenAIServer, **settings: Any) -> OpenAIClient:
    return OpenAIClient({"model": "gpt-4.1", "api_key": KEY, "base_url": server.base_url, **settings})


async def ask(server: OpenAIServer, request: ModelRequest = HELLO, **settings: Any) -> ModelResponse:
    client = client_for(server, **settings)
    try:
        return await client.complete(request)
    finally:
        await client.aclose()


async def streamed(
    server: OpenAIServer, request: ModelRequest = HELLO, **settings: Any
) -> tuple[list[Delta], ModelResponse]:
    client = client_for(server, **settings)
    try:
        *deltas, response = [item async for item in client.stream(request)]
    finally:
        await client.aclose()
    assert isinstance(response, ModelResponse)
    assert all(isinstance(delta, Delta) for delta in deltas)
    return deltas, response  # type: ignore[return-value]


def body(server: OpenAIServer) -> dict[str, Any]:
    return dict(server.requests[-1].body)
