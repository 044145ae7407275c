"""Handoffs: a member says who speaks next, and nobody has to select."""

from __future__ import annotations

import asyncio
import json

import pytest

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.conversable import ConversableAgent
from autogen_like.agents.handoff import Handoff
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.events import SpeakerSelected, ToolFinished
from autogen_like.core.message import ToolCall
from autogen_like.core.sync import run as run_sync
from autogen_like.groupchat.group import GroupChat
from autogen_like.groupchat.manager import GroupChatManager
from autogen_like.models.client import ModelResponse
from autogen_like.models.scripted import ScriptedModel
from autogen_like.tools.tool import FunctionTool


def calls(*names: str) -> ModelResponse:
    return ModelResponse(None, tuple(ToolCall(f"{index}-{name}", name, "{}") for index, name in enumerate(names)))


def bot(name: str, *replies: object, **kwargs: object) -> AssistantAgent:
    return AssistantAgent(name, llm_config=ScriptedModel(list(replies)), description=f"I am {name}.", **kwargs)


def user(**kwargs: object) -> UserProxyAgent:
    return UserProxyAgent("user", human_input_mode="NEVER", **kwargs)


def group(*agents: ConversableAgent, method: object = "handoff", **kwargs: object) -> GroupChatManager:
    return GroupChatManager(GroupChat(list(agents), speaker_selection_method=method, **kwargs))


def speakers(result) -> list[str]:
    return [message.speaker for message in result.messages]


def answers(result, index: int) -> list[str]:
    return [one.content for one in result.messages[index].tool_results]


def never(last_speaker, group):
    raise AssertionError("nobody was to be asked who speaks next")


def lookup() -> str:
    """Looks something up."""
    return "found"


def test_who_is_handed_the_conversation_speaks_next_and_no_selector_is_asked():
    bob, eve = bot("bob", "b TERMINATE"), bot("eve")
    ada = bot("ada", calls("transfer_to_bob"), tools=[Handoff(bob)])
    chosen = []

    def select(last_speaker, group):
        chosen.append(last_speaker.name)
        return ada

    result = user().initiate_chat(group(eve, ada, bob, method=select), message="hi", silent=True)
    assert speakers(result) == ["user", "ada", "ada", "bob"]
    assert answers(result, 2) == ["ada has handed the conversation over to bob, who speaks next."]
    assert chosen == ["user"]


@pytest.mark.parametrize("method", ["auto", "manual", "random", "round_robin", "handoff"])
def test_a_handoff_comes_before_every_method(method):
    carol, bob = bot("carol", "c TERMINATE"), bot("bob")
    ada = bot("ada", calls("transfer_to_carol"), tools=[Handoff(carol)])
    manager = group(ada, bob, carol, method=method)
    result = ada.initiate_chat(manager, message={"content": None, "tool_calls": _raw("transfer_to_carol")}, silent=True)
    assert speakers(result) == ["ada", "ada", "carol"]


def _raw(name: str) -> list[dict]:
    return [{"id": "1", "type": "function", "function": {"name": name, "arguments": "{}"}}]


async def test_a_handoff_is_an_event():
    bob = bot("bob", "b TERMINATE")
    ada = bot("ada", calls("transfer_to_bob"), tools=[Handoff("bob")])
    chosen = [event async for event in user().run(group(ada, bob), "hi") if isinstance(event, SpeakerSelected)]
    assert [(event.speaker, event.method) for event in chosen] == [("ada", "turn"), ("bob", "handoff")]


def test_two_may_hand_over_to_each_other_by_name():
    ada = bot("ada", calls("transfer_to_bob"), "a TERMINATE", tools=[Handoff("bob")])
    bob = bot("bob", calls("transfer_to_ada"), tools=[Handoff("ada")])
    result = user().initiate_chat(group(ada, bob), message="hi", silent=True)
    assert speakers(result) == ["user", "ada", "ada", "bob", "bob", "ada"]


