"""Groups and what people do with them."""

from __future__ import annotations

import pytest

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.conversable import ConversableAgent
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.errors import ConfigError
from autogen_like.core.message import ToolCall
from autogen_like.groupchat.group import GroupChat
from autogen_like.groupchat.manager import GroupChatManager
from autogen_like.models.client import ModelResponse
from autogen_like.models.scripted import ScriptedModel


def bot(name: str, *replies: object, **kwargs: object) -> AssistantAgent:
    return AssistantAgent(name, llm_config=ScriptedModel(list(replies)), description=f"I am {name}.", **kwargs)


def silent(name: str) -> ConversableAgent:
    return ConversableAgent(name, human_input_mode="NEVER", default_auto_reply=f"I am {name}.")


def group(*agents: ConversableAgent, method: object = "round_robin", **kwargs: object) -> GroupChatManager:
    return GroupChatManager(GroupChat(list(agents), speaker_selection_method=method, **kwargs))


def speakers(result) -> list[str]:
    return [message.speaker for message in result.messages]


def roll() -> str:
    """Rolls a die."""
    return "six"


CALL = ModelResponse(None, (ToolCall("c", "roll", "{}"),))


def test_an_initiator_outside_the_group_may_run_its_own_tools():
    outside = UserProxyAgent("user", human_input_mode="NEVER", function_map={"roll": roll})
    call = {"id": "1", "type": "function", "function": {"name": "roll", "arguments": "{}"}}
    opening = {"content": None, "tool_calls": [call]}
    result = outside.initiate_chat(group(silent("ada"), max_round=4), message=opening, max_turns=1, silent=True)
    assert result.messages[1].tool_results[0].content == "six"


def test_an_initiator_that_begins_again_may_use_its_tools():
    outside = bot("outside", CALL, "Go on.", tools=[roll])
    manager = group(silent("ada"), max_round=2)
    result = outside.initiate_chat(manager, message="Go.", max_turns=2, silent=True)
    assert speakers(result)[:5] == ["outside", "ada", "outside", "outside", "outside"]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("clear history", [3, 3]),
        ("clear history bob.", [6, 3]),
        ("clear history bob 1", [6, 4]),
        ("clear history data analyst", [3, 6]),
        ("Please CLEAR HISTORY Data Analyst 2, thanks", [5, 6]),
        ("clear history bobby", [3, 3]),
    ],
)
def test_a_person_names_whose_memory_is_cleared(said, left):
    words = iter([said, "TERMINATE"])
    person = UserProxyAgent("person", human_input_mode="ALWAYS")
    person.get_human_input = lambda prompt: next(words)
    members = [silent("data analyst"), silent("bob")]
    manager = group(*members, person, enable_clear_history=True, max_round=6)
    person.initiate_chat(manager, message="hi", silent=True)
    assert [len(member.chat_messages[manager]) for member in members] == left


@pytest.mark.parametrize("answer", ["q", "", "²", None])
async def test_where_nobody_selects_and_there_is_no_model_the_next_in_the_list_speaks(answer):
    async def person(request):
        return answer

    manager = group(silent("ada"), silent("bob"), method="manual", max_round=3)
    result = await silent("user").run(manager, "hi", human=person)
    assert speakers(result) == ["user", "ada", "bob"]


def test_the_method_is_checked_however_it_is_written():
    with pytest.raises(ConfigError, match="needs a model"):
        silent("user").initiate_chat(group(silent("ada"), silent("bob"), method="AUTO"), message="hi", silent=True)


@pytest.mark.parametrize("rounds", ["3", 0, 2.5])
def test_rounds_are_a_whole_number(rounds):
    with pytest.raises(ConfigError, match="max_round must be at least 1"):
        GroupChat([silent("ada")], max_round=rounds)


def test_a_group_that_says_nothing_does_not_repeat_the_question():
    inner = group(silent("ada"), silent("bob"), method=lambda last, group: None)
    result = silent("user").initiate_chat(inner, message="hi", silent=True)
    assert speakers(result) == ["user"]
    inner.groupchat.reset()
    outer = GroupChatManager(GroupChat([inner, bot("eve", "e TERMINATE")], speaker_selection_method="round_robin"), "o")
    result = silent("user").initiate_chat(outer, message="hi", silent=True)
    assert [message.text for message in result.messages] == ["hi", "", "e TERMINATE"]
