"""Questions that are asked together with what documents say."""

from __future__ import annotations

import asyncio

import pytest

from autogen_like import AssistantAgent, ConfigError, ScriptedModel
from autogen_like.agents.contrib.retrieval.embedded import EmbeddedVectorDB
from autogen_like.agents.contrib.retrieval.retrieve_user_proxy import RetrieveAssistantAgent, RetrieveUserProxyAgent

FACTS = {
    "cats.txt": "Cats sleep for 15 hours a day.",
    "dogs.md": "Dogs bark at the postman.",
    "tea.txt": "Tea is made with boiling water.",
}


@pytest.fixture
def folder(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, text in FACTS.items():
        (docs / name).write_text(text)
    return docs


def proxy(**config):
    return RetrieveUserProxyAgent("asker", human_input_mode="NEVER", retrieve_config=config)


def ask(asker, *words, problem="How long do cats sleep?", **context):
    model = ScriptedModel(words)
    answering = RetrieveAssistantAgent("ada", llm_config=model)
    result = asker.initiate_chat(answering, message=asker.message_generator, problem=problem, silent=True, **context)
    return result, [one.text for one in result.messages if one.speaker == "asker"]


def test_the_question_goes_with_what_documents_say_of_it(folder):
    result, (told,) = ask(proxy(docs_path=str(folder), task="qa"), "15 hours.", n_results=1)
    assert FACTS["cats.txt"] in told
    assert FACTS["tea.txt"] not in told
    assert "Question: How long do cats sleep?" in told
    assert result.stop_reason.kind == "termination_message"
    assert result.summary == "15 hours."


def test_more_is_told_when_it_is_asked_for_until_there_is_none(folder):
    asker = proxy(docs_path=str(folder), context_max_tokens=12, chunk_token_size=50)
    _, told = ask(asker, "UPDATE CONTEXT", "update context", "Update context.", "I don't know.")
    assert [sum(fact in text for fact in FACTS.values()) for text in told] == [1, 1, 1, 0]
    assert FACTS["cats.txt"] in told[0]
    assert "no more" in told[3]


def test_an_answer_without_its_prefix_asks_for_more(folder):
    asker = proxy(
        docs_path=str(folder), context_max_tokens=12, chunk_token_size=50, customized_answer_prefix="The answer is"
    )
    _, told = ask(asker, "Well", "the answer is 15")
    assert len(told) == 2


def test_updating_can_be_turned_off(folder):
    result, told = ask(proxy(docs_path=str(folder), update_context=False), "UPDATE CONTEXT")
    assert len(told) == 1
    assert result.stop_reason.kind == "termination_message"


def test_a_prompt_of_ones_own_takes_braces_as_they_are(folder):
    asker = proxy(docs_path=str(folder), customized_prompt="{x} Q:{input_question} C:{input_context}")
    _, (told,) = ask(asker, "15", n_results=1)
    assert told == f"{{x}} Q:How long do cats sleep? C:{FACTS['cats.txt']}"


def test_results_can_be_held_to_a_text(folder):
    found = proxy(docs_path=str(folder)).retrieve_docs("cats", n_results=3, search_string="bark")
    assert [doc["content"] for doc in found] == [FACTS["dogs.md"]]


def test_a_database_of_ones_own_is_used_and_filled_once(folder, tmp_path):
    with EmbeddedVectorDB(tmp_path / "v.db") as db:
        for _ in range(2):
            proxy(docs_path=[str(folder)], vector_db=db, collection_name="mine").retrieve_docs("cats")
        assert len(db.get_docs_by_ids(None, "mine")) == 3
        (folder / "new.txt").write_text("Birds sing.")
        asker = proxy(docs_path=str(folder), vector_db=db, collection_name="mine", new_docs=False)
        asker.retrieve_docs("birds")
        asker.retrieve_docs("birds")
        assert len(db.get_docs_by_ids(None, "mine")) == 3


def test_settings_of_documents_reach_them(folder):
    asker = proxy(
        docs_path=str(folder), custom_text_types=["md"], custom_text_split_function=lambda text: text.split(),
        custom_token_count_function=lambda text, model: len(text),
        embedding_function=lambda texts: [[1.0, 0.0]] * len(texts),
        db_config={"path": folder.parent / "v.db"},
    )  # fmt: skip
    assert sorted(doc["content"] for doc in asker.retrieve_docs("x")) == ["Dogs", "at", "bark", "postman.", "the"]
    assert asker.count_tokens("abc") == 3
    asker.vector_db.close()


def test_code_in_an_answer_is_for_whoever_runs_it(folder):
    asker = proxy(docs_path=str(folder), task="code")
    _, told = ask(asker, "```python\nprint(1)\n```", "Done.")
    assert told[1:] == [""]  # it runs none, and says nothing


def test_it_works_in_async_chats_and_two_at_once(folder):
    asker = proxy(docs_path=str(folder), context_max_tokens=12, chunk_token_size=50)

    async def main():
        async def one(problem):
            ada = AssistantAgent("ada", llm_config=ScriptedModel(["UPDATE CONTEXT", "ok"]))
            return await asker.a_initiate_chat(ada, message=asker.message_generator, problem=problem, silent=True)

        return await asyncio.gather(one("Do dogs bark?"), one("Do cats sleep?"))

    dogs, cats = asyncio.run(main())
    assert "Do dogs bark?" in dogs.messages[2].text
    assert FACTS["dogs.md"] in dogs.messages[0].text
    assert "Do cats sleep?" in cats.messages[2].text


def test_reset_forgets_what_was_found(folder):
    asker = proxy(docs_path=str(folder))
    ask(asker, "15")
    asker.reset()
    assert asker.more_for(asker) is None


@pytest.mark.parametrize(
    ("config", "cure"),
    [
        ({"colour": "red"}, "no setting colour"),
        ({"task": "sing"}, "task must be one of"),
        ({"context_max_tokens": 0}, "context_max_tokens"),
        ({"vector_db": 3}, "VectorDB's methods"),
        ({"vector_db": "chroma"}, "VectorDB's methods"),
        ({"db_config": {"colour": 1}}, "colour"),
        ({"docs_path": "/none/such"}, "docs_path"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_the_cure(config, cure):
    with pytest.raises(ConfigError, match=cure):
        proxy(**config).retrieve_docs("x")


def test_a_question_is_needed(folder):
    with pytest.raises(ConfigError, match="problem="):
        ask(proxy(docs_path=str(folder)), "x", problem="")
