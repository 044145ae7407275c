"""Reply functions of one's own: triggers, order, sync and async, and AutoGen 0.2's arguments."""

from __future__ import annotations

import threading

import pytest

from autogen_like.agents.agent import Agent
from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.conversable import ConversableAgent
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.errors import AsyncInSyncChat, ConfigError, ConversationError, SenderRequired
from autogen_like.models.scripted import ScriptedModel


def agent(name: str, *replies: str, **kwargs: object) -> ConversableAgent:
    config = ScriptedModel(list(replies)) if replies else False
    return ConversableAgent(name, llm_config=config, human_input_mode="NEVER", **kwargs)


def answered(bob: ConversableAgent, sender: ConversableAgent | None = None) -> object:
    sender = sender or agent("ada")
    return sender.initiate_chat(bob, message="hi", max_turns=1, silent=True).chat_history[-1]["content"]


def test_a_function_gets_recipient_messages_sender_and_config():
    seen = {}

    def reply(recipient, messages, sender, config):
        seen.update(recipient=recipient, messages=list(messages), sender=sender, config=config)
        return True, "mine"

    ada, bob = agent("ada"), agent("bob", "the model's")
    bob.register_reply(ada, reply, config={"k": 1})
    assert answered(bob, ada) == "mine"
    assert (seen["recipient"], seen["sender"], seen["config"]) == (bob, ada, {"k": 1})
    assert seen["messages"] == [{"content": "hi", "role": "user", "name": "ada"}]


@pytest.mark.parametrize(
    "trigger",
    [ConversableAgent, Agent, "ada", [None, "ada"], lambda sender: sender.name == "ada", [ConversableAgent, None]],
)
def test_triggers_match_by_class_protocol_name_list_and_predicate(trigger):
    bob = agent("bob", "the model's")
    bob.register_reply(trigger, lambda *_, **__: (True, "mine"))
    assert answered(bob) == "mine"


@pytest.mark.parametrize("trigger", [UserProxyAgent, "eve", None, lambda sender: False])
def test_triggers_that_do_not_match_leave_it_to_the_next(trigger):
    bob = agent("bob", "the model's")
    bob.register_reply(trigger, lambda *_, **__: (True, "mine"))
    assert answered(bob) == "the model's"


def test_a_trigger_of_no_known_kind_is_refused_at_once():
    with pytest.raises(ConfigError, match="trigger"):
        agent("bob").register_reply(42, lambda *_, **__: (True, "x"))


def test_later_functions_come_first_and_what_is_not_final_passes_on():
    order = []
    bob = agent("bob", "the model's")
    for mark in "ab":
        bob.register_reply(None, lambda *_, mark=mark, **__: (order.append(mark), (False, None))[1], 0)
        bob.backends[0].trigger = ConversableAgent
        bob.backends[0]._types_only = True
    assert answered(bob) == "the model's"
    assert order == ["b", "a"]


def test_a_list_pair_and_a_dict_are_taken_too():
    bob = agent("bob")
    bob.register_reply(ConversableAgent, lambda *_, **__: [True, {"content": "as a dict"}])
    assert answered(bob) == "as a dict"


def test_final_without_a_reply_ends_the_chat():
    ada, bob = agent("ada"), agent("bob")
    bob.register_reply(ConversableAgent, lambda *_, **__: (True, None))
    result = ada.initiate_chat(bob, message="hi", silent=True)
    assert result.stop_reason.kind == "no_reply"
    assert len(result.chat_history) == 1


def test_what_is_not_a_pair_is_an_error_that_says_what_to_return():
    bob = agent("bob")
    bob.register_reply(ConversableAgent, lambda *_, **__: "just text")
    with pytest.raises(ConversationError, match=r"\(True, 'Hello'\)"):
        answered(bob)


def test_functions_can_be_replaced_removed_and_the_chain_read():
    def old(*_, **__):
        return True, "old"

    def new(*_, **__):
        return True, "new"

    bob = agent("bob", "the model's")
    bob.register_reply(ConversableAgent, old)
    assert [backend.name for backend in bob.backends] == ["old", "termination", "human", "tool", "code", "model"]
    bob.replace_reply_func(old, new)
    assert answered(bob) == "new"
    bob.register_reply(ConversableAgent, old, remove_other_reply_funcs=True)
    assert [backend.name for backend in bob.backends] == ["old"]


