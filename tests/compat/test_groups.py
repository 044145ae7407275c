"""0.2's methods of group chats: selecting by hand, checks, agents that only stand in for a manager."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import autogen_like.compat as autogen
from autogen_like import ConfigError, ScriptedModel
from autogen_like.compat import (
    AgentNameConflict,
    ConversableAgent,
    GroupChat,
    GroupChatManager,
    NoEligibleSpeaker,
    UndefinedNextAgent,
    UserProxyAgent,
)
from autogen_like.compat.agentchat.contrib.capabilities.transform_messages import TransformMessages
from autogen_like.compat.agentchat.contrib.capabilities.transforms import MessageHistoryLimiter
from autogen_like.compat.io import IOStream


def agent(name: str, **kwargs: Any) -> ConversableAgent:
    kwargs.setdefault("human_input_mode", "NEVER")
    return ConversableAgent(name, llm_config=kwargs.pop("llm_config", False), default_auto_reply=f"I am {name}.")


class Typing(IOStream):
    def __init__(self, *answers: str) -> None:
        self.answers, self.shown = list(answers), ""

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        self.shown += sep.join(map(str, objects)) + end

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"select_speaker_message_template": ""}, "select_speaker_message_template"),
        ({"select_speaker_auto_none_template": None}, "select_speaker_auto_none_template"),
        ({"select_speaker_transform_messages": [MessageHistoryLimiter(3)]}, "select_speaker_transform_messages"),
        ({"role_for_select_speaker_messages": ""}, "role_for_select_speaker_messages"),
        ({"allow_repeat_speaker": {}}, "allow_repeat_speaker"),
    ],
)
def test_settings_that_can_not_be_are_refused_by_name(settings: dict[str, Any], names: str) -> None:
    with pytest.raises(ValueError, match=names):
        GroupChat([agent("a"), agent("b")], [], **settings)


@pytest.mark.parametrize("template", ["", None])
def test_without_a_prompt_nothing_is_asked_after_the_conversation(template: str | None) -> None:
    group = GroupChat([agent("a"), agent("b")], [], select_speaker_prompt_template=template)
    assert group.select_speaker_prompt_template is None
    assert group.select_speaker_prompt() is None


def test_transforms_for_the_selection_are_those_that_were_given() -> None:
    transforms = TransformMessages(transforms=[MessageHistoryLimiter(3)])
    members = [agent("a"), agent("b")]
    given = GroupChat(members, [], select_speaker_transform_messages=transforms)
    assert given._speaker_selection_transforms is transforms
    assert GroupChat(members, [])._speaker_selection_transforms is None


def test_two_members_of_one_name_are_told_apart_when_they_are_looked_for_and_can_not_talk() -> None:
    twice = [agent("a"), agent("a"), agent("b")]
    group = GroupChat(twice, [])
    assert group.agent_by_name("a") is twice[0]
    with pytest.raises(AgentNameConflict):
        group.agent_by_name("a", raise_on_name_conflict=True)
    with pytest.raises(AgentNameConflict):
        twice[2].initiate_chat(GroupChatManager(group, llm_config=False), message="hi", silent=True)


@pytest.mark.parametrize(
    ("typed", "heard", "kept"),
    [
        ("clear history. How are you?", "How are you?", [1, 1]),
        ("Clear history b 1, please!", "please!", [3, 2]),
        ("First: clear history 1", "First:", [2, 2]),
        ("How are you?", "How are you?", [3, 3]),
    ],
)
def test_a_persons_command_to_forget_is_carried_out_and_taken_out_of_what_is_said(
    typed: str, heard: str, kept: list[int]
) -> None:
    a, b = agent("a"), agent("b")
    person = UserProxyAgent("person", human_input_mode="ALWAYS")
    group = GroupChat([a, b, person], [], 3, speaker_selection_method="round_robin", enable_clear_history=True)
    manager = GroupChatManager(group, llm_config=False)
    with IOStream.set_default(Typing(typed)):
        a.initiate_chat(manager, message="hello", silent=True)
    assert a.chat_messages[manager][-1] == {"content": heard, "name": "person", "role": "user"}
    assert [len(one.chat_messages[manager]) for one in (a, b)] == kept


def test_a_group_without_agents_converts_messages_but_does_not_talk() -> None:
    said = [{"role": "user", "name": "a", "content": "hi"}]
    manager = GroupChatManager(GroupChat([], said), llm_config=False)
    assert manager.messages_from_string(manager.messages_to_string()) == said
    with pytest.raises(ConfigError, match="needs agents"):
        agent("a").initiate_chat(manager, message="hi", silent=True)


def test_the_next_one_is_of_those_that_are_left() -> None:
    a, b, c, stranger = agent("a"), agent("b"), agent("c"), agent("d")
    group = GroupChat([a, b, c], [])
    assert group.next_agent(a) is b
    assert group.next_agent(a, [a, c]) is c
    with pytest.raises(UndefinedNextAgent):
        group.next_agent(a, [stranger])


def test_a_person_selects_by_number() -> None:
    members = [agent("a"), agent("b")]
    group = GroupChat(members, [])
    with IOStream.set_default(stream := Typing("nobody", "3", "2")):
        assert group.manual_select_speaker() is members[1]
    assert "2: b" in stream.shown
    with IOStream.set_default(Typing("q")):
        assert group.manual_select_speaker(members) is None
    with IOStream.set_default(Typing("x", "y", "z")):
        assert group.manual_select_speaker() is None


def test_a_speaker_can_be_selected_without_a_chat() -> None:
    members = [agent("a"), agent("b")]
    group = GroupChat(members, [], speaker_selection_method="auto")
    group.append({"role": "user", "content": "Who knows?"}, members[0])
    manager = GroupChatManager(group, llm_config=ScriptedModel(["b", "a"]))
    assert group.select_speaker(members[0], manager) is members[1]
    assert asyncio.run(group.a_select_speaker(members[1], manager)) is members[0]
    assert group.random_select_speaker() in members
    assert group.random_select_speaker([]) is None


def test_what_is_appended_is_said_by_its_speaker_or_its_function() -> None:
    one = agent("a")
    group = GroupChat([one, agent("b")], [])
    group.append({"role": "user", "content": "hi"}, one)
    assert group.messages[0]["name"] == "a"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Story_writer, then story_Writer", {"Story_writer": 1}),
        (r"Story\_writer and Story writer", {"Story_writer": 2}),
        ("Story_writers", {}),
        ({"content": "Ask .* or Story_writer"}, {".*": 1, "Story_writer": 1}),
    ],
)
def test_members_are_found_where_they_are_named(text: Any, named: dict[str, int]) -> None:
    group = GroupChat([agent("Story_writer"), agent(".*")], [])
    assert group._mentioned_agents(text, None) == named


def test_an_agent_stands_in_for_a_manager() -> None:
    a, b = agent("a"), agent("b")
    group = GroupChat([a, b], [], max_round=2)
    deputy = ConversableAgent("deputy", llm_config=False, human_input_mode="NEVER")
    deputy.register_reply(
        autogen.Agent, reply_func=GroupChatManager.run_chat, config=group, reset_config=GroupChat.reset
    )
    a.initiate_chat(deputy, message="hello", silent=True)
    assert [one["content"] for one in a.chat_messages[deputy]] == ["hello", "I am b."]
    assert len(group.messages) == 2


def test_a_manager_forgets_its_group_too_and_checks_what_is_resumed() -> None:
    a, b = agent("a"), agent("b")
    group = GroupChat([a, b], [], max_round=2)
    manager = GroupChatManager(group, llm_config=False)
    a.initiate_chat(manager, message="hello", silent=True)
    assert manager._groupchat is group
    assert manager._last_speaker is b
    manager.reset()
    assert group.messages == []
    with pytest.raises(ConfigError, match="no messages"):
        manager._valid_resume_messages([])
    with pytest.raises(ConfigError, match="stranger"):
        manager._valid_resume_messages([{"name": "stranger", "content": "hi"}])
    manager._valid_resume_messages([{"name": "a", "content": "hi"}, {"content": "hi"}])


def test_what_ended_a_group_is_taken_out_wherever_it_is_in_its_last_message(caplog: pytest.LogCaptureFixture) -> None:
    manager = GroupChatManager(GroupChat([agent("a"), agent("b")], []), llm_config=False)
    said = [{"name": "a", "role": "user", "content": "hi"}, {"name": "b", "role": "user", "content": "TERMINATE: bye"}]
    assert manager.resume(said, remove_termination_string="TERMINATE: ")[1]["content"] == "bye"
    assert manager.resume(said, remove_termination_string=str.lower)[1]["content"] == "terminate: bye"
    manager._process_resume_termination("TERMINATE: ", said)
    assert said[-1]["content"] == "bye"
    assert not caplog.records
    manager.resume([{"name": "a", "role": "user", "content": "TERMINATE"}], remove_termination_string="END")
    assert "still ends the chat" in caplog.text


def test_without_a_model_members_take_turns_and_with_one_for_selecting_it_selects() -> None:
    a, b = agent("a"), agent("b")
    group = GroupChat([a, b], [], max_round=3)
    a.initiate_chat(GroupChatManager(group, llm_config=False), message="hi", silent=True)
    assert [one["name"] for one in group.messages] == ["a", "b", "a"]
    model = ScriptedModel(["b"])
    chosen = GroupChat([a, b, agent("c")], [], max_round=2, select_speaker_auto_llm_config=model)
    a.initiate_chat(GroupChatManager(chosen, llm_config=False), message="hi", silent=True)
    assert chosen.messages[-1]["name"] == "b"
    assert len(model.requests) == 1


class Backwards(GroupChat):
    """Its members speak in the order of the list, from behind; after the first, the group's own method selects."""

    def select_speaker(self, last_speaker: Any, selector: Any) -> Any:
        place = self.agents.index(last_speaker)
        return self.agents[place - 1] if place else super().select_speaker(last_speaker, selector)


