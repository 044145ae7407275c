"""Scripted scenarios that run under AutoGen 0.2 and under ours; each returns what was said.

They are given the package as `ag`. Models are reply functions with fixed words, so both packages hear the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

SCENARIOS: dict[str, Callable[[Any], Any]] = {}


def scenario(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    SCENARIOS[function.__name__] = function
    return function


# --- helpers


def plain(messages: Any) -> list[dict[str, Any]]:
    """Messages reduced to what is compared."""
    kept = ("role", "name", "content", "tool_calls", "tool_responses", "function_call")
    return [{key: message[key] for key in kept if message.get(key) is not None} for message in messages]


def scripted(ag: Any, agent: Any, *replies: Any) -> Any:
    """Lets an agent say these, one after another, then nothing."""
    left = list(replies)

    def reply(recipient: Any, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        return (True, left.pop(0)) if left else (True, None)

    agent.register_reply([ag.Agent, None], reply, position=len(BUILT_IN_FIRST))
    return agent


BUILT_IN_FIRST = ("termination", "human")  # scripted words come where a model's would, behind these


def bot(ag: Any, name: str, *replies: Any, **kwargs: Any) -> Any:
    agent = ag.ConversableAgent(name, llm_config=False, human_input_mode="NEVER", description=f"{name}.", **kwargs)
    return scripted(ag, agent, *replies)


def person(ag: Any, *answers: str, mode: str = "ALWAYS", **kwargs: Any) -> Any:
    left = list(answers)

    class Person(ag.ConversableAgent):
        def get_human_input(self, prompt: str) -> str:
            return left.pop(0)

    return Person("person", llm_config=False, human_input_mode=mode, description="person.", **kwargs)


def call(name: str, arguments: str = "{}", key: str = "call_1") -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": key, "type": "function", "function": {"name": name, "arguments": arguments}}],
    }


def told(result: Any) -> list[dict[str, Any]]:
    return plain(result.chat_history)


# --- two agents


@scenario
def two_agents_max_turns(ag: Any) -> Any:
    a, b = bot(ag, "a", "a1", "a2"), bot(ag, "b", "b1", "b2", "b3")
    return told(a.initiate_chat(b, message="hi", max_turns=2, silent=True))


@scenario
def two_agents_until_silence(ag: Any) -> Any:
    a, b = bot(ag, "a", "a1"), bot(ag, "b", "b1", "b2")
    return told(a.initiate_chat(b, message="hi", silent=True))


@scenario
def both_sides_of_a_chat(ag: Any) -> Any:
    a, b = bot(ag, "a"), bot(ag, "b", "b1")
    a.initiate_chat(b, message="hi", max_turns=1, silent=True)
    return {"a": plain(a.chat_messages[b]), "b": plain(b.chat_messages[a])}


@scenario
def terminate_alone(ag: Any) -> Any:
    a, b = bot(ag, "a", "a1", "a2"), bot(ag, "b", "b1", "TERMINATE", "b3")
    return told(a.initiate_chat(b, message="hi", silent=True))


@scenario
def terminate_at_the_end(ag: Any) -> Any:
    a, b = bot(ag, "a", "a1", "a2"), bot(ag, "b", "Done. TERMINATE", "b2")
    return told(a.initiate_chat(b, message="hi", silent=True))


@scenario
def own_termination_message(ag: Any) -> Any:
    a = bot(ag, "a", "a1", "a2", is_termination_msg=lambda message: "stop" in (message.get("content") or ""))
    b = bot(ag, "b", "b1", "please stop", "b3")
    return told(a.initiate_chat(b, message="hi", silent=True))


@scenario
def replies_in_a_row(ag: Any) -> Any:
    a, b = bot(ag, "a", *"pqrs", max_consecutive_auto_reply=2), bot(ag, "b", *"uvwxyz")
    return told(a.initiate_chat(b, message="hi", silent=True))


@scenario
def the_recipient_falls_silent_before_max_turns(ag: Any) -> Any:
    a, b = bot(ag, "a", *"pqrs"), bot(ag, "b", *"uvwxyz", max_consecutive_auto_reply=1)
    return told(a.initiate_chat(b, message="hi", max_turns=4, silent=True))


@scenario
def going_on_without_clearing(ag: Any) -> Any:
    a, b = bot(ag, "a", "a1"), bot(ag, "b", "b1", "b2")
    a.initiate_chat(b, message="first", max_turns=1, silent=True)
    return told(a.initiate_chat(b, message="second", max_turns=1, clear_history=False, silent=True))


@scenario
def default_auto_reply(ag: Any) -> Any:
    a = ag.ConversableAgent("a", llm_config=False, human_input_mode="NEVER", default_auto_reply="go on")
    b = bot(ag, "b", "b1", "b2")
    return told(a.initiate_chat(b, message="hi", silent=True))


@scenario
def a_message_by_function_with_context(ag: Any) -> Any:
    a, b = bot(ag, "a"), bot(ag, "b", "b1")
    message = lambda sender, recipient, context: f"{sender.name} to {recipient.name} about {context['topic']}"
    return told(a.initiate_chat(b, message=message, topic="rain", max_turns=1, silent=True))


@scenario
def carryover_in_one_chat(ag: Any) -> Any:
    a, b = bot(ag, "a"), bot(ag, "b", "b1")
    return told(a.initiate_chat(b, message="hi", carryover=["one", "two"], max_turns=1, silent=True))


@scenario
def summary_of_the_last_message(ag: Any) -> Any:
    a, b = bot(ag, "a"), bot(ag, "b", "The answer. TERMINATE")
    return a.initiate_chat(b, message="hi", max_turns=1, silent=True).summary


@scenario
def summary_by_function(ag: Any) -> Any:
    a, b = bot(ag, "a"), bot(ag, "b", "b1")
    method = lambda sender, recipient, args: f"{recipient.last_message(sender)['content']} {args['mark']}"
    result = a.initiate_chat(
        b, message="hi", max_turns=1, silent=True, summary_method=method, summary_args={"mark": "!"}
    )
    return result.summary


# --- people


@scenario
def human_always(ag: Any) -> Any:
    return told(person(ag, "more", "exit").initiate_chat(bot(ag, "b", "b1", "b2"), message="hi", silent=True))


@scenario
def human_always_skips_and_falls_back(ag: Any) -> Any:
    a = person(ag, "", "exit", default_auto_reply="auto")
    return told(a.initiate_chat(bot(ag, "b", "b1", "b2"), message="hi", silent=True))


@scenario
def human_at_termination(ag: Any) -> Any:
    a = person(ag, "what else?", "", mode="TERMINATE", default_auto_reply="auto")
    return told(a.initiate_chat(bot(ag, "b", "b1", "TERMINATE", "TERMINATE"), message="hi", silent=True))


@scenario
def human_at_the_limit_of_replies(ag: Any) -> Any:
    a = person(ag, "", "exit", mode="TERMINATE", default_auto_reply="auto", max_consecutive_auto_reply=1)
    return told(a.initiate_chat(bot(ag, "b", *"uvwxyz"), message="hi", silent=True))


@scenario
def human_interrupts_a_tool(ag: Any) -> Any:
    a = person(ag, "don't", "exit", function_map={"roll": lambda: "six"})
    return told(a.initiate_chat(bot(ag, "b", call("roll"), "sorry"), message="hi", silent=True))


# --- tools


@scenario
def a_tool_call(ag: Any) -> Any:
    a = ag.UserProxyAgent(
        "a", human_input_mode="NEVER", code_execution_config=False, function_map={"add": lambda x, y: x + y}
    )
    return told(a.initiate_chat(bot(ag, "b", call("add", '{"x": 1, "y": 2}'), "TERMINATE"), message="hi", silent=True))


@scenario
def a_tool_that_fails(ag: Any) -> Any:
    def fail() -> str:
        raise ValueError("no luck")

    a = ag.UserProxyAgent("a", human_input_mode="NEVER", code_execution_config=False, function_map={"fail": fail})
    return told(a.initiate_chat(bot(ag, "b", call("fail"), "TERMINATE"), message="hi", silent=True))


@scenario
def an_unknown_tool(ag: Any) -> Any:
    a = ag.UserProxyAgent("a", human_input_mode="NEVER", code_execution_config=False)
    return told(a.initiate_chat(bot(ag, "b", call("nope"), "TERMINATE"), message="hi", silent=True))


@scenario
def several_calls_in_one_message(ag: Any) -> Any:
    a = ag.UserProxyAgent(
        "a", human_input_mode="NEVER", code_execution_config=False, function_map={"echo": lambda text: text}
    )
    both = call("echo", '{"text": "one"}')
    both["tool_calls"] += call("echo", '{"text": "two"}', "call_2")["tool_calls"]
    return told(a.initiate_chat(bot(ag, "b", both, "TERMINATE"), message="hi", silent=True))


@scenario
def a_schema(ag: Any) -> Any:
    from typing import Annotated, Literal, Optional

    def book(
        city: Annotated[str, "Where to"],
        nights: Annotated[int, "How many"] = 1,
        kind: Annotated[Literal["hotel", "hostel"], "What"] = "hotel",
        note: Annotated[Optional[str], "Anything"] = None,  # noqa: UP045 - as users wrote it
    ) -> str:
        return city

    book.__annotations__ = {
        "city": Annotated[str, "Where to"],
        "nights": Annotated[int, "How many"],
        "kind": Annotated[Literal["hotel", "hostel"], "What"],
        "note": Annotated[Optional[str], "Anything"],  # noqa: UP045
        "return": str,
    }
    agent = ag.AssistantAgent("a", llm_config={"config_list": [{"model": "m", "api_key": "k"}]})
    agent.register_for_llm(name="book", description="Books.")(book)
    return agent.llm_config["tools"]


# --- sequences and nesting


@scenario
def chats_in_sequence(ag: Any) -> Any:
    a = bot(ag, "a")
    chats = [
        {"recipient": bot(ag, name, name.upper()), "message": f"ask {name}", "max_turns": 1, "silent": True}
        for name in ("b", "c", "d")
    ]
    chats[2]["finished_chat_indexes_to_exclude_from_carryover"] = [0]
    return [told(result) for result in a.initiate_chats(chats)]


@scenario
def chats_as_a_graph(ag: Any) -> Any:
    a = bot(ag, "a")
    chats = [
        {"chat_id": 1, "recipient": bot(ag, "b", "B"), "message": "ask b", "max_turns": 1, "silent": True},
        {"chat_id": 2, "recipient": bot(ag, "c", "C"), "message": "ask c", "max_turns": 1, "silent": True},
        {
            "chat_id": 3, "prerequisites": [1, 2], "recipient": bot(ag, "d", "D"), "message": "ask d", "max_turns": 1,
            "silent": True,
        },
    ]  # fmt: skip
    results = asyncio.run(a.a_initiate_chats(chats))
    return {str(key): told(results[key]) for key in sorted(results)}


@scenario
def nested_chats(ag: Any) -> Any:
    inner = bot(ag, "inner", "from inside")
    b = ag.ConversableAgent("b", llm_config=False, human_input_mode="NEVER")
    b.register_nested_chats(
        [{"recipient": inner, "max_turns": 1, "silent": True}], trigger=lambda sender: sender.name == "a"
    )
    return told(bot(ag, "a").initiate_chat(b, message="hi", max_turns=1, silent=True))


# --- groups


def grouped(ag: Any, agents: list[Any], **kwargs: Any) -> Any:
    chat = ag.GroupChat(agents=agents, messages=[], **kwargs)
    return ag.GroupChatManager(groupchat=chat, llm_config=False, silent=True)


@scenario
def group_round_robin(ag: Any) -> Any:
    a, b, c = bot(ag, "a", "a1", "a2"), bot(ag, "b", "b1"), bot(ag, "c", "c1")
    manager = grouped(ag, [a, b, c], max_round=5, speaker_selection_method="round_robin")
    result = a.initiate_chat(manager, message="hi", silent=True)
    return {"result": told(result), "b": plain(b.chat_messages[manager]), "group": plain(manager.groupchat.messages)}


@scenario
def group_ends_with_terminate(ag: Any) -> Any:
    a, b, c = bot(ag, "a"), bot(ag, "b", "TERMINATE"), bot(ag, "c", "c1")
    manager = grouped(ag, [a, b, c], max_round=9, speaker_selection_method="round_robin")
    manager._is_termination_msg = getattr(manager, "_is_termination_msg", None)
    a.initiate_chat(manager, message="hi", silent=True)
    return plain(c.chat_messages[manager])


@scenario
def group_by_function(ag: Any) -> Any:
    a, b, c = bot(ag, "a"), bot(ag, "b", "b1", "b2"), bot(ag, "c", "c1")
    order = iter([c, b, "round_robin", None])
    manager = grouped(ag, [a, b, c], max_round=9, speaker_selection_method=lambda last, chat: next(order))
    scripted(ag, c, "c2")
    return told(a.initiate_chat(manager, message="hi", silent=True))


@scenario
def group_with_transitions(ag: Any) -> Any:
    a, b, c = bot(ag, "a", "a1"), bot(ag, "b", "b1", "b2"), bot(ag, "c", "c1", "c2")
    manager = grouped(
        ag, [a, b, c], max_round=6, speaker_selection_method="round_robin",
        allowed_or_disallowed_speaker_transitions={a: [c], c: [b], b: [a]}, speaker_transitions_type="allowed",
    )  # fmt: skip
    return told(a.initiate_chat(manager, message="hi", silent=True))


@scenario
def group_without_repeats(ag: Any) -> Any:
    a, b = bot(ag, "a", "a1", "a2"), bot(ag, "b", "b1", "b2")
    manager = grouped(ag, [a, b], max_round=5, speaker_selection_method="random", allow_repeat_speaker=False)
    return told(a.initiate_chat(manager, message="hi", silent=True))


@scenario
def group_runs_a_tool(ag: Any) -> Any:
    a, b = bot(ag, "a"), bot(ag, "b", call("roll"))
    c = ag.UserProxyAgent(
        "c", human_input_mode="NEVER", code_execution_config=False, function_map={"roll": lambda: "six"}
    )
    manager = grouped(ag, [a, b, c], max_round=3, speaker_selection_method="round_robin")
    return told(a.initiate_chat(manager, message="hi", silent=True))


@scenario
def group_with_introductions(ag: Any) -> Any:
    a, b = bot(ag, "a"), bot(ag, "b", "b1")
    manager = grouped(ag, [a, b], max_round=2, speaker_selection_method="round_robin", send_introductions=True)
    a.initiate_chat(manager, message="hi", silent=True)
    return [message["content"] for message in plain(b.chat_messages[manager])][1:]


# --- async


@scenario
def two_agents_async(ag: Any) -> Any:
    a, b = bot(ag, "a", "a1", "a2"), bot(ag, "b", "b1", "b2", "b3")
    return told(asyncio.run(a.a_initiate_chat(b, message="hi", max_turns=2, silent=True)))


@scenario
def replies_in_a_row_async(ag: Any) -> Any:
    a, b = bot(ag, "a", *"pqrs", max_consecutive_auto_reply=2), bot(ag, "b", *"uvwxyz")
    return told(asyncio.run(a.a_initiate_chat(b, message="hi", silent=True)))


@scenario
def a_hook_async(ag: Any) -> Any:
    a, b = bot(ag, "a"), ag.ConversableAgent("b", llm_config=False, human_input_mode="NEVER")
    seen: list[Any] = []

    def reply(recipient: Any, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        seen.append(messages[-1]["content"])
        return True, "b1"

    b.register_reply([ag.Agent, None], reply)
    b.register_hook("process_last_received_message", lambda content: content + " [noted]")
    asyncio.run(a.a_initiate_chat(b, message="hi", max_turns=1, silent=True))
    return seen
