"""Two agents talk: who answers whom, what each remembers, and how it ends."""

from __future__ import annotations

import asyncio
import copy
import json

import pytest

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.conversable import ConversableAgent
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.errors import AgentNameConflict, ConfigError, ConversationError, TranscriptError
from autogen_like.core.termination import MaxMessages, TextMention, TokenBudget
from autogen_like.core.usage import Usage
from autogen_like.models.client import ModelResponse
from autogen_like.models.scripted import ScriptedModel


def assistant(name: str, *replies: object, **kwargs: object) -> AssistantAgent:
    return AssistantAgent(name, llm_config=ScriptedModel(list(replies)), **kwargs)


def user(**kwargs: object) -> UserProxyAgent:
    return UserProxyAgent("user", human_input_mode="NEVER", **kwargs)


def texts(messages: object) -> list[object]:
    return [message["content"] for message in messages]


def test_agents_take_turns_until_max_turns():
    ada, bob = assistant("ada", "a1", "a2"), assistant("bob", "b1", "b2")
    result = ada.initiate_chat(bob, message="hello", max_turns=2, silent=True)
    assert texts(result.chat_history) == ["hello", "b1", "a1", "b2"]
    assert result.stop_reason.kind == "max_turns"
    assert result.summary == "b2"


def test_each_sees_itself_as_the_assistant_and_the_other_as_the_user():
    ada, bob = assistant("ada"), assistant("bob", "hi")
    ada.initiate_chat(bob, message="hello", max_turns=1, silent=True)
    assert [m["role"] for m in ada.chat_messages[bob]] == ["assistant", "user"]
    assert [m["role"] for m in bob.chat_messages[ada]] == ["user", "assistant"]
    assert [m["name"] for m in bob.chat_messages[ada]] == ["ada", "bob"]
    assert bob.last_message(ada)["content"] == "hi"


def test_both_keep_one_copy_of_each_message():
    ada, bob = assistant("ada"), assistant("bob", "hi")
    result = ada.initiate_chat(bob, message="hello", max_turns=1, silent=True)
    said = result.messages[0]
    assert ada.chat_messages[bob][0] is said.render("ada")
    assert bob.chat_messages[ada][0] is said.render("bob")


@pytest.mark.parametrize("text", ["TERMINATE", "Done. TERMINATE", "All good.\n\nTERMINATE.", "**TERMINATE**"])
def test_a_message_that_ends_with_terminate_ends_the_chat(text):
    result = user().initiate_chat(assistant("ada", text, "never said"), message="go", silent=True)
    assert result.stop_reason.kind == "termination_message"
    assert texts(result.chat_history) == ["go", text]


def test_the_word_in_the_middle_ends_nothing():
    ada = assistant("ada", "I will say TERMINATE when I am done", "TERMINATE")
    result = user().initiate_chat(ada, message="go", silent=True)
    assert len(result.chat_history) == 4


def test_the_summary_leaves_the_word_out():
    result = user().initiate_chat(assistant("ada", "42 TERMINATE"), message="go", silent=True)
    assert result.summary == "42 "


def test_replies_in_a_row_are_limited_and_the_initiator_does_not_answer_itself():
    ada = assistant("ada", "x", "y", "z", max_consecutive_auto_reply=1)
    result = user(default_auto_reply="go on").initiate_chat(ada, message="go", silent=True, max_turns=10)
    assert texts(result.chat_history) == ["go", "x", "go on"]
    assert result.stop_reason.kind == "max_consecutive_auto_reply"
    assert result.stop_reason.by == "ada"


def test_the_default_limit_of_replies_is_named_when_it_ends_a_chat():
    ada = AssistantAgent("ada", llm_config=ScriptedModel(lambda request: f"{len(request.messages)}", record=False))
    result = user(default_auto_reply="more").initiate_chat(ada, message="go", silent=True)
    assert result.stop_reason.kind == "max_consecutive_auto_reply"
    assert "100" in result.stop_reason.detail