class BackwardsLater(Backwards):
    async def a_select_speaker(self, last_speaker: Any, selector: Any) -> Any:
        return self.agents[1]


def spoke(group: GroupChat) -> list[str]:
    return [one["name"] for one in group.messages]


@pytest.mark.parametrize("kind", [Backwards, BackwardsLater])
def test_a_group_that_selects_in_its_own_way_is_asked_in_chats(
    kind: type[GroupChat], caplog: pytest.LogCaptureFixture
) -> None:
    members = [agent(name) for name in "abc"]
    group = kind(members, [], max_round=5, speaker_selection_method="round_robin")
    members[2].initiate_chat(GroupChatManager(group, llm_config=False), message="Go", silent=True)
    assert spoke(group) == ["c", "b", "a", "b", "a"]
    model = ScriptedModel(["c"])
    group = kind(members, [], max_round=5)
    members[1].initiate_chat(GroupChatManager(group, llm_config=model), message="Go", silent=True)
    assert spoke(group) == ["b", "a", "c", "b", "a"]
    assert len(model.requests) == 1
    group = kind(members, [], max_round=2)
    members[1].initiate_chat(GroupChatManager(group, llm_config=False), message="Go", silent=True)
    assert spoke(group) == ["b", "a"]
    assert not caplog.records


