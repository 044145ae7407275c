"""Chats that wait for a person, and go on when they have answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autogen_like import (
    ApprovalRequested,
    AssistantAgent,
    ConfigError,
    ConversableAgent,
    ConversationError,
    FunctionTool,
    GroupChat,
    GroupChatManager,
    HumanRequested,
    Limits,
    MaxMessages,
    ModelResponse,
    NeedsApproval,
    ScriptedModel,
    ToolCall,
    UserProxyAgent,
    initiate_chats,
)


def wants(*arguments: int) -> ModelResponse:
    return ModelResponse(
        tool_calls=tuple(ToolCall(f"c{amount}", "pay", json.dumps({"amount": amount})) for amount in arguments)
    )


class Till:
    def __init__(self) -> None:
        self.paid: list[int] = []

    def pay(self, amount: int) -> str:
        "Pays."
        self.paid.append(amount)
        return f"paid {amount}"


@pytest.fixture
def till() -> Till:
    return Till()


def payer(till: Till, *replies: Any, name: str = "ada", **more: Any) -> AssistantAgent:
    model = ScriptedModel(replies)
    return AssistantAgent(name, llm_config=model, tools=[FunctionTool(till.pay, approval=True)], **more)


def asker(**more: Any) -> UserProxyAgent:
    return UserProxyAgent("user", human_input_mode="NEVER", **more)


async def test_a_chat_pauses_for_an_approval_and_goes_on_with_it(till: Till):
    ada = payer(till, wants(5), "Done.")
    result = await ada.run(message="Pay 5.", human="pause")
    assert result.stop_reason.kind == "paused"
    assert result.paused is not None
    (request,) = result.paused.requests
    assert isinstance(request, ApprovalRequested)
    assert not till.paid

    result = await result.paused.run({request.id: True})
    assert (result.summary, till.paid, result.stop_reason.kind, result.paused) == ("Done.", [5], "answered", None)
    assert [message.speaker for message in result.messages] == ["user", "ada", "ada", "ada"]


async def test_the_model_hears_why_a_person_said_no(till: Till):
    ada = payer(till, wants(5), lambda request: f"I see: {request.messages[-1]['content']}")
    result = await ada.run(message="Pay 5.", human="pause")
    assert result.paused is not None
    result = await result.paused.run({result.paused.requests[0].id: "no, we are broke"})
    assert result.summary == "I see: Error: not run, since a person denied it: we are broke"
    assert not till.paid


async def test_what_is_not_answered_is_asked_again_and_what_is_answered_is_not(till: Till):
    ada = payer(till, wants(1, 2), "Done.")
    result = await ada.run(message="Pay.", human="pause")
    assert result.paused is not None
    first, second = result.paused.requests
    result = await result.paused.run({second.id: True})
    assert result.paused is not None
    assert result.paused.requests == (first,)
    assert not till.paid
    result = await result.paused.run({first.id: True})
    assert sorted(till.paid) == [1, 2]


def test_the_sync_face_pauses_where_there_is_no_terminal_and_resumes(till: Till, monkeypatch: pytest.MonkeyPatch):
    def no_terminal(prompt: str = "") -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", no_terminal)
    ada = payer(till, wants(5), "Done. TERMINATE")
    result = asker().initiate_chat(ada, message="Pay 5.", silent=True)
    assert result.paused is not None
    result = result.paused.resume({result.paused.requests[0].id: "yes"})
    assert (till.paid, result.stop_reason.kind) == ([5], "termination_message")
    assert [message.speaker for message in result.messages] == ["user", "ada", "ada", "ada"]


async def test_it_can_be_resumed_asynchronously_and_only_once(till: Till):
    ada = payer(till, wants(5), "Done. TERMINATE")
    result = await asker().a_initiate_chat(ada, message="Pay 5.", silent=True, human="pause")
    paused = result.paused
    assert paused is not None
    answers = {paused.requests[0].id: True}
    late = paused.run(answers)
    await paused.a_resume(answers)
    for again in (lambda: paused.run(answers), paused.snapshot):
        with pytest.raises(ConfigError, match="gone on since"):
            again()
    with pytest.raises(ConfigError, match="gone on since"):
        await late
    assert till.paid == [5]


async def test_an_answer_to_something_that_was_not_asked_is_refused(till: Till):
    result = await payer(till, wants(5)).run(message="Pay 5.", human="pause")
    assert result.paused is not None
    with pytest.raises(ConfigError, match="no request 'zzz' waits"):
        result.paused.run({"zzz": True})
    assert "May ada run pay" in repr(result.paused)


async def test_its_state_is_json_and_says_what_it_waits_for(till: Till):
    result = await payer(till, wants(5)).run(message="Pay 5.", human="pause")
    assert result.paused is not None
    state = json.loads(json.dumps(result.paused.snapshot()))
    assert state["paused"]["speaker"] == "ada"
    assert state["paused"]["requests"][0]["call"] == {"id": "c5", "name": "pay", "arguments": '{"amount": 5}'}
    assert [message["speaker"] for message in state["messages"]] == ["user", "ada"]


async def test_events_tell_of_the_request_once_and_of_the_end(till: Till):
    run = payer(till, wants(5), "Done.").run(message="Pay 5.", human="pause")
    kinds = [type(event).__name__ async for event in run]
    assert kinds.count("ApprovalRequested") == 1
    assert kinds[-1] == "ConversationEnded"


async def test_budgets_and_stop_conditions_hold_across_the_pause(till: Till):
    ada = payer(till, wants(1), wants(2), wants(3), "Done.")
    run = ada.run(message="Pay.", human="pause", limits=Limits(requests=2), stop=MaxMessages(4))
    result = await run
    assert result.paused is not None
    result = await result.paused.run({result.paused.requests[0].id: True})  # 2 + 2 messages: the condition's end
    assert result.stop_reason.kind == "condition"
    ada = payer(till, wants(1), wants(2), wants(3), "Done.")
    result = await ada.run(message="Pay.", human="pause", limits=Limits(requests=2))
    while result.paused is not None:
        result = await result.paused.run({request.id: True for request in result.paused.requests})
    assert result.stop_reason.kind == "budget"
    assert result.usage_by_agent["ada"].total.requests == 2


async def test_a_new_message_instead_of_an_answer_leaves_the_calls_unrun(till: Till):
    ada = payer(till, wants(5), "All right.")
    result = await ada.run(message="Pay 5.", human="pause")
    paused = result.paused
    result = await ada.run(message="Forget it.", human="pause", clear_history=False)
    assert (result.summary, till.paid) == ("All right.", [])
    assert result.messages[2].tool_results[0].content == "Not run: the conversation went on without it."
    assert paused is not None


async def test_a_person_who_takes_part_can_answer_later_too():
    carol = ConversableAgent("carol", human_input_mode="ALWAYS", llm_config=False)
    result = await asker().run(carol, message="What do you think?", human="pause", max_turns=1)
    assert result.paused is not None
    (request,) = result.paused.requests
    assert type(request) is HumanRequested
    result = await result.paused.run({request.id: "Fine with me."})
    assert (result.summary, result.human_input) == ("Fine with me.", ["Fine with me."])


async def test_a_human_mode_and_an_approval_in_one_turn_ask_each_thing_once(till: Till):
    carol = ConversableAgent(
        "carol", human_input_mode="ALWAYS", llm_config=False, tools=[FunctionTool(till.pay, approval=True)]
    )
    ada = AssistantAgent("ada", llm_config=ScriptedModel([wants(5), "Thanks. TERMINATE"]))
    result = await carol.run(ada, message="Go on", human="pause")
    prompts: list[str] = []
    for answer in ("", True, "exit"):
        assert result.paused is not None
        (request,) = result.paused.requests
        prompts.append(request.prompt)
        result = await result.paused.run({request.id: answer})
    assert till.paid == [5]
    assert ["May carol run" in prompt for prompt in prompts] == [False, True, False]


@pytest.mark.parametrize("method", ["round_robin", "auto"])
async def test_a_group_goes_on_with_the_speaker_whose_turn_it_was(till: Till, method: str):
    ada = payer(till, wants(5), "Paid. TERMINATE")
    bob = AssistantAgent("bob", llm_config=ScriptedModel(["Nothing from me."]))
    selector = ScriptedModel(["ada"])
    group = GroupChat([bob, ada], speaker_selection_method=method, max_round=6)  # type: ignore[arg-type]
    manager = GroupChatManager(group, llm_config=selector)
    result = await bob.run(manager, message="Pay 5.", human="pause")
    assert result.paused is not None
    asked = selector.calls
    result = await result.paused.run({result.paused.requests[0].id: True})
    assert till.paid == [5]
    assert [message.speaker for message in result.messages] == ["bob", "ada", "ada", "ada"]
    assert selector.calls == asked


async def test_a_pause_counts_as_one_turn_for_max_turns(till: Till):
    user = asker(tools=[FunctionTool(till.pay, approval=True)])
    ada = AssistantAgent("ada", llm_config=ScriptedModel([wants(5), "Done."]))
    result = await user.run(ada, message="Pay 5.", human="pause", max_turns=2)
    assert result.paused is not None
    result = await result.paused.run({result.paused.requests[0].id: True})
    assert (result.summary, result.stop_reason.kind) == ("Done.", "max_turns")


async def test_a_nested_chat_is_denied_and_its_model_told(till: Till):
    ada = payer(till, wants(5), lambda request: f"It said: {request.messages[-1]['content']}")
    front = ConversableAgent("front", human_input_mode="NEVER")
    front.register_nested_chats([{"recipient": ada, "max_turns": 1, "silent": True}], trigger="user")
    result = await asker().run(front, message="Pay 5.", human="pause", max_turns=1)
    assert "nobody is at hand" in result.summary
    assert not till.paid


async def test_a_person_in_a_nested_chat_cannot_be_waited_for_and_the_error_says_what_to_do():
    carol = ConversableAgent("carol", human_input_mode="ALWAYS", llm_config=False)
    front = ConversableAgent("front", human_input_mode="NEVER")
    front.register_nested_chats([{"recipient": carol, "max_turns": 1, "silent": True}], trigger="user")
    with pytest.raises(ConversationError, match='human="events"'):
        await asker().run(front, message="Hi", human="pause", max_turns=1)


async def test_choosing_a_speaker_by_hand_cannot_pause_and_the_error_says_what_to_do():
    members = [ConversableAgent(name, human_input_mode="NEVER") for name in ("ada", "bob", "carol")]
    manager = GroupChatManager(GroupChat(members, speaker_selection_method="manual"), llm_config=ScriptedModel([]))
    with pytest.raises(ConversationError, match='human="events"'):
        await members[0].run(manager, message="Hi", human="pause")


def test_a_chat_that_has_nothing_to_begin_with_cannot_pause():
    with pytest.raises(ConfigError, match="give it a message"):
        asker().run(ConversableAgent("ada"), human="pause")


def test_a_queue_ends_with_the_chat_that_pauses(till: Till):
    ada, bob = payer(till, wants(5), "Done."), AssistantAgent("bob", llm_config=ScriptedModel(["Hello"]))
    user = asker()
    results = initiate_chats(
        [
            {"sender": user, "recipient": ada, "message": "Pay.", "human": "pause", "silent": True},
            {"sender": user, "recipient": bob, "message": "Hi", "max_turns": 1, "silent": True},
        ]
    )
    assert len(results) == 1
    assert results[0].paused is not None


async def test_a_graph_of_chats_holds_back_those_that_build_on_one_that_pauses(till: Till):
    user = asker()
    bob = AssistantAgent("bob", llm_config=ScriptedModel(["Hello"]))
    carol = AssistantAgent("carol", llm_config=ScriptedModel(["Hello"]))
    done = await user.a_initiate_chats(
        [
            {"chat_id": 1, "recipient": payer(till, wants(5)), "message": "Pay.", "human": "pause", "silent": True},
            {"chat_id": 2, "recipient": bob, "message": "Hi", "prerequisites": [1], "silent": True},
            {"chat_id": 3, "recipient": carol, "message": "Hi", "max_turns": 1, "silent": True},
            {
                "chat_id": 4,
                "recipient": bob,
                "message": "Hi",
                "prerequisites": [2],
                "silent": True,
                "clear_history": False,
            },
        ]
    )
    assert list(done) == [1, 3]


async def test_an_agents_policy_asks_for_some_of_its_tools(till: Till):
    policy = NeedsApproval("pay", when=lambda arguments: arguments["amount"] > 10)
    model = ScriptedModel([wants(5), wants(50), "Done."])
    ada = AssistantAgent("ada", llm_config=model, tools=[till.pay], tool_approval=policy)
    result = await ada.run(message="Pay.", human="pause")
    assert till.paid == [5]
    assert result.paused is not None
    await result.paused.run({result.paused.requests[0].id: "no"})
    assert till.paid == [5]
