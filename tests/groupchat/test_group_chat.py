"""Group chats: one transcript, everybody hears everything, and the rounds are counted."""

from __future__ import annotations

import asyncio
import json

import pytest

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.conversable import ConversableAgent
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.errors import AgentNameConflict, ConfigError, ConversationError
from autogen_like.core.events import SpeakerSelected
from autogen_like.core.message import ToolCall
from autogen_like.groupchat.group import GroupChat
from autogen_like.groupchat.manager import GroupChatManager
from autogen_like.models.client import ModelResponse
from autogen_like.models.scripted import ScriptedModel


def bot(name: str, *replies: object, **kwargs: object) -> AssistantAgent:
    kwargs.setdefault("description", f"I am {name}.")
    return AssistantAgent(name, llm_config=ScriptedModel(list(replies)), **kwargs)


def user(**kwargs: object) -> UserProxyAgent:
    return UserProxyAgent("user", human_input_mode="NEVER", **kwargs)


def round_robin(*agents: ConversableAgent, **kwargs: object) -> GroupChatManager:
    return GroupChatManager(GroupChat(list(agents), speaker_selection_method="round_robin", **kwargs))


def speakers(result) -> list[str]:
    return [message.speaker for message in result.messages]


def test_members_speak_in_turn_until_the_rounds_are_used_up():
    person, ada, bob = user(default_auto_reply="go on"), bot("ada", "a1", "a2"), bot("bob", "b1", "b2")
    result = person.initiate_chat(round_robin(person, ada, bob, max_round=5), message="hi", silent=True)
    assert speakers(result) == ["user", "ada", "bob", "user", "ada"]
    assert result.stop_reason.kind == "max_round"
    assert result.summary == "a2"


def test_everybody_hears_everything_and_one_copy_is_kept():
    person, ada, bob = user(), bot("ada", "a"), bot("bob", "b")
    manager = round_robin(person, ada, bob, max_round=3)
    result = person.initiate_chat(manager, message="hi", silent=True)
    assert [m["content"] for m in ada.chat_messages[manager]] == ["hi", "a", "b"]
    assert [m["role"] for m in ada.chat_messages[manager]] == ["user", "assistant", "user"]
    assert [m["name"] for m in manager.groupchat.messages] == ["user", "ada", "bob"]
    assert ada.chat_messages[manager][2] is result.messages[2].render("ada")
    assert person.chat_messages[manager][2] is ada.chat_messages[manager][2]


def test_the_message_that_ends_the_chat_is_heard_too():
    person, ada, bob = user(), bot("ada", "done TERMINATE"), bot("bob", "never")
    manager = round_robin(person, ada, bob)
    result = person.initiate_chat(manager, message="hi", silent=True)
    assert result.stop_reason.kind == "termination_message"
    assert bob.chat_messages[manager][-1]["content"] == "done TERMINATE"


async def test_the_async_form_says_the_same():
    def hold():
        person, ada = user(), bot("ada", "one", "two TERMINATE")
        return person, round_robin(person, ada)

    person, manager = hold()
    said = (await person.a_initiate_chat(manager, message="hi", silent=True)).messages
    person, manager = hold()
    again = await asyncio.to_thread(person.initiate_chat, manager, message="hi", silent=True)
    assert [m.text for m in said] == [m.text for m in again.messages]


def test_the_initiator_need_not_be_a_member():
    ada, bob = bot("ada", "a"), bot("bob", "b")
    result = user().initiate_chat(round_robin(ada, bob, max_round=3), message="hi", silent=True)
    assert speakers(result) == ["user", "ada", "bob"]


def test_a_second_chat_begins_anew_unless_it_goes_on():
    person, ada = user(), bot("ada", "a1", "a2", "a3")
    manager = round_robin(person, ada, max_round=2)
    person.initiate_chat(manager, message="1", silent=True)
    assert len(person.initiate_chat(manager, message="2", silent=True).messages) == 2
    assert len(person.initiate_chat(manager, message="3", silent=True, clear_history=False).messages) == 4


