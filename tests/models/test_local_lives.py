"""A local model keeps an agent's prefix while the conversation lives, and lets it go when that ends."""

from __future__ import annotations

import asyncio
import gc
import pickle
from collections.abc import Iterator
from typing import Any
from weakref import finalize

import pytest

from autogen_like import AssistantAgent, GroupChat, GroupChatManager, UserProxyAgent
from autogen_like.core.protocols import PrefixHint
from autogen_like.core.transcript import Transcript
from autogen_like.models.client import ModelRequest
from autogen_like.models.local import LocalClient
from autogen_like.serving import library
from autogen_like.serving.engine.blocks import BlockManager

pytestmark = pytest.mark.slow

ASK = [{"role": "user", "content": "What is the capital of France?"}]
CONFIG: dict[str, Any] = {"dtype": "float32", "context_length": 700, "max_tokens": 4}


@pytest.fixture(scope="module")
def client() -> Iterator[LocalClient]:
    library.pull("smollm2-135m")
    made = LocalClient("smollm2-135m", **CONFIG)
    yield made
    made._thread.close()


@pytest.fixture(autouse=True)
async def empty(client: LocalClient) -> None:
    gc.collect()
    (await blocks_of(client)).clear()


async def blocks_of(client: LocalClient) -> BlockManager:
    """The account of blocks, once the thread has done all that it was told."""
    async for blocks in client._thread.stream(lambda model: iter([model.engine.blocks])):
        return blocks
    raise AssertionError


def stay(client: LocalClient) -> tuple[int, int]:
    """How many prompts and how many blocks that nobody uses stay longer than others."""
    blocks = asyncio.run(blocks_of(client))
    return len(blocks.sessions()), len(blocks._resident)


def pair(client: LocalClient) -> tuple[AssistantAgent, UserProxyAgent]:
    person = UserProxyAgent("person", human_input_mode="NEVER", code_execution_config=False)
    return AssistantAgent("ada", "You are Ada, a guide through cities.", llm_config=client), person


def test_a_new_chat_lets_the_old_one_go(client: LocalClient) -> None:
    ada, person = pair(client)
    person.initiate_chat(ada, message="Where is Paris?", max_turns=1, silent=True)
    sessions, blocks = stay(client)
    assert sessions == 1
    assert blocks > 1
    person.initiate_chat(ada, message="Name a river.", max_turns=1, silent=True)
    assert stay(client)[0] == 1
    person.initiate_chat(ada, message="Name another.", max_turns=1, silent=True, clear_history=False)
    assert stay(client)[0] == 1, "that one goes on"


def test_agents_that_are_dropped_leave_nothing(client: LocalClient) -> None:
    ada, person = pair(client)
    for _ in range(3):
        person.initiate_chat(ada, message="Where is Paris?", max_turns=1, silent=True)
    known = asyncio.run(blocks_of(client)).cached
    del ada, person
    gc.collect()
    assert stay(client) == (0, 0)
    assert asyncio.run(blocks_of(client)).cached == known, "what was computed is still known"
    assert not client._stay


def test_an_agent_that_forgets_needs_its_prefix_no_more(client: LocalClient) -> None:
    ada, person = pair(client)
    person.initiate_chat(ada, message="Where is Paris?", max_turns=1, silent=True)
    ada.clear_history()
    assert stay(client) == (0, 0)
    ada.send("Go on.", person, request_reply=False, silent=True)
    person.initiate_chat(ada, message="Where is Rome?", max_turns=1, silent=True, clear_history=False)
    assert stay(client)[0] == 1
    ada.clear_history()
    assert stay(client) == (0, 0), "each time"


def test_a_group_ends_with_its_members_and_its_selections(client: LocalClient) -> None:
    person = UserProxyAgent("person", human_input_mode="NEVER", code_execution_config=False)
    members = [AssistantAgent(name, f"You are {name}.", llm_config=client) for name in ("ada", "bob")]
    group = GroupChat([person, *members], max_round=4, speaker_selection_method="auto")
    manager = GroupChatManager(group, llm_config=client)
    person.initiate_chat(manager, message="Where is Paris?", silent=True)
    assert stay(client)[0] >= 2, "a member and the one who selects"
    manager.reset()
    group.reset()
    del manager, group, members, person
    gc.collect()
    assert stay(client) == (0, 0)


def test_what_is_read_ahead_for_a_chat_that_ended_does_not_stay(client: LocalClient) -> None:
    ahead = LocalClient("smollm2-135m", idle_prefill=True, **CONFIG)
    assert ahead._thread is client._thread
    person = UserProxyAgent("person", human_input_mode="NEVER", code_execution_config=False)
    members = [AssistantAgent(name, f"You are {name}.", llm_config=ahead) for name in ("ada", "bob")]
    group = GroupChat([person, *members], max_round=5, speaker_selection_method="round_robin")
    manager = GroupChatManager(group)
    person.initiate_chat(manager, message="Where is Paris?", silent=True)
    del manager, group, members, person
    gc.collect()

    async def quiet() -> None:
        while client._thread._named:
            await asyncio.sleep(0.01)

    asyncio.run(quiet())
    assert stay(client) == (0, 0)


async def test_a_reply_that_still_runs_when_its_conversation_ends_does_not_stay(client: LocalClient) -> None:
    log = Transcript()
    hint = PrefixHint(log.id, "ada", log.life("ada"))
    first = client.stream(ModelRequest(ASK, prefix=hint))
    await anext(first)
    del log
    async for _ in first:
        pass
    assert (await blocks_of(client)).sessions() == []


async def test_a_hint_without_a_life_stays_until_others_come(client: LocalClient) -> None:
    await client.complete(ModelRequest(ASK, prefix=PrefixHint("a", "ada")))
    assert (await blocks_of(client)).sessions() == [PrefixHint("a", "ada")]
    assert not client._stay


async def test_a_client_watches_once_however_often_it_is_asked(client: LocalClient) -> None:
    log = Transcript()
    for _ in range(3):
        await client.complete(ModelRequest(ASK, prefix=PrefixHint(log.id, "ada", log.life("ada"))))
    assert len(client._stay) == 1
    watching = [one for one in finalize._registry if one.peek() and one.peek()[2][-1] == PrefixHint(log.id, "ada")]  # type: ignore[attr-defined]
    assert len(watching) == 1


def test_a_closed_engine_is_told_nothing(client: LocalClient) -> None:
    other = LocalClient("smollm2-135m", **{**CONFIG, "context_length": 600})
    log = Transcript()
    asyncio.run(other.complete(ModelRequest(ASK, prefix=PrefixHint(log.id, "ada", log.life("ada")))))
    other._thread.close()
    del log
    assert not other._stay
    assert other._thread._jobs.empty()


def test_a_copy_of_a_hint_knows_no_life() -> None:
    log = Transcript()
    hint = PrefixHint(log.id, "ada", log.life("ada"))
    copied = pickle.loads(pickle.dumps(hint))
    assert copied == hint
    assert hash(copied) == hash(hint)
    assert copied.life is None


def test_a_life_ends_with_the_transcript_when_it_becomes_another_and_when_it_is_forgotten() -> None:
    log = Transcript()
    ada, bob = log.life("ada"), log.life("bob")
    assert log.life("ada")() is ada()
    log.forget("ada")
    assert ada() is None
    assert bob() is not None
    log.become([], "another")
    assert bob() is None
    cy = log.life("cy")
    del log
    assert cy() is None
