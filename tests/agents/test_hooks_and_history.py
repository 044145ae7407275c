"""Hooks, histories, sending outside a chat, and usage."""

from __future__ import annotations

import pytest

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.chat_result import gather_usage_summary
from autogen_like.agents.conversable import ConversableAgent
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.errors import ConfigError
from autogen_like.core.usage import Usage
from autogen_like.models.cache_stores import Cache
from autogen_like.models.client import ModelResponse
from autogen_like.models.scripted import ScriptedModel


def bot(name: str, *replies: object) -> AssistantAgent:
    return AssistantAgent(name, llm_config=ScriptedModel(list(replies)))


def user(**kwargs: object) -> UserProxyAgent:
    return UserProxyAgent("user", human_input_mode="NEVER", **kwargs)


@pytest.fixture(params=["sync", "async"])
def chat(request):
    import asyncio

    def start(sender, recipient, message):
        if request.param == "sync":
            return sender.initiate_chat(recipient, message=message, max_turns=1, silent=True)
        return asyncio.run(sender.a_initiate_chat(recipient, message=message, max_turns=1, silent=True))

    return start


def test_hooks_edit_what_the_model_sees_and_not_what_was_said(chat):
    bob = bot("bob", "x")
    bob.register_hook("process_last_received_message", lambda content: content + " [noted]")
    bob.register_hook("process_all_messages_before_reply", lambda messages: messages[-1:])
    result = chat(user(), bob, "hello")
    assert [message["content"] for message in bob.model_client.requests[0].messages] == ["hello [noted]"]
    assert result.chat_history[0]["content"] == "hello"


def test_a_hook_that_writes_into_messages_writes_into_a_copy(chat):
    bob = bot("bob", "x")

    def scribble(messages):
        messages[0]["content"] = "scribbled"
        return messages

    bob.register_hook("process_all_messages_before_reply", scribble)
    result = chat(user(), bob, "hello")
    assert bob.model_client.requests[0].messages[0]["content"] == "scribbled"
    assert result.chat_history[0]["content"] == "hello"


def test_hooks_edit_what_is_sent_by_both_sides(chat):
    person, bob = user(), bot("bob", "x")
    for agent in (person, bob):
        agent.register_hook(
            "process_message_before_send",
            lambda sender, message, recipient, silent: {**message, "content": f"{sender.name}>{message['content']}"},
        )
    result = chat(person, bob, "hello")
    assert [message["content"] for message in result.chat_history] == ["user>hello", "bob>x"]


def test_async_hooks_work_in_both_kinds_of_chat(chat):
    bob = bot("bob", "x")

    async def note(content):
        return content + "!"

    bob.register_hook("a_process_last_received_message", note)
    chat(user(), bob, "hello")
    assert bob.model_client.requests[0].messages[0]["content"] == "hello!"


def test_hooks_that_cannot_be_are_refused():
    bob = bot("bob", "x")
    with pytest.raises(ConfigError, match="process_last_received_message"):
        bob.register_hook("before_everything", print)
    bob.register_hook("process_last_received_message", print)
    with pytest.raises(ConfigError, match="already"):
        bob.register_hook("process_last_received_message", print)


# --- histories


def test_an_agent_may_forget_without_the_other_forgetting():
    ada, bob = bot("ada", "a"), bot("bob", "b", "b2")
    ada.initiate_chat(bob, message="hi", max_turns=2, silent=True)
    bob.clear_history(ada, nr_messages_to_preserve=1)
    assert len(bob.chat_messages[ada]) == 1
    assert len(ada.chat_messages[bob]) == 4
    bob.reset()
    assert bob.last_message(ada) is None


def test_the_last_message_must_be_unambiguous():
    ada, bob, eve = bot("ada"), bot("bob", "b"), bot("eve", "e")
    assert ada.last_message() is None
    ada.initiate_chat(bob, message="hi", max_turns=1, silent=True)
    assert ada.last_message()["content"] == "b"
    ada.initiate_chat(eve, message="hi", max_turns=1, silent=True)
    with pytest.raises(ValueError, match="several"):
        ada.last_message()
    with pytest.raises(KeyError, match="user"):
        ada.last_message(user())