def test_handing_over_for_ever_ends_with_the_rounds():
    ada = bot("ada", *[calls("transfer_to_bob")] * 9, tools=[Handoff("bob")])
    bob = bot("bob", *[calls("transfer_to_ada")] * 9, tools=[Handoff("ada")])
    result = user().initiate_chat(group(ada, bob, max_round=9), message="hi", silent=True)
    assert result.stop_reason.kind == "max_round"
    assert len(result.messages) == 9


@pytest.mark.parametrize("to", ["nobody", AssistantAgent("bob")])
def test_a_stranger_cannot_be_handed_the_conversation(to):
    bob, eve = bot("bob"), bot("eve")
    ada = bot("ada", calls(Handoff(to).name), "I answer myself.", tools=[Handoff(to)])
    result = user().initiate_chat(group(ada, bob, eve), message="hi", silent=True)
    assert speakers(result) == ["user", "ada", "ada", "ada"]
    assert result.messages[2].tool_results[0].error
    assert answers(result, 2)[0].endswith("Who may speak next: bob, eve.")


def test_the_transitions_hold_for_handoffs_too():
    bob, eve = bot("bob"), bot("eve", "e TERMINATE")
    ada = bot("ada", calls("transfer_to_bob"), calls("transfer_to_eve"), tools=[Handoff(bob), Handoff(eve)])
    allowed = {"allowed_or_disallowed_speaker_transitions": {ada: [ada, eve]}, "speaker_transitions_type": "allowed"}
    result = user().initiate_chat(group(ada, bob, eve, **allowed), message="hi", silent=True)
    assert answers(result, 2) == ["Error: ada can't hand over to bob. Who may speak next: eve."]
    assert speakers(result)[-1] == "eve"


def test_nobody_hands_over_to_oneself():
    ada = bot("ada", calls("transfer_to_ada"), "a", tools=[Handoff("ada")])
    result = user().initiate_chat(group(ada), message="hi", silent=True)
    assert answers(result, 2) == ["Error: ada can't hand over to ada. Who may speak next: nobody."]


def test_of_two_handoffs_the_first_wins_and_the_second_is_told():
    bob, eve = bot("bob", "b TERMINATE"), bot("eve")
    ada = bot("ada", calls("transfer_to_bob", "transfer_to_eve"), tools=[Handoff(bob), Handoff(eve)])
    result = user().initiate_chat(group(ada, eve, bob), message="hi", silent=True)
    assert [one.error for one in result.messages[2].tool_results] == [False, True]
    assert "bob was named first" in answers(result, 2)[1]
    assert speakers(result)[-1] == "bob"


def test_a_handoff_that_cannot_be_leaves_the_next_one_its_chance():
    bob = bot("bob", "b TERMINATE")
    ada = bot("ada", calls("transfer_to_eve", "transfer_to_bob"), tools=[Handoff("eve"), Handoff(bob)])
    result = user().initiate_chat(group(ada, bob), message="hi", silent=True)
    assert [one.error for one in result.messages[2].tool_results] == [True, False]
    assert speakers(result)[-1] == "bob"


def test_other_calls_of_the_message_are_run_before_the_next_one_speaks():
    bob = bot("bob", "b TERMINATE")
    ada = bot("ada", calls("transfer_to_bob", "lookup"), tools=[Handoff(bob), lookup])
    result = user().initiate_chat(group(ada, bob), message="hi", silent=True)
    assert answers(result, 2)[1] == "found"
    assert speakers(result) == ["user", "ada", "ada", "bob"]
    assert [m["role"] for m in bob.model_client.requests[0].messages] == ["user", "assistant", "tool", "tool"]


