"""What scripts get wrong is said where it went wrong, and loses nothing."""

from __future__ import annotations

import pytest

from autogen_like.agents.agent import Agent
from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.conversable import ConversableAgent
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.errors import ConfigError, ConversationError, TranscriptError
from autogen_like.core.message import Image, Message, Text, ToolCall
from autogen_like.models.client import ModelResponse
from autogen_like.models.scripted import ScriptedModel


def bot(name: str, *replies: object, **kwargs: object) -> AssistantAgent:
    return AssistantAgent(name, llm_config=ScriptedModel(list(replies)), **kwargs)


def user(**kwargs: object) -> UserProxyAgent:
    return UserProxyAgent("user", human_input_mode="NEVER", **kwargs)


def says(reply: object, trigger: object = (None, object)) -> ConversableAgent:
    agent = ConversableAgent("ada", human_input_mode="NEVER", default_auto_reply="default")
    agent.register_reply(list(trigger), lambda *_, **__: reply)
    return agent


def hold(agent, message: object = "hi", **kwargs: object):
    kwargs.setdefault("max_turns", 1)
    return user().initiate_chat(agent, message=message, silent=True, **kwargs)


def fails() -> str:
    """Fails."""
    raise KeyError("k")


CALL = ModelResponse(None, (ToolCall("1", "fails", "{}"),))


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (Message("bob", "It wasn't me."), "must be said by ada, not by 'bob'"),
        ((True, Message("bob", "It wasn't me.")), "must be said by ada, not by 'bob'"),
        ((True, {"tool_calls": [{"id": "1"}]}), "not in OpenAI's form"),
        ((True, {"tool_calls": "abc"}), "not in OpenAI's form"),
        ((True, {"tool_responses": [7]}), "not in OpenAI's form"),
    ],
)
def test_replies_that_cannot_be_are_refused_with_the_reason(reply, complaint):
    with pytest.raises(ConversationError, match=complaint):
        hold(says(reply))


@pytest.mark.parametrize("message", [lambda *_: None, lambda *_: 5])
def test_a_message_function_must_return_a_message(message):
    with pytest.raises(TranscriptError, match="a string or a message dict"):
        hold(bot("ada"), message)


def test_a_reply_function_for_nobody_in_particular_answers_the_program():
    async def ask():
        return await says((True, "mine"), [Agent, None]).run(message="hi")

    from autogen_like.core.sync import run as run_sync

    assert run_sync(ask()).summary == "mine"


def test_an_async_end_condition_is_refused_at_once():
    async def ends(message):
        return False

    with pytest.raises(ConfigError, match="is_termination_msg of ada must be a plain function"):
        ConversableAgent("ada", is_termination_msg=ends)


@pytest.mark.parametrize("name", [None, 5])
def test_a_name_is_a_string(name):
    with pytest.raises(ConfigError, match="needs a name that is a string"):
        ConversableAgent(name)


@pytest.mark.parametrize("turns", ["3", 2.5, 0])
def test_max_turns_is_a_whole_number(turns):
    with pytest.raises(ConfigError, match="max_turns must be at least 1"):
        hold(bot("ada"), max_turns=turns)


# --- hooks


@pytest.mark.parametrize(
    ("point", "returned", "complaint"),
    [
        ("process_all_messages_before_reply", None, "must return the list of messages"),
        ("process_last_received_message", None, "must return the content"),
        ("process_message_before_send", None, "must return the message to send"),
        ("process_message_before_send", 5, "must return the message to send"),
    ],
)
def test_a_hook_that_forgets_to_return_is_named(point, returned, complaint):
    agent = bot("ada", "x")
    agent.register_hook(point, lambda *_, **__: returned)
    with pytest.raises(ConversationError, match=complaint) as error:
        hold(agent)
    assert error.value.backend == "hooks"


def test_a_hook_may_return_a_tuple_of_messages():
    agent = bot("ada", "x")
    agent.register_hook("process_all_messages_before_reply", tuple)
    assert hold(agent).summary == "x"


def test_results_keep_what_a_chat_dict_cannot_say_when_hooks_pass_them_on():
    agent = bot("ada", CALL, "Pity.", tools=[fails])
    agent.register_hook("process_message_before_send", lambda sender, message, recipient, silent: message)
    (result,) = hold(agent).messages[2].tool_results
    assert (result.name, result.error) == ("fails", True)