def test_earlier_messages_can_be_given_to_go_on_from():
    bob = bot("bob", "b")
    said = [{"role": "assistant", "content": "mine"}, {"role": "user", "content": "theirs", "name": "bob"}]
    ada = ConversableAgent("ada", chat_messages={bob: said}, human_input_mode="NEVER")
    result = ada.initiate_chat(bob, message="go on", clear_history=False, max_turns=1, silent=True)
    assert [m["content"] for m in result.chat_history] == ["mine", "theirs", "go on", "b"]
    assert [m["role"] for m in bob.model_client.requests[0].messages] == ["user", "assistant", "user"]


def test_what_is_sent_outside_a_chat_is_kept_and_answered_on_request():
    ada, bob = bot("ada"), bot("bob", "first")
    ada.send("just so you know", bob, silent=True)
    assert bob.chat_messages[ada][-1]["content"] == "just so you know"
    ada.update_max_consecutive_auto_reply(0)
    ada.send("tell me", bob, request_reply=True, silent=True)
    assert [m["content"] for m in ada.chat_messages[bob]] == ["just so you know", "tell me", "first"]


def test_what_is_answered_on_request_is_answered_in_turn_only_by_who_answers_by_itself():
    ada, bob = bot("ada", "from ada"), bot("bob", "first", "second")
    ada.send("tell me", bob, request_reply=True, silent=True)
    assert [m["content"] for m in ada.chat_messages[bob]] == ["tell me", "first"]
    ada.reply_at_receive[bob] = True
    ada.send("more", bob, request_reply=True, silent=True)
    assert [m["content"] for m in ada.chat_messages[bob]][2:] == ["more", "second", "from ada"]


def test_a_chat_with_max_turns_leaves_nobody_answering_by_itself():
    ada, bob = bot("ada"), bot("bob", "one", "two")
    ada.initiate_chat(bob, message="hi", max_turns=1, silent=True)
    ada.send("and?", bob, silent=True)
    assert ada.last_message(bob)["content"] == "and?"


async def test_the_receiver_decides_whether_it_answers():
    ada, bob = bot("ada"), bot("bob", "one", "two")
    ada.update_max_consecutive_auto_reply(0)
    await bob.a_receive("hi", ada, request_reply=True, silent=True)
    assert ada.last_message(bob)["content"] == "one"
    bob.stop_reply_at_receive(ada)
    await ada.a_send("and?", bob, silent=True)
    assert ada.last_message(bob)["content"] == "and?"


def test_limits_of_replies_can_differ_by_sender():
    bob, ada, eve = bot("bob", "x", "y"), bot("ada"), bot("eve")
    bob.update_max_consecutive_auto_reply(0, ada)
    assert (bob.max_consecutive_auto_reply(ada), bob.max_consecutive_auto_reply(eve)) == (0, 100)
    assert len(ada.initiate_chat(bob, message="hi", silent=True, max_turns=1).messages) == 1
    assert len(eve.initiate_chat(bob, message="hi", silent=True, max_turns=1).messages) == 2


# --- usage and caches


def test_usage_can_be_printed_and_gathered(capsys):
    spent = ModelResponse("x", usage=Usage(3, 2, cost=0.5), model="m")
    bob = bot("bob", spent)
    bob.print_usage_summary()
    assert "no model" in capsys.readouterr().out
    user().initiate_chat(bob, message="hi", max_turns=1, silent=True)
    bob.print_usage_summary("actual")
    out = capsys.readouterr().out
    assert "0.5" in out
    assert "with cached" not in out
    summary = gather_usage_summary([bob, user()])
    assert summary["usage_including_cached_inference"]["m"]["total_tokens"] == 5
    with pytest.raises(ConfigError, match="mode"):
        bob.print_usage_summary("all")


def test_a_chats_cache_answers_what_was_asked_before_and_costs_nothing_then():
    spent = ModelResponse("x", usage=Usage(3, 2, cost=0.5), model="m")
    bob = bot("bob", spent)
    with Cache.memory() as cache:
        costs = [user().initiate_chat(bob, message="hi", max_turns=1, silent=True, cache=cache).cost for _ in range(2)]
    assert bob.model_client.calls == 1
    assert costs[1]["usage_including_cached_inference"]["total_cost"] == 0.5
    assert costs[1]["usage_excluding_cached_inference"]["total_cost"] == 0


def test_without_a_cache_nothing_is_cached():
    bob = bot("bob", "one", "two")
    summaries = [user().initiate_chat(bob, message="hi", max_turns=1, silent=True).summary for _ in range(2)]
    assert summaries == ["one", "two"]
