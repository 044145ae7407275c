"""Scenarios of whole conversations: going on, nested, groups, overriding, hooks; see scenarios.py."""

from __future__ import annotations

import asyncio
from typing import Any

from scenarios import bot, grouped, person, plain, scenario, told
from scenarios_parts import FixedModel, modelled, part

# --- going on, nested, people


@scenario
def a_group_goes_on(ag: Any) -> Any:
    a, b = bot(ag, "a", "a2"), bot(ag, "b", "b1", "b2", "b3")
    manager = grouped(ag, [a, b], max_round=4, speaker_selection_method="round_robin")
    before = [
        {"content": "begin", "role": "user", "name": "a"},
        {"content": "Well. TERMINATE", "role": "user", "name": "b"},
    ]
    last_agent, last_message = manager.resume(messages=before, remove_termination_string="TERMINATE", silent=True)
    result = last_agent.initiate_chat(manager, message=last_message, clear_history=False, silent=True)
    return [last_agent.name, [message["content"].strip() for message in result.chat_history]]


@scenario
def messages_to_go_on_from(ag: Any) -> Any:
    a, b = bot(ag, "a"), bot(ag, "b", "b1")
    earlier = [{"content": "hi", "role": "assistant"}, {"content": "hello", "role": "user"}]
    a = ag.ConversableAgent("a", llm_config=False, human_input_mode="NEVER", chat_messages={b: earlier})
    return [message["content"] for message in a.chat_messages[b]]


@scenario
def nested_chats_carry_summaries(ag: Any) -> Any:
    one, two = bot(ag, "one", "from one"), bot(ag, "two", "from two")
    b = ag.ConversableAgent("b", llm_config=False, human_input_mode="NEVER")
    queue = [
        {"recipient": one, "max_turns": 1, "silent": True},
        {"recipient": two, "message": "and you?", "max_turns": 1, "silent": True},
    ]
    b.register_nested_chats(queue, trigger=lambda sender: sender.name == "a")
    result = bot(ag, "a").initiate_chat(b, message="hi", max_turns=1, silent=True)
    return [told(result), [message["content"] for message in b.chat_messages[two]]]


@scenario
def nested_chats_with_a_message_by_function(ag: Any) -> Any:
    inner = bot(ag, "inner", "from inside")
    b = ag.ConversableAgent("b", llm_config=False, human_input_mode="NEVER")

    def message(recipient: Any, messages: Any, sender: Any, config: Any) -> str:
        return f"about {messages[-1]['content']} of {sender.name}"

    b.register_nested_chats([{"recipient": inner, "message": message, "max_turns": 1, "silent": True}], trigger="a")
    bot(ag, "a").initiate_chat(b, message="hi", max_turns=1, silent=True)
    return [one["content"] for one in b.chat_messages[inner]]


@scenario
def human_never_at_termination(ag: Any) -> Any:
    a = person(ag, mode="NEVER", default_auto_reply="auto")
    return told(a.initiate_chat(bot(ag, "b", "b1", "TERMINATE"), message="hi", silent=True))


@scenario
def what_people_said(ag: Any) -> Any:
    result = person(ag, "more", "exit").initiate_chat(bot(ag, "b", "b1", "b2"), message="hi", silent=True)
    return result.human_input


# --- groups


@scenario
def group_ends_without_a_next_speaker(ag: Any) -> Any:
    a, b, c = bot(ag, "a"), bot(ag, "b", "b1"), bot(ag, "c", "c1")
    manager = grouped(
        ag, [a, b, c], max_round=9, speaker_selection_method="round_robin",
        allowed_or_disallowed_speaker_transitions={a: [b], b: [c]}, speaker_transitions_type="allowed",
    )  # fmt: skip
    return told(a.initiate_chat(manager, message="hi", silent=True))