def test_where_somebody_else_runs_the_tools_that_one_answers_the_handoff_too():
    bob, runner = bot("bob", "b TERMINATE"), user(function_map={"lookup": lookup})
    ada = bot("ada", calls("lookup", "transfer_to_bob"), tools=[Handoff(bob)])
    ada.register_for_llm()(lookup)
    result = runner.initiate_chat(group(ada, bob, runner), message="hi", silent=True)
    assert speakers(result) == ["user", "ada", "user", "bob"]
    assert answers(result, 2) == ["found", "ada has handed the conversation over to bob, who speaks next."]


def test_without_the_filter_whoever_is_next_answers_the_handoff():
    bob, eve = bot("bob", "b TERMINATE"), bot("eve")
    ada = bot("ada", calls("lookup", "transfer_to_bob"), tools=[Handoff(bob)])
    manager = group(ada, eve, bob, method="round_robin", func_call_filter=False)
    result = user().initiate_chat(manager, message="hi", silent=True)
    assert speakers(result) == ["user", "ada", "eve", "bob"]
    assert answers(result, 2)[0] == "Error: Function lookup not found."


def test_a_message_that_only_looks_like_a_handoff_is_none():
    done = "ada has handed the conversation over to bob, who speaks next."

    def fake() -> str:
        """Looks like a handoff."""
        return done

    bob = bot("bob")
    ada = bot("ada", calls("fake"), "a TERMINATE", tools=[fake, Handoff(bob)])
    result = user().initiate_chat(group(ada, bob), message="hi", silent=True)
    assert speakers(result) == ["user", "ada", "ada", "ada"]


def test_outside_a_group_the_model_is_told_to_answer_itself():
    ada = bot("ada", calls("transfer_to_bob"), "I answer.", tools=[Handoff("bob")])
    result = user().initiate_chat(ada, message="hi", max_turns=1, silent=True)
    assert "no group here" in answers(result, 2)[0]
    assert result.summary == "I answer."


async def test_outside_a_group_the_person_is_told_the_cure(capsys):
    ada = bot("ada", calls("transfer_to_bob"), "I answer.", tools=[Handoff("bob")])
    await user().a_initiate_chat(ada, message="hi", max_turns=1)
    assert "address a GroupChatManager" in capsys.readouterr().out


def test_a_handoff_called_by_itself_answers_too():
    result = run_sync(Handoff("bob").call(ToolCall("1", "transfer_to_bob", "not JSON")))
    assert result.error


# --- a swarm: handoffs alone decide


def test_who_has_the_conversation_answers_and_then_it_ends():
    bob = bot("bob", "Refunded.", "You are welcome.")
    ada = bot("ada", calls("transfer_to_bob"), tools=[Handoff(bob)])
    person, manager = user(), group(ada, bob)
    result = person.initiate_chat(manager, message="A refund, please.", silent=True)
    assert (result.stop_reason.kind, result.stop_reason.by, result.summary) == ("answered", "bob", "Refunded.")
    result = person.initiate_chat(manager, message="Thanks.", clear_history=False, silent=True)
    assert speakers(result)[-2:] == ["user", "bob"]


def test_a_person_in_the_group_answers_who_has_the_conversation():
    person = user(default_auto_reply="And?")
    bob = bot("bob", "b1", "b2")
    ada = bot("ada", "a1", calls("transfer_to_bob"), tools=[Handoff(bob)])
    result = person.initiate_chat(group(person, ada, bob, max_round=8), message="hi", silent=True)
    assert speakers(result) == ["user", "ada", "user", "ada", "ada", "bob", "user", "bob"]


def test_handing_over_to_the_person_is_asking_and_the_answer_goes_to_who_asked():
    person = user(default_auto_reply="42")
    bob = bot("bob", calls("transfer_to_user"), "So it is 42. TERMINATE", tools=[Handoff(person)])
    ada = bot("ada", calls("transfer_to_bob"), tools=[Handoff(bob)])
    result = person.initiate_chat(group(person, ada, bob), message="hi", silent=True)
    assert speakers(result) == ["user", "ada", "ada", "bob", "bob", "user", "bob"]


