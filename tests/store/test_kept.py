"""Chats in a real store: opened by a URL, cut off at any moment, summed up by a model, gone on with in other runs."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from autogen_like import (
    AssistantAgent,
    ChatResult,
    ConfigError,
    ConversableAgent,
    ModelRequest,
    Run,
    ScriptedModel,
    Store,
    UserProxyAgent,
    keep_runs,
)

WRITING = "autogen_like-store"


def writers() -> int:
    return sum(thread.name == WRITING for thread in threading.enumerate())


class TestStoresThatAreNamedByAUrl:
    """They are open while anybody uses them."""

    async def test_one_is_closed_with_the_last_run_that_uses_it(self, tmp_path: Path) -> None:
        url, open_ = f"sqlite:///{tmp_path}/chats.db", []

        async def reply(request: ModelRequest) -> str:
            open_.append(writers())
            await asyncio.sleep(0.05)
            return "Four."

        before = writers()
        agents = [AssistantAgent(f"ada{number}", llm_config=ScriptedModel([reply])) for number in range(3)]
        await asyncio.gather(*(agent.run(message="2 + 2?", store=url) for agent in agents))
        assert open_ == [before + 1] * 3
        assert writers() == before
        assert not (tmp_path / "chats.db-wal").exists()
        async with Store(url) as store:
            assert len(await store.runs()) == 3

    async def test_one_is_closed_where_a_run_fails(self, tmp_path: Path) -> None:
        before = writers()
        agent = AssistantAgent("ada", llm_config=ScriptedModel([]))
        with pytest.raises(ConfigError, match="no run 'x'"):
            await agent.run(message="2 + 2?", store=f"sqlite:///{tmp_path}/chats.db", resume="x")
        assert writers() == before

    def test_that_of_the_process_stays_open_between_runs(self, tmp_path: Path) -> None:
        before = writers()
        keep_runs(f"sqlite:///{tmp_path}/chats.db")
        try:
            for number in range(2):
                agent = AssistantAgent("ada", llm_config=ScriptedModel(["Four."]))
                ConversableAgent("bob").initiate_chat(agent, message=f"{number}?", max_turns=1, silent=True)
                assert writers() == before + 1
        finally:
            keep_runs(None)
        assert writers() == before


@pytest.mark.parametrize("steps", range(0, 40, 3))
async def test_wherever_a_chat_is_cancelled_it_and_its_store_have_the_same_messages(store: Store, steps: int) -> None:
    guest = UserProxyAgent("guest", human_input_mode="NEVER")
    ada = AssistantAgent("ada", llm_config=ScriptedModel(lambda request: "And on.", record=False))
    run = guest.run(ada, "Go.", store=store).start()
    for _ in range(steps):
        await asyncio.sleep(0.0005)
    run.cancel()
    result = await asyncio.gather(run, return_exceptions=True)
    kept = await store.conversations(run.id) if await store.runs() else []
    said = await store.messages(kept[0].id) if kept else []
    if isinstance(result[0], ChatResult):
        assert [one.id for one in result[0].messages] == [one.id for one in said]


async def test_a_summary_that_a_model_made_is_not_asked_for_again(store: Store) -> None:
    asked: list[str] = []

    def chat(**kept: Any) -> Run[ChatResult]:
        def reply(request: ModelRequest) -> str:
            asked.append("summary" if request.messages[-1]["role"] == "system" else "reply")
            return f"reply {len(asked)}"

        ada = AssistantAgent("ada", llm_config=ScriptedModel(reply, record=False))
        guest = UserProxyAgent("guest", human_input_mode="NEVER")
        return guest.run(ada, "Go.", max_turns=1, summary_method="reflection_with_llm", store=store, **kept)

    run = chat()
    first = await run
    again = await chat(resume=run.id)
    assert asked == ["reply", "summary"]
    assert again.summary == first.summary == "reply 2"
    assert again.usage_by_agent["ada"].snapshot() == first.usage_by_agent["ada"].snapshot()


async def test_a_conversation_that_went_on_in_a_second_run_is_known_as_each_left_it(store: Store) -> None:
    ada = AssistantAgent("ada", llm_config=ScriptedModel(["One.", "Two."]))
    guest = UserProxyAgent("guest", human_input_mode="NEVER")
    first = guest.run(ada, "Count.", max_turns=1, store=store)
    await first
    second = guest.run(ada, "On.", max_turns=1, clear_history=False, store=store)
    await second
    (chat,) = await store.conversations(first.id)

    async def said(**where: Any) -> list[str]:
        return [one.text for one in await store.messages(chat.id, **where)]

    assert await said() == await said(in_run=second.id) == ["Count.", "One.", "On.", "Two."]
    assert await said(in_run=first.id) == ["Count.", "One."]
    fork = await store.fork(chat.id, in_run=first.id)
    assert (await store.run(fork)).messages == 2
    with pytest.raises(ConfigError, match=f"no conversation '{chat.id}' in run 'other' of this store"):
        await said(in_run="other")