def test_an_async_function_in_a_sync_chat_is_an_error_that_names_it():
    async def later(*_, **__):
        return True, "async"

    bob = agent("bob", "the model's")
    bob.register_reply(ConversableAgent, later)
    with pytest.raises(AsyncInSyncChat, match=r"later.*a_initiate_chat"):
        answered(bob)
    assert issubclass(AsyncInSyncChat, RuntimeError)


def test_an_async_function_to_be_ignored_is_left_out_of_sync_chats():
    async def later(*_, **__):
        return True, "async"

    bob = agent("bob", "the model's")
    bob.register_reply(ConversableAgent, later, ignore_async_in_sync_chat=True)
    assert answered(bob) == "the model's"


async def test_async_functions_answer_in_async_chats():
    async def later(recipient, messages, sender, config):
        return True, "async"

    bob = agent("bob", "the model's")
    bob.register_reply(ConversableAgent, later, ignore_async_in_sync_chat=True)
    result = await agent("ada").a_initiate_chat(bob, message="hi", max_turns=1, silent=True)
    assert result.chat_history[-1]["content"] == "async"


def test_under_the_sync_face_a_function_runs_on_the_thread_that_called():
    threads = []
    bob = agent("bob")
    bob.register_reply(ConversableAgent, lambda *_, **__: (threads.append(threading.current_thread()), (True, "x"))[1])
    answered(bob)
    assert threads == [threading.current_thread()]


async def test_under_async_a_sync_function_does_not_block_the_loop():
    threads = []
    bob = agent("bob")
    bob.register_reply(ConversableAgent, lambda *_, **__: (threads.append(threading.current_thread()), (True, "x"))[1])
    await agent("ada").a_initiate_chat(bob, message="hi", max_turns=1, silent=True)
    assert threads[0] is not threading.current_thread()


def test_a_function_may_hold_a_sync_chat_of_its_own():
    inner = agent("inner", "from inside")

    def ask_inside(recipient, messages, sender, config):
        result = recipient.initiate_chat(inner, message=messages[-1]["content"], max_turns=1, silent=True)
        return True, result.summary

    bob = agent("bob")
    bob.register_reply(lambda sender: sender.name == "ada", ask_inside)
    assert answered(bob) == "from inside"


def test_a_function_may_call_the_built_in_ones():
    def loud(recipient, messages, sender, config):
        final, reply = recipient.generate_oai_reply(messages, sender)
        return final, reply.upper()

    bob = agent("bob", "quiet")
    bob.register_reply(ConversableAgent, loud)
    assert answered(bob) == "QUIET"


def test_a_built_in_function_can_be_registered_unbound():
    bob = agent("bob", "the model's")
    bob.register_reply([ConversableAgent, None], ConversableAgent.generate_oai_reply, remove_other_reply_funcs=True)
    assert answered(bob) == "the model's"


def test_generate_reply_can_leave_functions_out():
    bob = agent("bob", "the model's")

    def mine(*_, **__):
        return True, "mine"

    bob.register_reply([ConversableAgent, None], mine)
    messages = [{"role": "user", "content": "hi"}]
    ada = agent("ada")
    assert bob.generate_reply(messages, ada) == "mine"
    assert bob.generate_reply(messages, ada, exclude=[mine]) == "the model's"
    left_out = [mine, ConversableAgent.generate_oai_reply]
    assert bob.generate_reply(messages, ada, exclude=left_out) == ""


def test_generate_reply_needs_something_to_reply_to():
    with pytest.raises(ConfigError, match="messages"):
        agent("bob").generate_reply()


def test_the_state_of_a_function_is_put_back_on_reset():
    bob = agent("bob")
    counts = []

    def count(recipient, messages, sender, config):
        config["n"] += 1
        counts.append(config["n"])
        return True, "x"

    bob.register_reply(ConversableAgent, count, config={"n": 0})
    answered(bob)
    bob.reset()
    answered(bob)
    assert counts == [1, 1]


async def test_generate_reply_of_an_assistant_in_async():
    bob = AssistantAgent("bob", llm_config=ScriptedModel(["hello"]))
    assert await bob.a_generate_reply([{"role": "user", "content": "hi"}]) == "hello"


def test_a_reply_function_for_somebody_by_name_needs_to_be_told_who_asks():
    ada = agent("ada")
    ada.register_reply(["bob", None], lambda recipient, messages, sender, config: (True, "Hello, Bob."))
    with pytest.raises(SenderRequired, match="'bob' needs a sender"):
        ada.generate_reply([{"role": "user", "content": "Hello?"}])