async def test_in_async_chats_the_async_method_selects_where_there_is_one() -> None:
    members = [agent(name) for name in "abc"]
    for kind, expected in ((Backwards, ["c", "b", "a", "b"]), (BackwardsLater, ["c", "b", "b", "b"])):
        group = kind(members, [], max_round=4, speaker_selection_method="round_robin")
        manager = GroupChatManager(group, llm_config=False)
        await members[2].a_initiate_chat(manager, message="Go", silent=True)
        assert spoke(group) == expected


def test_a_group_that_selects_a_stranger_is_an_error_and_one_that_finds_nobody_ends() -> None:
    class Odd(GroupChat):
        def select_speaker(self, last_speaker: Any, selector: Any) -> Any:
            if len(self.messages) > 1:
                raise NoEligibleSpeaker("that's all")
            return chosen

    members = [agent("a"), agent("b")]
    chosen = members[1]
    group = Odd(members, [], speaker_selection_method="round_robin")
    result = members[0].initiate_chat(GroupChatManager(group, llm_config=False), message="Go", silent=True)
    assert (spoke(group), result.stop_reason.kind) == (["a", "b"], "no_speaker")
    chosen = agent("stranger")
    group = Odd(members, [], speaker_selection_method="round_robin")
    with pytest.raises(UndefinedNextAgent):
        members[0].initiate_chat(GroupChatManager(group, llm_config=False), message="Go", silent=True)


def test_a_script_may_have_the_histories_cleared_itself() -> None:
    members = [agent("a"), agent("b")]
    group = GroupChat(members, [], max_round=4, speaker_selection_method="round_robin")
    manager = GroupChatManager(group, llm_config=False)
    members[0].initiate_chat(manager, message="Go", silent=True)
    assert manager.clear_agents_history({"content": "clear history b 1 and go on"}, group) == "and go on"
    assert [len(one.chat_messages[manager]) for one in members] == [4, 1]
    assert manager.clear_agents_history({"content": "Go on."}, group) == "Go on."
    assert manager.clear_agents_history({"content": "Clear history 2"}, group) == ""
    assert [len(one.chat_messages[manager]) for one in members] == [2, 1]
    assert len(group.messages) == 2


def test_a_method_of_selection_that_there_is_not_is_an_error_when_the_chat_begins() -> None:
    members = [agent("a"), agent("b")]
    manager = GroupChatManager(GroupChat(members, [], speaker_selection_method="vote"), llm_config=False)
    with pytest.raises(ValueError, match="speaker_selection_method"):
        members[0].initiate_chat(manager, message="Go", silent=True)


def test_a_group_knows_what_it_was_made_of() -> None:
    a, b = agent("a"), agent("b")
    group = GroupChat(
        [a, b], [], allowed_or_disallowed_speaker_transitions={a: [b]}, speaker_transitions_type="allowed"
    )
    assert group.allowed_or_disallowed_speaker_transitions == {a: [b]}
    assert group.speaker_transitions_type == "allowed"
