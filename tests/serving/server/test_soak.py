"""64 clients at once, of which many misbehave: nothing leaks, and each reply is what it would be alone."""

from __future__ import annotations

import os
import random
from typing import Any

import httpx
import pytest

from autogen_like.serving.server import ModelServer

from ..support import audit
from .asking import nothing_held, numbers, until
from .soak import Crowd

REQUESTS = int(os.environ.get("AUTOGEN_LIKE_SERVER_SOAK", "300"))
EMBEDDED_REQUESTS = int(os.environ.get("AUTOGEN_LIKE_SERVER_SOAK_EMBEDDED", "24"))


def asks(model: str, count: int, longest: int, tokens: int) -> list[dict[str, Any]]:
    """Questions of mixed lengths, of which some begin alike."""
    chance = random.Random(3)
    words = ["the", "sea", "is", "wide", "and", "nobody", "knows", "who", "made", "it", "blue", "or", "why"]
    shared = " ".join(chance.choices(words, k=longest // 2))
    found = []
    for number in range(count):
        own = " ".join(chance.choices(words, k=chance.randrange(1, longest // 2)))
        text = f"{shared} {own}" if number % 2 else own
        message = {"role": "user", "content": text}
        settings = {"temperature": 0, "max_tokens": chance.randrange(1, tokens)}
        found.append({"model": model, "messages": [message], **settings})
    return found


def alone(server: ModelServer, questions: list[dict[str, Any]]) -> list[str]:
    """What each is answered when nothing else runs."""
    with httpx.Client(base_url=server.address, timeout=120) as client:
        got = [client.post("/v1/chat/completions", json=question).json() for question in questions]
    return [one["choices"][0]["message"]["content"] for one in got]


async def soak(server: ModelServer, questions: list[dict[str, Any]], requests: int) -> Crowd:
    """Sends a crowd, and holds what is left against what there was."""
    expected = alone(server, questions)
    crowd = Crowd(server, questions, seed=11)
    await crowd.come(requests)
    until(lambda: nothing_held(server))
    engine = server.engine.engine.engine
    audit(engine.blocks)
    assert not engine.scheduler.running
    assert not engine.scheduler.waiting
    assert not server.engine._named
    for place, said in crowd.said.items():
        assert said <= {expected[place]}, questions[place]
    after = numbers(server)
    print(requests, dict(crowd.did), {key: value for key, value in after.items() if "engine" in key or "left" in key})
    return crowd


@pytest.mark.slow
@pytest.mark.parametrize("cache_bytes", [1 << 20, 0])
async def test_a_crowd_at_a_random_model(serve, cache_bytes):
    server = serve({"cache_bytes": cache_bytes, "max_running": 8}, max_requests=40, max_body_bytes=100_000)
    crowd = await soak(server, asks("tiny", 40, longest=60, tokens=60), REQUESTS // (1 if cache_bytes else 10))
    assert crowd.did["whole"] > 0


@pytest.mark.slow
async def test_a_crowd_at_the_embedded_model(smol):
    crowd = await soak(smol, asks("smollm2-135m", 6, longest=30, tokens=16), EMBEDDED_REQUESTS)
    assert crowd.did["whole"]
