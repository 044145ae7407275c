"""What an agent is taught in one conversation, it knows in the next."""

from __future__ import annotations

import asyncio
import json

import pytest

from autogen_like import AssistantAgent, ConfigError, ConversableAgent, ScriptedModel
from autogen_like.agents.contrib.teachability import MemoStore, Teachability
from autogen_like.core.errors import ConversationError, ModelError


def lesson(*facts, task="", advice=""):
    found = [{"question": question, "answer": answer} for question, answer in facts]
    return json.dumps({"task": task, "advice": advice, "facts": found})


DOG = lesson(("What is the dog called?", "Rex"))


@pytest.fixture
def teach(tmp_path):
    made = []

    def new(agent, *analysed, path=tmp_path, **options):
        made.append(Teachability(path_to_db_dir=path, llm_config=ScriptedModel(analysed), **options))
        made[-1].add_to_agent(agent)
        return made[-1]

    yield new
    for one in made:
        one.close()


def agent(*words):
    model = ScriptedModel(words)
    return AssistantAgent("ada", llm_config=model), model


def user(**options):
    return ConversableAgent("user", human_input_mode="NEVER", **options)


def test_what_was_taught_is_known_to_a_later_process(teach):
    again, _ = agent("Nice.")
    store = teach(again, DOG)
    again.generate_reply([{"role": "user", "content": "My dog is called Rex."}])
    store.close()
    later, model = agent("Rex.")
    teach(later, "{}")
    result = user().initiate_chat(later, message="What is my dog called?", max_turns=1, silent=True)
    assert "What is the dog called? Rex" in model.requests[0].messages[0]["content"]
    assert result.messages[0].text == "What is my dog called?"  # what was said stays what was said
    assert "Notes" not in json.dumps(later.chat_messages[next(iter(later.chat_messages))])


def test_advice_goes_with_tasks_of_its_kind(teach):
    ada, model = agent("1", "2")
    teach(ada, lesson(task="summarize an article", advice="Name its author."), lesson(task="summarize an article"))
    ada.generate_reply([{"role": "user", "content": "Sum this up. Always name who wrote it."}])
    ada.generate_reply([{"role": "user", "content": "TL;DR?"}])
    assert "Name its author." in model.requests[1].messages[0]["content"]


def test_what_is_far_is_not_shown_and_nothing_is_noted_twice(teach):
    ada, model = agent("1", "2", "3")
    taught = teach(ada, DOG, DOG, "{}")
    for said in ("Rex!", "Rex!", "How is the weather?"):
        ada.generate_reply([{"role": "user", "content": said}])
    assert taught.memo_store.list_memos() == [("What is the dog called?", "Rex")]
    assert model.requests[2].messages[0]["content"] == "How is the weather?"


def test_it_works_in_async_chats_with_parts_and_counts_its_costs(teach):
    ada, model = agent("1", "2")
    teach(ada, DOG, "{}")

    async def main():
        part = {"type": "text", "text": "What is the dog called?"}
        await user().a_initiate_chat(ada, message="Rex", max_turns=1, silent=True)
        return await user().a_initiate_chat(ada, message={"content": [part]}, max_turns=1, silent=True)

    result = asyncio.run(main())
    assert "Rex" in model.requests[1].messages[0]["content"][1]["text"]
    assert result.usage_by_agent["ada"].summary


def test_a_model_that_gives_no_lesson_is_told_why_and_then_it_is_an_error(teach):
    ada, _ = agent("ok")
    analyst = teach(ada, "Hm.", '{"facts": 3}', DOG)
    ada.generate_reply([{"role": "user", "content": "Rex"}])
    assert "does not fit" in analyst._client.requests[2].messages[-1]["content"]
    bob = AssistantAgent("bob", llm_config=ScriptedModel([]))
    teach(bob, "a", "b", "c", path=None)
    with pytest.raises(ConversationError, match="no Lesson in 3 answers"):
        user().initiate_chat(bob, message="Rex", max_turns=1, silent=True)
    assert issubclass(ModelError, Exception)


def test_cancelling_leaves_no_half_note(teach):
    ada, _ = agent("ok")

    async def slow(request):
        await asyncio.sleep(60)

    taught = teach(ada, slow)

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(user().a_initiate_chat(ada, message="Rex", silent=True), 0.1)

    asyncio.run(main())
    assert taught.memo_store.list_memos() == []


def test_empty_messages_are_not_analysed(teach):
    ada, _ = agent("ok")
    taught = teach(ada)
    assert asyncio.run(taught.process_last_received_message("  ")) == "  "
    taught.prepopulate_db()


def test_settings_that_cannot_be_are_refused(tmp_path, teach):
    for options, cure in (
        ({"recall_threshold": 5}, "recall_threshold"),
        ({"max_num_retrievals": 0}, "max_num_retrievals"),
    ):
        with pytest.raises(ConfigError, match=cure):
            Teachability(path_to_db_dir=None, **options)
    alone = Teachability(path_to_db_dir=None)
    with pytest.raises(ConfigError, match="llm_config"):
        alone.add_to_agent(user())
    with pytest.raises(ConfigError, match="add_to_agent"):
        asyncio.run(alone.process_last_received_message("x"))
    alone.close()
    ada, _ = agent()
    taught = teach(ada)
    with pytest.raises(ConfigError, match="folder of its own"):
        taught.add_to_agent(user())


def test_memos_can_be_read_and_forgotten(tmp_path):
    store = MemoStore(path_to_db_dir=tmp_path)
    with pytest.raises(ConfigError, match="no memos"):
        store.get_nearest_memo("x")
    store.add_input_output_pair("a dog", "Rex")
    assert store.get_nearest_memo("dogs")[:2] == ("a dog", "Rex")
    assert store.get_related_memos("cats", 5, 1.5) == []
    store.close()
    again = MemoStore(path_to_db_dir=tmp_path)
    assert again.list_memos() == [("a dog", "Rex")]
    again.reset_db()
    assert again.list_memos() == []
    again.close()