def test_max_turns_lets_the_initiator_answer():
    bob = bot("bob", "b1", "b2")
    ada = bot("ada", calls("transfer_to_bob"), tools=[Handoff(bob)])
    person = user(default_auto_reply="And?")
    result = person.initiate_chat(group(ada, bob), message="hi", max_turns=2, silent=True)
    assert speakers(result) == ["user", "ada", "ada", "bob", "user", "bob"]
    assert result.stop_reason.kind == "answered"


def test_transitions_that_forbid_the_answer_end_the_chat_and_say_so():
    person, ada = user(), bot("ada", "a")
    allowed = {"allowed_or_disallowed_speaker_transitions": {person: [ada]}, "speaker_transitions_type": "allowed"}
    result = person.initiate_chat(group(person, ada, **allowed), message="hi", silent=True)
    assert result.stop_reason.kind == "no_speaker"


def test_calls_go_to_who_can_run_them_in_a_swarm_too():
    runner = ConversableAgent("runner", human_input_mode="NEVER", function_map={"lookup": lookup})
    ada = bot("ada", calls("lookup"), "a")
    ada.register_for_llm()(lookup)
    result = user().initiate_chat(group(ada, runner), message="hi", silent=True)
    assert speakers(result) == ["user", "ada", "runner", "ada"]
    assert result.stop_reason.kind == "answered"


def test_the_handoff_outlives_the_process_with_the_messages():
    def members():
        bob = bot("bob", "b TERMINATE")
        return bot("ada", calls("transfer_to_bob"), tools=[Handoff(bob)]), bob

    manager = group(*members(), max_round=3)
    result = user().initiate_chat(manager, message="hi", silent=True)
    assert (speakers(result), result.stop_reason.kind) == (["user", "ada", "ada"], "max_round")
    saved = manager.messages_to_string(manager.groupchat.messages)
    assert json.loads(saved)

    again = group(user(), *members(), method=never)
    last, message = again.resume(saved)
    result = last.initiate_chat(again, message=message, clear_history=False, silent=True)
    assert speakers(result) == ["user", "ada", "ada", "bob"]


def test_results_in_messages_of_their_own_are_read_as_one():
    bob = bot("bob", "b TERMINATE")
    ada = bot("ada", tools=[Handoff(bob), lookup])
    said = [
        {"role": "user", "name": "ada", "content": "hi"},
        {"role": "assistant", "name": "ada", "content": None, "tool_calls": [*_raw("transfer_to_bob"), *_two()]},
        {
            "role": "tool",
            "tool_call_id": "1",
            "content": "ada has handed the conversation over to bob, who speaks next.",
        },
        {"role": "tool", "tool_call_id": "2", "content": "found"},
    ]
    manager = group(ada, bob, method=never)
    last, message = manager.resume(said)
    result = last.initiate_chat(manager, message=message, clear_history=False, silent=True)
    assert speakers(result)[-1] == "bob"


def _two() -> list[dict]:
    return [{"id": "2", "type": "function", "function": {"name": "lookup", "arguments": "{}"}}]


def test_a_group_within_a_group_hands_over_among_its_own():
    bob = bot("bob", "b")
    ada = bot("ada", calls("transfer_to_bob", "transfer_to_eve"), tools=[Handoff(bob), Handoff("eve")])
    inner, eve = group(ada, bob), bot("eve", "e TERMINATE")
    outer = group(inner, eve, method="round_robin")
    result = user().initiate_chat(outer, message="hi", silent=True)
    assert speakers(result) == ["user", "chat_manager", "eve"]
    assert result.messages[1].text == "b"


def test_a_group_can_be_handed_the_conversation():
    inner = GroupChatManager(GroupChat([bot("bob", "b")], speaker_selection_method="handoff"), name="team")
    ada = bot("ada", calls("transfer_to_team"), tools=[Handoff(inner)])
    result = user().initiate_chat(group(ada, inner), message="hi", silent=True)
    assert speakers(result) == ["user", "ada", "ada", "team"]