def test_empty_replies_end_the_chat():
    result = user().initiate_chat(ConversableAgent("bob", human_input_mode="NEVER"), message="", silent=True)
    assert result.stop_reason.kind == "empty_replies"


def test_a_second_chat_starts_anew_and_leaves_the_first_result_alone():
    ada, bob = assistant("ada"), assistant("bob", "one", "two")
    first = ada.initiate_chat(bob, message="1", max_turns=1, silent=True)
    before = copy.deepcopy(first.chat_history)
    second = ada.initiate_chat(bob, message="2", max_turns=1, silent=True)
    assert first.chat_history == before
    assert texts(second.chat_history) == ["2", "two"]


def test_a_chat_can_go_on_from_the_last():
    ada, bob = assistant("ada"), assistant("bob", "one", "two")
    ada.initiate_chat(bob, message="1", max_turns=1, silent=True)
    result = ada.initiate_chat(bob, message="2", max_turns=1, silent=True, clear_history=False)
    assert texts(result.chat_history) == ["1", "one", "2", "two"]


def test_the_cost_is_that_of_this_chat_alone():
    spent = Usage(10, 5, cost=1.0)
    model = ScriptedModel([ModelResponse("x", usage=spent, model="m") for _ in range(2)])
    bob = AssistantAgent("bob", llm_config=model)
    costs = [user().initiate_chat(bob, message="go", max_turns=1, silent=True).cost for _ in range(2)]
    assert [cost["usage_including_cached_inference"]["total_cost"] for cost in costs] == [1.0, 1.0]
    assert costs[0]["usage_excluding_cached_inference"]["m"]["total_tokens"] == 15
    assert bob.get_total_usage()["total_cost"] == 2.0
    assert bob.get_actual_usage()["m"]["prompt_tokens"] == 20


async def test_two_chats_of_the_same_pair_at_once_do_not_mix():
    async def echo(request):
        await asyncio.sleep(0.01)
        return "re:" + request.messages[-1]["content"]

    ada, bob = assistant("ada"), AssistantAgent("bob", llm_config=ScriptedModel(echo))
    chats = [ada.a_initiate_chat(bob, message=text, max_turns=1, silent=True) for text in ("one", "two")]
    results = await asyncio.gather(*chats)
    assert [texts(result.chat_history) for result in results] == [["one", "re:one"], ["two", "re:two"]]


async def test_two_chats_at_once_that_go_on_from_one_past_each_get_their_own():
    async def echo(request):
        await asyncio.sleep(0.01)
        return "re:" + request.messages[-1]["content"]

    ada, bob = assistant("ada"), AssistantAgent("bob", llm_config=ScriptedModel(echo))
    await ada.a_initiate_chat(bob, message="past", max_turns=1, silent=True)
    chats = [
        ada.a_initiate_chat(bob, message=text, max_turns=1, silent=True, clear_history=False) for text in ("1", "2")
    ]
    results = await asyncio.gather(*chats)
    assert [texts(result.chat_history)[2:] for result in results] == [["1", "re:1"], ["2", "re:2"]]


def test_stop_conditions_combine():
    ada, bob = assistant("ada", *"abcdef"), assistant("bob", *"uvwxyz")
    result = ada.initiate_chat(bob, message="go", silent=True, stop=MaxMessages(20) | TextMention("w"))
    assert result.stop_reason.detail == "bob mentioned 'w'"
    ada, bob = assistant("ada", *"abcdef"), assistant("bob", *"uvwxyz")
    result = ada.initiate_chat(bob, message="go", silent=True, stop=MaxMessages(4) & TextMention("u"))
    assert len(result.chat_history) == 4


def test_a_token_budget_ends_a_chat_with_the_numbers():
    model = ScriptedModel(lambda _: ModelResponse("x", usage=Usage(60, 40), model="m"))
    bob = AssistantAgent("bob", llm_config=model)
    result = user(default_auto_reply="more").initiate_chat(bob, message="go", silent=True, stop=TokenBudget(250))
    assert result.stop_reason.kind == "budget"
    assert "300 of 250" in result.stop_reason.detail