@scenario
def group_with_disallowed_transitions(ag: Any) -> Any:
    a, b, c = bot(ag, "a", "a1", "a2"), bot(ag, "b", "b1", "b2"), bot(ag, "c", "c1", "c2")
    manager = grouped(
        ag, [a, b, c], max_round=5, speaker_selection_method="round_robin",
        allowed_or_disallowed_speaker_transitions={a: [b], b: [b, c], c: [c]}, speaker_transitions_type="disallowed",
    )  # fmt: skip
    return told(a.initiate_chat(manager, message="hi", silent=True))


@scenario
def group_selected_by_a_model(ag: Any) -> Any:
    a, b, c = bot(ag, "a"), bot(ag, "b", "b1"), bot(ag, "c", "c1")
    chat = ag.GroupChat(
        agents=[a, b, c], messages=[], max_round=3,
        select_speaker_auto_llm_config={
            "config_list": [{"model": "fixed", "model_client_cls": "FixedModel", "words": ["c", "b"] * 3}],
            "cache_seed": None,
        },
        select_speaker_auto_model_client_cls=FixedModel,
    )  # fmt: skip
    manager = ag.GroupChatManager(groupchat=chat, llm_config=False, silent=True)
    return [message["name"] for message in a.initiate_chat(manager, message="hi", silent=True).chat_history][:2]


@scenario
def group_of_those_who_take_turns_without_a_model(ag: Any) -> Any:
    a, b = bot(ag, "a", "a1", "a2"), bot(ag, "b", "b1", "b2")
    manager = grouped(ag, [a, b], max_round=4, allow_repeat_speaker=False)
    return told(a.initiate_chat(manager, message="hi", silent=True))


@scenario
def group_helpers(ag: Any) -> Any:
    a, b, c = bot(ag, "a"), bot(ag, "b"), bot(ag, "c_d")
    chat = ag.GroupChat(agents=[a, b, c], messages=[])
    names = chat._mentioned_agents("a, then c d, then a", [a, b, c])
    following = [chat.next_agent(agent).name for agent in (a, b, c)]
    return [chat.agent_names, names, following, chat.agent_by_name("b") is b, chat.agent_by_name("x")]


@scenario
def group_async(ag: Any) -> Any:
    a, b, c = bot(ag, "a", "a1"), bot(ag, "b", "b1"), bot(ag, "c", "c1")
    manager = grouped(ag, [a, b, c], max_round=4, speaker_selection_method="round_robin")
    return told(asyncio.run(a.a_initiate_chat(manager, message="hi", silent=True)))


@scenario
def messages_of_a_group_as_text(ag: Any) -> Any:
    manager = grouped(ag, [bot(ag, "a"), bot(ag, "b")], speaker_selection_method="round_robin")
    return manager.messages_from_string(manager.messages_to_string([{"content": "x", "role": "user", "name": "a"}]))


# --- overriding, replying, hooks


@scenario
def send_and_receive_are_overridden(ag: Any) -> Any:
    heard: list[Any] = []

    class Loud(ag.ConversableAgent):
        def receive(self, message: Any, sender: Any, request_reply: Any = None, silent: Any = False) -> Any:
            heard.append([self.name, message if isinstance(message, str) else message["content"]])
            return super().receive(message, sender, request_reply, silent)

        def send(self, message: Any, recipient: Any, request_reply: Any = None, silent: Any = False) -> Any:
            return super().send(f"{message}!", recipient, request_reply, silent)

    a = Loud("a", llm_config=False, human_input_mode="NEVER", default_auto_reply="ra")
    b = Loud("b", llm_config=False, human_input_mode="NEVER", default_auto_reply="rb")
    result = a.initiate_chat(b, message="hi", max_turns=2, silent=True)
    return [told(result), heard]


@scenario
def generate_reply_is_overridden(ag: Any) -> Any:
    class Counting(ag.ConversableAgent):
        def generate_reply(self, messages: Any = None, sender: Any = None, **kwargs: Any) -> Any:
            seen = messages if messages is not None else self.chat_messages[sender]
            return f"{len(seen)} messages"

    b = Counting("b", llm_config=False, human_input_mode="NEVER")
    return told(bot(ag, "a", "a1").initiate_chat(b, message="hi", max_turns=2, silent=True))