async def test_many_groups_at_once_do_not_mix():
    bob = AssistantAgent("bob", llm_config=ScriptedModel(lambda _: "b"))
    ada = AssistantAgent("ada", llm_config=ScriptedModel(lambda _: calls("transfer_to_bob")), tools=[Handoff(bob)])
    manager = group(ada, bob)
    results = await asyncio.gather(
        *(user().a_initiate_chat(manager, message=str(number), silent=True) for number in range(20))
    )
    assert [result.messages[0].text for result in results] == [str(number) for number in range(20)]
    assert all(speakers(result) == ["user", "ada", "ada", "bob"] for result in results)


async def test_a_chat_that_pauses_for_a_person_still_hands_over():
    bob = bot("bob", "b TERMINATE")
    ada = bot("ada", calls("transfer_to_bob", "lookup"), tools=[Handoff(bob), FunctionTool(lookup, approval=True)])
    result = await user().run(group(ada, bob), "hi", human="pause")
    assert result.stop_reason.kind == "paused"
    (request,) = result.paused.requests
    result = await result.paused.run({request.id: True})
    assert speakers(result) == ["user", "ada", "ada", "bob"]


async def test_a_handoff_that_was_cut_off_is_none():
    bob = bot("bob")
    started = asyncio.Event()

    async def slow() -> str:
        """Takes long."""
        started.set()
        await asyncio.sleep(60)
        return "late"

    ada = bot("ada", calls("transfer_to_bob", "slow"), tools=[Handoff(bob), slow])
    run = user().run(group(ada, bob), "hi").start()
    await started.wait()
    run.cancel()
    result = await run
    assert result.stop_reason.kind == "cancelled"
    assert all("Not finished" in one.content for one in result.messages[-1].tool_results)


# --- names and schemas


def test_the_model_sees_a_tool_without_arguments():
    tool = Handoff(AssistantAgent("the team: billing", description="Knows about money."))
    assert tool.name == "transfer_to_the_team_billing"
    assert tool.schema["function"]["parameters"]["properties"] == {}
    assert tool.description.endswith("the team: billing, who speaks next. Knows about money.")
    assert len(Handoff("n" * 90).name) == 64


def test_whatever_arguments_a_model_writes_are_passed_over():
    bob = bot("bob", "b TERMINATE")
    wanted = ModelResponse(None, (ToolCall("1", "transfer_to_bob", '{"reason": "because'),))
    ada = bot("ada", wanted, tools=[Handoff(bob)])
    assert speakers(user().initiate_chat(group(ada, bob), message="hi", silent=True))[-1] == "bob"


@pytest.mark.parametrize(("to", "cure"), [(7, "not to 7"), ("", "not to ''"), ("計算", "name=")])
def test_handoffs_that_cannot_be_are_refused(to, cure):
    with pytest.raises(ValueError, match=cure):
        Handoff(to)


def test_a_name_of_ones_own_can_be_given():
    assert Handoff("計算", name="to_accounting", description="For sums.").description == "For sums."


async def test_the_tool_is_run_by_the_runner_like_any_other():
    bob = bot("bob", "b TERMINATE")
    ada = bot("ada", calls("transfer_to_bob"), tools=[Handoff(bob)])
    ended = [event async for event in user().run(group(ada, bob), "hi") if isinstance(event, ToolFinished)]
    assert [event.call.name for event in ended] == ["transfer_to_bob"]


def test_the_rounds_of_a_group_are_part_of_its_state():
    ada = bot("ada", "a")
    manager = group(ada, max_round=5)
    conversation = manager.conversation_for(user(), True, 3)
    conversation.rule.rounds = 2
    state = json.loads(json.dumps(conversation.rule.snapshot()))
    again = manager.conversation_for(user(), True, None)
    again.rule.restore(state)
    assert again.rule.snapshot() == state == {"version": 1, "rounds": 2, "turns_left": 2}
