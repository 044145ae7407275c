"""Replicas: a conversation stays with one, in every process, and moves only where that one fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing

import pytest

from autogen_like import AssistantAgent, ConfigError, ModelError, ModelRequest, Rollouts, ScriptedModel
from autogen_like.core.protocols import PrefixHint
from autogen_like.scale.replicas import Replicas
from autogen_like.testing.conformance import check_model_client


def ask(conversation: str) -> ModelRequest:
    return ModelRequest([{"role": "user", "content": "Hi"}], prefix=PrefixHint(conversation, "ada"))


def named(count: int) -> list[ScriptedModel]:
    def says(name: str) -> Callable[[ModelRequest], str]:
        return lambda _: name

    return [ScriptedModel(says(f"replica {number}")) for number in range(count)]


def test_it_keeps_to_the_protocol_of_clients() -> None:
    check_model_client(lambda: Replicas(named(2)), ModelRequest([{"role": "user", "content": "Hi"}]))


async def test_a_conversation_stays_with_its_replica_also_in_another_process() -> None:
    one, other = Replicas(named(4)), Replicas(named(4))
    homes = [(await one.complete(ask(f"chat {number}"))).content for number in range(200)]
    for number in range(200):
        assert (await one.complete(ask(f"chat {number}"))).content == homes[number]
        assert (await other.complete(ask(f"chat {number}"))).content == homes[number]
    assert min(Counter(homes).values()) > 25


async def test_all_requests_of_each_rollout_go_to_one_replica() -> None:
    replicas = named(3)
    model = Replicas(replicas)

    async def chat(_: int) -> None:
        ada, bob = (AssistantAgent(name, llm_config=model) for name in ("ada", "bob"))
        await ada.run(bob, message="Hi", max_turns=3, summary_method=None)

    await Rollouts(chat, concurrency=8).run(range(30))
    homes: dict[str, set[int]] = {}
    for place, replica in enumerate(replicas):
        for request in replica.requests:
            assert request.prefix is not None
            homes.setdefault(request.prefix.conversation, set()).add(place)
    assert len(homes) == 30
    assert {len(places) for places in homes.values()} == {1}
    assert all(replica.calls for replica in replicas)


async def test_a_new_conversation_does_not_go_where_there_is_too_much_to_do() -> None:
    clients = [ScriptedModel(lambda _: "x", delay=0.05) for _ in range(2)]
    model = Replicas(clients)
    first = [f"chat {number}" for number in range(400)]
    await asyncio.gather(*(model.complete(ask(chat)) for chat in first))
    calls = [client.calls for client in clients]
    assert max(calls) <= 252  # 1.25 times the half of 400, and a little for those that come while it is counted


async def test_without_a_conversation_the_idlest_is_asked() -> None:
    clients = [ScriptedModel(lambda _: "x", delay=0.02) for _ in range(2)]
    await asyncio.gather(*(Replicas(clients).complete(ModelRequest([])) for _ in range(2)))
    model = Replicas(clients)
    await asyncio.gather(*(model.complete(ModelRequest([])) for _ in range(10)))
    assert abs(clients[0].calls - clients[1].calls) <= 2


async def test_a_conversation_moves_where_its_replica_fails_and_stays_there() -> None:
    clients = named(2)
    model = Replicas(clients)
    home = int((await model.complete(ask("chat"))).content[-1])
    away = ModelError("busy", transient=True)
    broken = [ScriptedModel([away, away, away]), ScriptedModel(lambda _: "the other")]
    model = Replicas(broken if home == 0 else broken[::-1])
    assert (await model.complete(ask("chat"))).content == "the other"
    assert (await model.complete(ask("chat"))).content == "the other"
    assert sum(client.calls for client in broken) == 3
    streamed = Replicas(model.clients)
    async with aclosing(streamed.stream(ask("chat"))) as items:
        assert [item async for item in items][-1].content == "the other"


async def test_what_would_fail_everywhere_is_raised_at_once() -> None:
    clients = [ScriptedModel([ModelError("no such model")]) for _ in range(2)]
    with pytest.raises(ModelError, match="no such model"):
        await Replicas(clients).complete(ask("chat"))
    assert sum(client.calls for client in clients) == 1
    clients = [ScriptedModel([ModelError("busy", transient=True)] * 2) for _ in range(2)]
    model = Replicas(clients)
    with pytest.raises(ModelError, match="busy"):
        await model.complete(ask("chat"))
    with pytest.raises(ModelError, match="busy"):
        async with aclosing(model.stream(ask("chat"))) as items:
            _ = [item async for item in items]
    assert [client.calls for client in clients] == [2, 2]


def test_it_needs_one_and_speaks_for_the_first() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        Replicas([])
    model = Replicas([ScriptedModel([], model="m")])
    model.check()
    assert (model.model, model.served_by) == ("m", ("", ""))
    assert model.identity()["model"] == "m"
    assert "Replicas" in repr(model)