def test_a_reply_function_that_raises_names_agent_backend_and_turn_and_keeps_the_transcript():
    def broken(recipient, messages, sender, config):
        raise RuntimeError("out of paper")

    bob = assistant("bob")
    bob.register_reply([ConversableAgent, None], broken)
    with pytest.raises(ConversationError, match=r"bob, backend 'broken', turn 0: RuntimeError: out of paper") as caught:
        user().initiate_chat(bob, message="print", silent=True)
    assert caught.value.agent == "bob"
    assert [message.text for message in caught.value.transcript] == ["print"]


def test_names_must_differ():
    with pytest.raises(AgentNameConflict, match="ada"):
        assistant("ada").initiate_chat(assistant("ada", "x"), message="hi", silent=True)


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"name": ""}, "name"),
        ({"name": "a", "human_input_mode": "SOMETIMES"}, "ALWAYS"),
        ({"name": "a", "max_consecutive_auto_reply": -1}, "0 or more"),
        ({"name": "a", "llm_config": {}}, "model"),
        ({"name": "a", "llm_config": {"config_list": []}}, "config_list"),
        ({"name": "a", "llm_config": True}, "model"),
        ({"name": "a", "code_execution_config": {"last_n_messages": -1, "executor": "local"}}, "last_n_messages"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_their_cure(settings, cure):
    with pytest.raises(ConfigError, match=cure):
        ConversableAgent(**settings)


def test_a_wrong_argument_is_refused_before_anything_is_said():
    ada, bob = assistant("ada"), assistant("bob", "x")
    for wrong in ({"max_turns": 0}, {"summary_method": "magic"}, {"message": 42}):
        with pytest.raises(ConfigError):
            ada.initiate_chat(bob, silent=True, **{"message": "hi", **wrong})
    assert bob.model_client.calls == 0


def test_the_transcript_that_a_script_sees_is_read_only_but_behaves_like_lists_and_dicts():
    ada, bob = assistant("ada"), assistant("bob", "x")
    result = ada.initiate_chat(bob, message="hi", max_turns=1, silent=True)
    view = ada.chat_messages[bob]
    assert json.loads(json.dumps(view))[0]["content"] == "hi"
    assert isinstance(view, list)
    assert isinstance(view[0], dict)
    with pytest.raises(TypeError, match="copy"):
        result.chat_history[0]["content"] = "changed"
    with pytest.raises(TypeError, match="read-only"):
        view.append({})


def test_a_message_may_be_a_dict_or_a_function():
    bob = assistant("bob", "x", "y")
    result = user().initiate_chat(bob, message={"content": "as a dict"}, max_turns=1, silent=True)
    assert result.chat_history[0]["content"] == "as a dict"
    made = user().initiate_chat(
        bob,
        message=lambda sender, recipient, context: f"{sender.name}->{recipient.name}: {context['topic']}",
        topic="rain",
        max_turns=1,
        silent=True,
    )
    assert made.chat_history[0]["content"] == "user->bob: rain"


def test_a_message_without_content_is_refused():
    with pytest.raises(TranscriptError, match="content"):
        user().initiate_chat(assistant("bob", "x"), message={"role": "user"}, silent=True)


def test_a_hundred_thousand_turns_use_no_more_stack_than_two():
    import sys

    ada, bob = (ConversableAgent(name, human_input_mode="NEVER", max_consecutive_auto_reply=10**9) for name in "ab")
    for agent in (ada, bob):
        agent.register_reply(None, lambda *_, **__: (False, None))
        agent.default_auto_reply = agent.name
    limit = sys.getrecursionlimit()
    result = ada.initiate_chat(bob, message="go", silent=True, stop=MaxMessages(20_000))
    assert len(result.messages) == 20_000
    assert sys.getrecursionlimit() == limit


def test_reflection_asks_the_model_for_the_summary():
    bob = assistant("bob", "the sky is blue", "They agreed that the sky is blue.")
    result = user().initiate_chat(
        bob, message="colour?", max_turns=1, silent=True, summary_method="reflection_with_llm",
        summary_args={"summary_prompt": "Sum up."},
    )  # fmt: skip
    assert result.summary == "They agreed that the sky is blue."
    assert bob.model_client.requests[1].messages[-1] == {"role": "system", "content": "Sum up."}


def test_summary_arguments_of_one_chat_do_not_leak_into_the_next():
    seen = []

    def method(sender, recipient, summary_args):
        seen.append(dict(summary_args))
        summary_args["mark"] = True
        return {"any": "value"}

    bob = assistant("bob", "x", "y")
    for _ in range(2):
        result = user().initiate_chat(bob, message="hi", max_turns=1, silent=True, summary_method=method)
    assert seen == [{}, {}]
    assert result.summary == {"any": "value"}


def test_silent_is_silent_and_otherwise_speakers_are_named(capsys):
    user().initiate_chat(assistant("bob", "x"), message="hi", max_turns=1, silent=True)
    assert capsys.readouterr().out == ""
    user().initiate_chat(assistant("bob", "good day"), message="hi", max_turns=1)
    out = capsys.readouterr().out
    assert "bob (to user):" in out
    assert "good day" in out


def test_a_foreign_agent_takes_part():
    class Parrot:
        name = "parrot"
        description = "repeats"

        def generate_reply(self, messages=None, sender=None):
            return messages[-1]["content"] + "!"

    result = user().initiate_chat(Parrot(), message="hi", max_turns=1, silent=True)
    assert texts(result.chat_history) == ["hi", "hi!"]


def test_a_foreign_agent_remembers_what_was_said_where_it_is_to():
    class Counter:
        name = "counter"
        description = "counts"

        def generate_reply(self, messages=None, sender=None):
            return str(len(messages))

    asker, counter = user(), Counter()
    asker.initiate_chat(counter, message="hi", max_turns=1, silent=True)
    again = asker.initiate_chat(counter, message="hi", max_turns=1, silent=True, clear_history=False)
    assert texts(again.chat_history) == ["hi", "1", "hi", "3"]


def test_a_subclass_may_override_generate_reply():
    class Loud(ConversableAgent):
        def generate_reply(self, messages=None, sender=None, **kwargs):
            said = super().generate_reply(messages, sender, **kwargs)
            return said.upper()

    loud = Loud("loud", llm_config=ScriptedModel(["quiet"]), human_input_mode="NEVER")
    result = user().initiate_chat(loud, message="hi", max_turns=1, silent=True)
    assert texts(result.chat_history) == ["hi", "QUIET"]


def test_a_missing_key_is_said_before_anything_is_spent(monkeypatch):
    from autogen_like import GroupChat, GroupChatManager, MissingExtra

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    a = AssistantAgent("a", llm_config=ScriptedModel(lambda _: "x"), description="a")
    b = AssistantAgent("b", llm_config={"model": "gpt-4.1-mini", "max_retries": 1}, description="b")
    group = GroupChatManager(GroupChat([a, b], speaker_selection_method="round_robin"))
    for start in (
        lambda: user().initiate_chat(group, message="hi", silent=True),
        lambda: a.initiate_chat(b, message="hi", silent=True),
        lambda: asyncio.run(b.run(message="hi")._wait()),
    ):
        with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
            start()
    assert a.model_client.calls == 0
    missing = AssistantAgent("c", llm_config={"model": "local:no-such-model"})
    with pytest.raises((ConfigError, MissingExtra), match="models pull"):
        a.initiate_chat(missing, message="hi", silent=True)


def test_one_of_several_models_with_a_key_is_enough(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    config = {"config_list": [{"model": "gpt-4.1-mini"}, {"model": ScriptedModel(["from the second"])}]}
    bob = AssistantAgent("bob", llm_config=config)
    from autogen_like.models.layer import check_client

    check_client(bob.model_client)
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        check_client(AssistantAgent("eve", llm_config={"config_list": [{"model": "gpt-4.1-mini"}] * 2}).model_client)
