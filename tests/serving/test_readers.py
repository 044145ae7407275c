"""What is said is computed into others' prompts while nothing else is to be done, and never in anybody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from autogen_like.core.protocols import PrefixHint
from autogen_like.models.client import ModelRequest
from autogen_like.models.local import LocalClient, unload

TASK = {"role": "user", "name": "boss", "content": "Plan a picnic for forty people, with games and a cake."}


@pytest.fixture
def client(model_path: Path) -> Iterator[LocalClient]:
    yield LocalClient(model_path, dtype="float32", context_length=1024, idle_prefill=True, max_tokens=12)
    unload()


def request_of(agent: str, *said: tuple[str, str | None]) -> ModelRequest:
    messages = [TASK]
    for name, text in said:
        messages.append({"role": "assistant" if name == agent else "user", "name": name, "content": text or ""})
    return ModelRequest(messages, f"You are {agent}, one of two planners.", prefix=PrefixHint("picnic", agent))


async def test_the_next_speakers_prompt_is_computed_while_nobody_asks(client: LocalClient) -> None:
    ada = (await client.complete(request_of("ada"))).content
    bob = (await client.complete(request_of("bob", ("ada", ada)))).content
    engine = client._thread.engine
    assert engine is not None
    for _ in range(600):  # ada reads what bob said, meanwhile
        await asyncio.sleep(0.05)
        if not client._thread._named:
            break
    before = engine.engine.prefilled_tokens
    again = await client.complete(request_of("ada", ("ada", ada), ("bob", bob)))
    assert again.usage.prompt_tokens - again.usage.cached_tokens == 1
    assert engine.engine.prefilled_tokens - before == 1


async def test_reading_ahead_never_fails_a_request(client: LocalClient) -> None:
    """A newer message takes the place of an older one; a request for the same agent goes first."""
    said: list[tuple[str, str | None]] = []
    for turn in range(4):
        name = ("ada", "bob")[turn % 2]
        reply = await client.complete(request_of(name, *said))
        said.append((name, reply.content))
    assert all(text for _, text in said)