@scenario
def a_hook_before_sending(ag: Any) -> Any:
    def edit(sender: Any, message: Any, recipient: Any, silent: Any) -> Any:
        content = message if isinstance(message, str) else message["content"]
        return f"{content} (from {sender.name})"

    b = bot(ag, "b", "b1")
    b.register_hook("process_message_before_send", edit)
    return told(bot(ag, "a").initiate_chat(b, message="hi", max_turns=1, silent=True))


@scenario
def replies_by_trigger(ag: Any) -> Any:
    b = ag.ConversableAgent("b", llm_config=False, human_input_mode="NEVER")
    say = lambda text: lambda recipient, messages, sender, config: (True, text)
    b.register_reply(ag.ConversableAgent, say("to any agent"))
    b.register_reply(lambda sender: sender.name == "c", say("to c"))
    b.register_reply(["x", "y"], say("to x or y"))
    return [b.generate_reply([{"role": "user", "content": "?"}], sender=bot(ag, name)) for name in "acx"]


@scenario
def a_reply_that_is_a_list(ag: Any) -> Any:
    b = ag.ConversableAgent("b", llm_config=False, human_input_mode="NEVER")
    b.register_reply([ag.Agent, None], lambda recipient, messages, sender, config: [True, "listed"])
    return told(bot(ag, "a").initiate_chat(b, message="hi", max_turns=1, silent=True))


@scenario
def built_in_replies_are_excluded(ag: Any) -> Any:
    b = modelled(ag, "b", "by the model", default_auto_reply="by default")
    return b.generate_reply([{"role": "user", "content": "?"}], exclude=[ag.ConversableAgent.generate_oai_reply])


@scenario
def histories_are_cleared(ag: Any) -> Any:
    a, b = bot(ag, "a", "a1"), bot(ag, "b", "b1", "b2")
    a.initiate_chat(b, message="hi", max_turns=2, silent=True)
    a.clear_history(nr_messages_to_preserve=1)
    kept = plain(a.chat_messages[b])
    a.clear_history()
    return [kept, plain(a.chat_messages[b])]


@scenario
def private_names(ag: Any) -> Any:
    a, b = bot(ag, "a", system_message="Be."), bot(ag, "b", "b1")
    a.initiate_chat(b, message="hi", max_turns=1, silent=True)
    return [
        a._oai_system_message, [one["content"] for one in a._oai_messages[b]], a._default_auto_reply, a._function_map,
        b._consecutive_auto_reply_counter[a], a._name,
    ]  # fmt: skip


@scenario
def tags_in_content(ag: Any) -> Any:
    parse = part(ag, "agentchat.utils").parse_tags_from_content
    return [one["attr"] for one in parse("img", "a <img a.png> b <img src='b.png' width='3'>")]


@scenario
def answers_are_compared(ag: Any) -> Any:
    maths = part(ag, "math_utils")
    boxed = r"So $x = \boxed{\frac{1}{2}}$."
    pairs = [("0.5", r"\frac{1}{2}"), ("3", "4"), (r"\dfrac12", r"\frac{1}{2}"), ("x=3", "3"), (".5", "0.5")]
    return [maths.get_answer(boxed), [maths.is_equiv(*pair) for pair in pairs]]


@scenario
def transitions_are_checked(ag: Any) -> Any:
    graphs = part(ag, "graph_utils")
    a, b = bot(ag, "a"), bot(ag, "b")
    inverted = graphs.invert_disallowed_to_allowed({a: [a]}, [a, b])
    names = {agent.name: [one.name for one in after] for agent, after in inverted.items()}
    return [names, graphs.has_self_loops({a: [b], b: [b]}), graphs.has_self_loops({a: [b]})]