async def test_two_chats_in_one_group_at_once_do_not_mix():
    async def echo(request):
        await asyncio.sleep(0.01)
        return "re:" + request.messages[-1]["content"]

    person = user()
    ada = AssistantAgent("ada", llm_config=ScriptedModel(echo))
    manager = round_robin(person, ada, max_round=2)
    results = await asyncio.gather(
        *(person.a_initiate_chat(manager, message=text, silent=True) for text in ("one", "two"))
    )
    assert [[m.text for m in result.messages] for result in results] == [["one", "re:one"], ["two", "re:two"]]


def test_introductions_are_said_first_and_cost_no_round():
    person, ada = user(), bot("ada", "a")
    manager = round_robin(person, ada, max_round=2, send_introductions=True)
    result = person.initiate_chat(manager, message="hi", silent=True)
    assert speakers(result) == ["chat_manager", "user", "ada"]
    assert "I am ada." in ada.model_client.requests[0].messages[0]["content"]


def test_a_call_goes_to_the_member_who_can_run_it():
    call = ModelResponse(None, (ToolCall("c", "roll", "{}"),))
    ada, bob, runner = bot("ada", call), bot("bob"), user(function_map={"roll": lambda: "six"})
    result = bob.initiate_chat(round_robin(bob, ada, runner, max_round=3), message="roll!", silent=True)
    assert speakers(result) == ["bob", "ada", "user"]
    assert result.messages[2].tool_results[0].content == "six"


def test_a_call_that_no_member_can_run_is_an_error_that_says_so():
    call = ModelResponse(None, (ToolCall("c", "roll", "{}"),))
    person, ada = user(), bot("ada", call)
    with pytest.raises(ConversationError, match="register_for_execution"):
        person.initiate_chat(round_robin(person, ada), message="hi", silent=True)


def test_a_member_runs_its_own_tools_before_somebody_else_speaks():
    def roll() -> str:
        """Rolls a die."""
        return "six"

    call = ModelResponse(None, (ToolCall("c", "roll", "{}"),))
    person, ada, bob = user(), bot("ada", call, "I rolled a six."), bot("bob", "b")
    ada = AssistantAgent("ada", llm_config=ada.model_client, tools=[roll], description="rolls")
    result = person.initiate_chat(round_robin(person, ada, bob, max_round=4), message="roll", silent=True)
    assert speakers(result) == ["user", "ada", "ada", "ada", "bob"]


def test_a_group_may_be_a_member_of_a_group():
    inner = round_robin(bot("x", "from x"), bot("y", "from y"), max_round=3)
    inner.name = "team"
    person = user()
    outer = round_robin(person, inner, max_round=2)
    result = person.initiate_chat(outer, message="hi", silent=True)
    assert speakers(result) == ["user", "team"]
    assert result.summary == "from y"
    assert outer.groupchat.agent_by_name("y", recursive=True).name == "y"


def test_a_nested_chat_may_be_with_a_group():
    team = round_robin(bot("x", "from x"), bot("y", "from y"), max_round=3)
    bob = ConversableAgent("bob", human_input_mode="NEVER")
    bob.register_nested_chats([{"recipient": team, "silent": True}], trigger=UserProxyAgent)
    assert user().initiate_chat(bob, message="hi", max_turns=1, silent=True).summary == "from y"


def test_the_groups_cost_holds_everybodys():
    from autogen_like.core.usage import Usage

    spent = ModelResponse("x", usage=Usage(1, 1, cost=1.0), model="m")
    person, ada, bob = user(), bot("ada", spent), bot("bob", spent)
    result = person.initiate_chat(round_robin(person, ada, bob, max_round=3), message="hi", silent=True)
    assert result.cost["usage_including_cached_inference"]["total_cost"] == 2.0
    assert set(result.usage_by_agent) == {"ada", "bob"}


def test_max_turns_lets_the_initiator_start_the_group_again():
    person, ada = user(default_auto_reply="again"), bot("ada", "a1", "a2")
    manager = round_robin(person, ada, max_round=2)
    result = person.initiate_chat(manager, message="hi", max_turns=2, silent=True)
    assert speakers(result) == ["user", "ada", "user", "ada"]


