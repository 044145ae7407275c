"""Who speaks next: by a model, a person, chance, a function, and within the declared transitions."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.errors import ConfigError, ConversationError
from autogen_like.core.events import SelectionAttempt, SpeakerSelected
from autogen_like.groupchat.group import GroupChat
from autogen_like.groupchat.manager import GroupChatManager
from autogen_like.groupchat.selection import mentioned
from autogen_like.models.client import Capabilities, Choice
from autogen_like.models.scripted import ScriptedModel

FREE = Capabilities(choices=False)


def bots(*names: str) -> list[AssistantAgent]:
    return [
        AssistantAgent(name, llm_config=ScriptedModel(lambda _, n=name: f"{n} speaks"), description=f"I am {name}.")
        for name in names
    ]


def user() -> UserProxyAgent:
    return UserProxyAgent("user", human_input_mode="NEVER")


def hold(agents, model=None, **settings):
    settings.setdefault("max_round", 3)
    group = GroupChat(agents, **settings)
    manager = GroupChatManager(group, llm_config=model if model is not None else False)
    return user().initiate_chat(manager, message="hi", silent=True)


def speakers(result) -> list[str]:
    return [message.speaker for message in result.messages]


def test_a_model_that_can_be_constrained_selects_in_one_call():
    model = ScriptedModel(["bob", "ada"])
    result = hold(bots("ada", "bob"), model)
    assert speakers(result) == ["user", "bob", "ada"]
    assert model.calls == 2
    assert model.requests[0].constraint == Choice(("ada", "bob"))
    assert "I am ada." in model.requests[0].system
    assert model.requests[0].messages[0]["content"] == "hi"
    assert model.requests[0].messages[-1]["role"] == "system"


def test_a_model_that_cannot_is_asked_again_with_the_reason():
    model = ScriptedModel(["somebody", "ada or bob", "It should be bob."], capabilities=FREE)
    result = hold(bots("ada", "bob"), model, max_round=2)
    assert speakers(result) == ["user", "bob"]
    assert model.requests[0].constraint is None
    assert "nobody" in model.requests[1].messages[-1]["content"]
    assert "several" in model.requests[2].messages[-1]["content"]
    assert [m["content"] for m in model.requests[2].messages if m["role"] == "assistant"] == ["somebody", "ada or bob"]


def test_after_the_retries_the_next_in_the_list_speaks():
    model = ScriptedModel(lambda _: "nobody at all", capabilities=FREE)
    result = hold(bots("ada", "bob", "eve"), model, max_round=3, max_retries_for_selecting_speaker=1)
    assert speakers(result) == ["user", "ada", "bob"]
    assert model.calls == 4


async def test_each_attempt_and_each_choice_is_an_event():
    model = ScriptedModel(["hm", "bob"], capabilities=FREE)
    group = GroupChat(bots("ada", "bob"), max_round=2)
    run = user().run(GroupChatManager(group, llm_config=model), "hi")
    events = [event async for event in run if isinstance(event, SelectionAttempt | SpeakerSelected)]
    assert [(e.attempt, e.answer, e.chosen) for e in events[:2]] == [(1, "hm", ()), (2, "bob", ("bob",))]
    assert (events[2].speaker, events[2].method, events[2].attempts) == ("bob", "auto", 2)


def test_what_the_selecting_model_says_is_nothing_that_was_said():
    result = hold(bots("ada", "bob"), ScriptedModel(["bob", "ada"]))
    assert [m.text for m in result.messages] == ["hi", "bob speaks", "ada speaks"]


def test_a_members_model_selects_where_the_manager_has_none():
    ada, bob = bots("ada", "bob")
    chooser = AssistantAgent("chooser", llm_config=ScriptedModel(lambda r: "bob" if r.constraint else "x"))
    assert speakers(hold([chooser, ada, bob], max_round=2)) == ["user", "bob"]


def test_without_any_model_auto_is_refused_before_anything_is_said():
    silent = [UserProxyAgent(name, human_input_mode="NEVER") for name in ("ada", "bob")]
    with pytest.raises(ConfigError, match="round_robin"):
        hold(silent)


def test_the_group_may_have_a_model_of_its_own_for_it():
    model = ScriptedModel(["bob"])
    result = hold(bots("ada", "bob"), select_speaker_auto_llm_config=model, max_round=2)
    assert speakers(result) == ["user", "bob"]


def test_the_selecting_model_can_be_shown_less():
    class Last:
        def apply_transform(self, messages):
            return messages[-1:]

    model = ScriptedModel(["bob", "ada"])
    hold(bots("ada", "bob"), model, select_speaker_transform_messages=Last())
    assert [m["content"] for m in model.requests[1].messages[:-1]] == ["bob speaks"]


def test_its_prompts_can_be_replaced_or_left_out():
    model = ScriptedModel(["bob"])
    hold(
        bots("ada", "bob"),
        model,
        max_round=2,
        select_speaker_message_template="Roles: {roles} Names: {agentlist} {braces}",
        select_speaker_prompt_template=None,
    )
    assert model.requests[0].system == "Roles: ada: I am ada.\nbob: I am bob. Names: ['ada', 'bob'] {braces}"
    assert len(model.requests[0].messages) == 1


def test_chance_selects_members_only():
    result = hold(bots("ada", "bob", "eve"), speaker_selection_method="random", max_round=20)
    assert set(speakers(result)[1:]) <= {"ada", "bob", "eve"}


def test_a_person_selects_by_number_or_name_and_may_leave_it_to_the_model():
    answers = iter(["7", "2", "ada", ""])

    class Desk(GroupChatManager):
        def get_human_input(self, prompt: str) -> str:
            assert "1: ada" in prompt
            return next(answers)

    group = GroupChat(bots("ada", "bob"), speaker_selection_method="manual", max_round=4)
    result = user().initiate_chat(Desk(group, llm_config=ScriptedModel(["bob"])), message="hi", silent=True)
    assert speakers(result) == ["user", "bob", "ada", "bob"]


def test_a_function_selects_a_member_a_method_or_the_end():
    _, bob = agents = bots("ada", "bob")
    answers = iter([bob, "round_robin", None])
    result = hold(agents, speaker_selection_method=lambda last, group: next(answers), max_round=9)
    assert speakers(result) == ["user", "bob", "ada"]
    assert result.stop_reason.kind == "no_speaker"


def test_a_function_may_be_async():
    ada, _ = agents = bots("ada", "bob")

    async def choose(last, group):
        return ada

    assert speakers(hold(agents, speaker_selection_method=choose)) == ["user", "ada", "ada"]


def test_a_function_that_selects_a_stranger_is_an_error():
    with pytest.raises(ConversationError, match=r"UndefinedNextAgent.*eve"):
        hold(bots("ada", "bob"), speaker_selection_method=lambda last, group: bots("eve")[0])


def test_nobody_speaks_twice_in_a_row_where_that_is_ruled_out():
    model = ScriptedModel(lambda request: request.constraint.options[0])
    result = hold(bots("ada", "bob", "eve"), model, allow_repeat_speaker=False, max_round=8)
    said = speakers(result)[1:]
    assert all(one != other for one, other in pairwise(said))


def test_transitions_allow_or_rule_out():
    ada, bob, eve = agents = bots("ada", "bob", "eve")
    allowed = {ada: [bob], bob: [eve], eve: [ada]}
    result = hold(
        agents, ScriptedModel(["ada"]), allowed_or_disallowed_speaker_transitions=allowed,
        speaker_transitions_type="allowed", max_round=5,
    )  # fmt: skip
    assert speakers(result)[1:] == ["ada", "bob", "eve", "ada"]
    ruled_out = {ada: [ada, eve], bob: [bob, ada], eve: [eve, bob]}
    result = hold(
        agents, ScriptedModel(["ada"]), allowed_or_disallowed_speaker_transitions=ruled_out,
        speaker_transitions_type="disallowed", max_round=5,
    )  # fmt: skip
    assert speakers(result)[1:] == ["ada", "bob", "eve", "ada"]


def test_where_nobody_may_follow_the_chat_ends_and_says_so():
    ada, bob = agents = bots("ada", "bob")
    result = hold(
        agents, ScriptedModel(["ada"]), allowed_or_disallowed_speaker_transitions={ada: [bob]},
        speaker_transitions_type="allowed", max_round=9,
    )  # fmt: skip
    assert speakers(result) == ["user", "ada", "bob"]
    assert result.stop_reason.kind == "no_speaker"
    assert "bob" in result.stop_reason.detail


def test_declarations_that_contradict_each_other_are_refused():
    ada, bob = agents = bots("ada", "bob")
    (eve,) = bots("eve")
    for declared, cure in [
        ({"allowed_or_disallowed_speaker_transitions": {ada: [bob]}}, "speaker_transitions_type"),
        ({"speaker_transitions_type": "allowed"}, "needs allowed_or_disallowed"),
        (
            {
                "allowed_or_disallowed_speaker_transitions": {ada: [bob]},
                "speaker_transitions_type": "allowed",
                "allow_repeat_speaker": True,
            },
            "allow_repeat_speaker",
        ),
        ({"allowed_or_disallowed_speaker_transitions": {ada: [eve]}, "speaker_transitions_type": "allowed"}, "eve"),
        ({"allowed_or_disallowed_speaker_transitions": {ada: []}, "speaker_transitions_type": "allowed"}, "nobody"),
    ]:
        with pytest.raises(ConfigError, match=cure):
            GroupChat(agents, **declared)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("ada", ["ada"]),
        ("'ada'.", ["ada"]),
        ("I choose ADA", ["ada"]),
        ("code_writer", ["code_writer"]),
        ("the code writer", ["code_writer"]),
        ("code\\_writer", ["code_writer"]),
        ("ada and code_writer", ["ada", "code_writer"]),
        ("adamant", []),
        ("", []),
    ],
)
def test_names_are_found_as_people_write_them(answer, found):
    assert mentioned(answer, ["ada", "code_writer", "code"]) == found


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True), min_size=1, unique=True))
def test_a_name_alone_is_always_found_and_found_alone(names):
    assert all(mentioned(name, names) == [name] for name in names)


def test_names_that_differ_in_case_alone_are_told_apart():
    assert mentioned("I think ada is next.", ["Ada", "ada"]) == ["ada"]
    assert mentioned("I think ADA is next.", ["ada", "bob"]) == ["ada"]