def test_a_hook_for_the_last_message_copies_no_other():
    agent = bot("ada", "x", "y")
    agent.register_hook("process_last_received_message", str.upper)
    result = user(default_auto_reply="and?").initiate_chat(agent, message="hi", max_turns=2, silent=True)
    seen = agent.model_client.requests[1].messages
    assert [message["content"] for message in seen] == ["hi", "x", "AND?"]
    assert seen[0] is result.messages[0].render("ada")


def test_a_hook_that_writes_into_the_parts_of_the_last_message_writes_into_a_copy():
    def edit(parts):
        parts[0]["text"] = "edited"
        return parts

    agent = bot("ada", "x")
    agent.register_hook("process_last_received_message", edit)
    result = hold(agent, {"content": [Text("Go.")]})
    assert agent.model_client.requests[0].messages[0]["content"][0]["text"] == "edited"
    assert result.messages[0].text == "Go."


def test_hooks_for_what_is_read_are_not_asked_when_tools_are_run():
    seen = []
    agent = bot("ada", CALL, "Pity.", tools=[fails])
    agent.register_hook("process_all_messages_before_reply", lambda messages: seen.append(len(messages)) or messages)
    hold(agent)
    assert seen == [1, 3]


# --- carryover and summaries


def test_carryover_goes_into_a_message_object_and_into_parts():
    result = hold(bot("ada", "x"), Message("user", "Go."), carryover="Mind the gap.")
    assert result.messages[0].text == "Go.\nContext: \nMind the gap."
    result = hold(bot("ada", "x"), {"content": [Text("Go."), Image("https://e.org/a.png")]}, carryover="Mind.")
    assert result.messages[0].content == (Text("Go.\nContext: \nMind."), Image("https://e.org/a.png"))
    result = hold(bot("ada", "x"), {"content": [Image("https://e.org/a.png")]}, carryover="Mind.")
    assert result.messages[0].content[1] == Text("\nContext: \nMind.")


def test_a_summary_that_fails_leaves_the_chat_with_the_error():
    def summarize(sender, recipient, args):
        raise OSError("no disk")

    with pytest.raises(ConversationError, match="user, summary: OSError: no disk") as error:
        hold(bot("ada", "x"), summary_method=summarize)
    assert [message.text for message in error.value.transcript] == ["hi", "x"]
    assert isinstance(error.value.__cause__, OSError)


def test_a_nested_chat_without_anything_to_begin_with_says_nothing():
    agent = ConversableAgent("ada", human_input_mode="NEVER")
    agent.register_nested_chats([{"recipient": bot("bob")}], trigger=[None, object])
    assert agent.generate_reply([]) is None


# --- people and printing


@pytest.mark.parametrize("answer", ["exit", " exit ", "exit\n"])
async def test_exit_ends_the_chat_with_or_without_space_around_it(answer):
    async def person(request):
        return answer

    agent = ConversableAgent("ada", human_input_mode="ALWAYS")
    assert (await user().run(agent, "hi", human=person)).stop_reason.kind == "human_exit"


@pytest.mark.parametrize("answer", [5, b"x", ["x"]])
async def test_who_answers_for_a_person_must_give_text(answer):
    async def person(request):
        return answer

    with pytest.raises(ConversationError, match="must give text"):
        await user().run(ConversableAgent("ada", human_input_mode="ALWAYS"), "hi", human=person)


async def test_no_answer_is_an_empty_one():
    async def person(request):
        return None

    agent = ConversableAgent("ada", human_input_mode="ALWAYS", default_auto_reply="by itself")
    assert (await user().run(agent, "hi", human=person, max_turns=1)).summary == "by itself"


def test_silent_is_silent_for_what_is_nested_too(capsys):
    agent = ConversableAgent("ada", human_input_mode="NEVER")
    agent.register_nested_chats([{"recipient": bot("bob", "x"), "max_turns": 1}], trigger=[None, object])
    assert hold(agent).summary == "x"
    assert capsys.readouterr().out == ""


def test_what_is_nested_is_printed_once(capsys):
    agent = ConversableAgent("ada", human_input_mode="NEVER")
    agent.register_nested_chats([{"recipient": bot("bob", "hello"), "max_turns": 1}], trigger=[None, object])
    user().initiate_chat(agent, message="hi", max_turns=1)
    assert capsys.readouterr().out.count("bob (to ada)") == 1