# --- going on later


def test_a_chat_can_be_resumed_from_its_messages():
    person, ada, bob = user(), bot("ada", "a1"), bot("bob", "b1", "b2")
    manager = round_robin(person, ada, bob, max_round=3)
    person.initiate_chat(manager, message="hi", silent=True)
    text = manager.messages_to_string(manager.groupchat.messages)

    person, ada, bob = user(), bot("ada", "again"), bot("bob", "b2")
    manager = round_robin(person, ada, bob, max_round=3)
    last_agent, last_message = manager.resume(json.loads(text))
    assert (last_agent, last_message["content"]) == (bob, "b1")
    result = last_agent.initiate_chat(manager, message=last_message, clear_history=False, silent=True)
    assert [m.text for m in result.messages] == ["hi", "a1", "b1", "", "again"]
    assert [m["role"] for m in ada.chat_messages[manager]][:3] == ["user", "assistant", "user"]


def test_resuming_takes_the_ending_off_the_last_message():
    person, ada = user(), bot("ada", "more TERMINATE")
    manager = round_robin(person, ada)
    said = [
        {"name": "user", "role": "user", "content": "hi"},
        {"name": "ada", "role": "user", "content": "x TERMINATE"},
    ]
    _, last = manager.resume(json.dumps(said), remove_termination_string="TERMINATE")
    assert last["content"] == "x"
    _, last = manager.resume(said, remove_termination_string=lambda text: text.lower())
    assert last["content"] == "x terminate"


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [([], "no messages"), ("{not json", "JSON"), ('{"a": 1}', "list"), ([{"name": "eve", "content": "x"}], "eve")],
)
def test_what_cannot_be_resumed_is_refused(messages, complaint):
    with pytest.raises(ConfigError, match=complaint):
        round_robin(user(), bot("ada", "x")).resume(messages)


def test_a_person_may_clear_what_the_others_remember():
    class Person(UserProxyAgent):
        def get_human_input(self, prompt: str) -> str:
            return "clear history ada"

    person, ada, bob = Person("user"), bot("ada", "a1", "a2"), bot("bob", "b1")
    manager = round_robin(person, ada, bob, max_round=5, enable_clear_history=True)
    person.initiate_chat(manager, message="hi", silent=True)
    assert [m["content"] for m in ada.chat_messages[manager]] == ["clear history ada", "a2"]
    assert len(bob.chat_messages[manager]) == 5


def test_a_model_may_not_clear_what_the_others_remember():
    person, ada, bob = user(), bot("ada", "clear history"), bot("bob", "b1")
    manager = round_robin(person, ada, bob, max_round=3, enable_clear_history=True)
    person.initiate_chat(manager, message="hi", silent=True)
    assert len(bob.chat_messages[manager]) == 3


# --- what cannot be


def test_members_need_different_names():
    with pytest.raises(AgentNameConflict, match="ada"):
        GroupChat([bot("ada"), bot("ada")])


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"agents": []}, "needs agents"),
        ({"max_round": 0}, "max_round"),
        ({"speaker_selection_method": "dice"}, "round_robin"),
        ({"max_retries_for_selecting_speaker": -1}, "max_retries"),
        ({"role_for_select_speaker_messages": "narrator"}, "role_for"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, cure):
    with pytest.raises(ConfigError, match=cure):
        GroupChat(**{"agents": [bot("ada"), bot("bob")], **settings})


def test_a_manager_with_tools_is_refused():
    group = GroupChat([bot("ada"), bot("bob")])
    with pytest.raises(ConfigError, match="tools"):
        GroupChatManager(group, llm_config={"model": "m", "api_key": "k", "tools": [{}]})


async def test_selections_are_events():
    person, ada = user(), bot("ada", "a TERMINATE")
    run = person.run(round_robin(person, ada), "hi")
    chosen = [event.speaker async for event in run if isinstance(event, SpeakerSelected)]
    assert chosen == ["ada"]
