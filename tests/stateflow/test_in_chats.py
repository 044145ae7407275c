"""A flow in other people's chats: as an agent, and as what selects the speakers of a group."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_like import (
    AssistantAgent,
    ChatResult,
    ConfigError,
    ConversableAgent,
    ConversationError,
    FunctionTool,
    GroupChat,
    GroupChatManager,
    Limits,
    ModelResponse,
    Notice,
    ScriptedModel,
    ToolCall,
    Usage,
    UserProxyAgent,
)
from autogen_like.stateflow import StateEntered, StateFlow, TransitionTaken, ask, choose, failed, run, says, succeeded


def user() -> UserProxyAgent:
    return UserProxyAgent("user", human_input_mode="NEVER")


def talker(name: str, *replies: Any, **more: Any) -> AssistantAgent:
    return AssistantAgent(name, llm_config=ScriptedModel(list(replies), usage=Usage(10, 1)), **more)


def speakers(result: Any) -> list[str]:
    return [message.speaker for message in result.messages]


def solver(*replies: Any, **more: Any) -> StateFlow:
    made = StateFlow("solver", initial="solve", final={"end"}, model=ScriptedModel(list(replies)), **more)
    made.state("solve", ask("Solve it.")).state("verify", ask("Right?"))
    made.transition("solve", "verify").transition("verify", "end", when=says("yes"))
    return made.transition("verify", "solve")


# --- as an agent


def test_as_an_agent_it_answers_with_its_last_word():
    made = solver("3", "no", "4", "Yes: 4.")
    result = user().initiate_chat(made.as_agent("mathematician"), message="2 + 2?", max_turns=1, silent=True)
    assert speakers(result) == ["user", "mathematician"]
    assert result.summary == "Yes: 4."


def test_as_an_agent_it_knows_what_was_said_before():
    model = ScriptedModel(["4", "yes", "5", "yes"])
    made = solver()
    made.client = model
    agent = made.as_agent("m", "Counts.")
    user().initiate_chat(agent, message="2 + 2?", max_turns=2, silent=True)
    assert [one["content"] for one in model.requests[2].messages] == ["2 + 2?", "yes", "", "Solve it."]
    assert [one["role"] for one in model.requests[2].messages] == ["user", "assistant", "user", "user"]
    assert agent.description == "Counts."


async def test_as_an_agent_in_a_group_its_events_usage_and_budgets_are_part_of_the_run():
    made = solver("4", "yes")
    members = [talker("ada", "What is 2 + 2?"), made.as_agent("m"), talker("bob", "Thanks.")]
    group = GroupChat(members, speaker_selection_method="round_robin", max_round=4)
    going = members[0].run(GroupChatManager(group), "2 + 2?")
    events = [event async for event in going]
    result = await going
    assert speakers(result) == ["ada", "m", "bob", "ada"]
    assert sum(isinstance(event, StateEntered) for event in events) == 3
    assert "solver" in result.usage_by_agent
    stopped = await user().run(solver(*["no"] * 20).as_agent("m"), "2 + 2?", limits=Limits(requests=5))
    assert stopped.usage_by_agent["solver"].total.requests == 5
    assert stopped.stop_reason.kind == "budget"


async def test_as_an_agent_it_tells_where_it_did_not_finish():
    made = solver(*["no"] * 20, max_transitions=3)
    going = user().run(made.as_agent("m"), "2 + 2?", max_turns=1)
    notices = [event.text async for event in going if isinstance(event, Notice) and event.kind == "warning"]
    assert notices == ["the flow ended in 'verify': max_turns: max_transitions=3"]


async def test_as_an_agent_it_has_nothing_to_answer_in_an_empty_chat():
    with pytest.raises(ConfigError, match="was asked to reply to nothing"):
        await solver().as_agent("m").a_generate_reply([], user())


def test_as_an_agent_it_can_be_a_tool_of_another():
    wants = ModelResponse(tool_calls=(ToolCall("1", "m", '{"message": "2 + 2?"}'),))
    boss = talker("boss", wants, "It is 4.", tools=[solver("4", "Yes: 4.").as_agent("m").as_tool()])
    result = user().initiate_chat(boss, message="2 + 2?", max_turns=1, silent=True)
    assert result.messages[2].tool_results[0].content == "Yes: 4."


# --- as what selects the speakers


def team(coder: Any, runner: Any, critic: Any, chooser: Any = None) -> StateFlow:
    made = StateFlow("team", initial="code", final={"end"})
    made.state("code", ask(coder)).state("run", ask(runner)).state("judge", ask(critic))
    made.transition("code", "run").transition("run", "code", when=failed).transition("run", "judge")
    if chooser is not None:
        return made.transition("judge", choose(chooser, ["code", "run", "end"]))
    return made.transition("judge", "end", when=says("good")).transition("judge", "code")


def group_of(made: Any, *members: Any, **more: Any) -> GroupChatManager:
    return GroupChatManager(GroupChat(list(members), speaker_selection_method=made, **more))


async def test_in_a_group_each_state_names_who_speaks():
    coder, critic = talker("coder", "bad", "better", "best"), talker("critic", "hm", "good")
    said = iter(["exitcode: 1 (execution failed)\nCode output: x", "exitcode: 0 (execution succeeded)\nx", "fine"])
    runner = ConversableAgent("runner", human_input_mode="NEVER", llm_config=ScriptedModel(lambda _: next(said)))
    made = team(coder, runner, critic)
    going = user().run(group_of(made, coder, runner, critic, max_round=None), "Write it.")
    events = [event async for event in going]
    result = await going
    assert speakers(result)[1:] == [
        "coder", "runner", "coder", "runner", "critic", "coder", "runner", "critic"
    ]  # fmt: skip
    assert result.stop_reason.kind == "no_speaker"
    taken = [(one.source, one.target, one.reason) for one in events if isinstance(one, TransitionTaken)]
    assert taken[1] == ("run", "code", "failed")
    assert taken[-1] == ("judge", "end", "says 'good'")


async def test_the_way_of_a_groups_chat_can_be_drawn_and_explained():
    coder, runner, critic = talker("coder", "a"), talker("runner", "ok"), talker("critic", "good")
    made = team(coder, runner, critic)
    group = GroupChat([coder, runner, critic], speaker_selection_method=made)
    with pytest.raises(ConfigError, match="hasn't selected the speakers of a chat of this group"):
        made.result_of(group, ChatResult())
    result = await user().run(GroupChatManager(group), "Write it.")
    way = made.result_of(group, result)
    assert (way.state, way.finished, way.messages) == ("end", True, result.messages)
    assert [step.target for step in way.path] == ["code", "run", "judge", "end"]
    assert [(name, spent.requests, spent.tokens) for name, spent in way.states.items()] == [
        ("code", 1, 11), ("run", 1, 11), ("judge", 1, 11), ("end", 0, 0)
    ]  # fmt: skip
    assert "judge -> end: says 'good'" in made.explain(way)
    assert "1 visit, 11 tokens" in made.to_mermaid(way)


async def test_the_way_of_a_groups_chat_that_was_cut_off_ends_where_it_was():
    coder, runner, critic = talker("coder", "a"), talker("runner", "ok"), talker("critic", "good")
    made = team(coder, runner, critic)
    group = GroupChat([coder, runner, critic], speaker_selection_method=made, max_round=2)
    way = made.result_of(group, await user().run(GroupChatManager(group), "Write it."))
    assert (way.state, way.finished, way.stop_reason.kind) == ("code", False, "max_round")


def test_in_a_group_it_begins_anew_with_the_next_task_and_each_group_is_apart():
    coder, critic = talker("coder", "a", "b", "c"), talker("critic", "good", "good", "good")
    runner = talker("runner", "ok", "ok", "ok")
    made = team(coder, runner, critic)
    manager, other = (group_of(made, coder, runner, critic) for _ in range(2))
    guest = user()
    assert len(guest.initiate_chat(manager, message="One.", silent=True).messages) == 4
    assert len(guest.initiate_chat(other, message="Two.", silent=True).messages) == 4
    again = guest.initiate_chat(manager, message="Three.", clear_history=False, silent=True)
    assert speakers(again) == ["user", "coder", "runner", "critic"] * 2


def test_in_a_group_a_member_with_tools_of_its_own_speaks_on():
    def look(what: str) -> str:
        "Looks."
        return "seen"

    wants = ModelResponse(tool_calls=(ToolCall("1", "look", '{"what": "x"}'),))
    coder = talker("coder", wants, "done", tools=[FunctionTool(look, inline=True)])
    runner, critic = talker("runner", "ok"), talker("critic", "good")
    result = user().initiate_chat(
        group_of(team(coder, runner, critic), coder, runner, critic), message="Go.", silent=True
    )
    assert speakers(result) == ["user", "coder", "coder", "coder", "runner", "critic"]


async def test_in_a_group_another_process_reads_the_state_from_what_was_said_and_asks_no_model():
    def members() -> list[AssistantAgent]:
        return [talker("coder", "a", "b"), talker("runner", "ok", "ok"), talker("critic", "hm", "hm")]

    first = members()
    chooser = ScriptedModel(["run", "end"])
    result = await user().run(group_of(team(*first, chooser), *first), "Go.")
    assert speakers(result) == ["user", "coder", "runner", "critic", "runner", "critic"]
    again = members()
    asked = ScriptedModel(["end"])
    made = team(*again, asked)
    group = GroupChat(again, [dict(one) for one in result.chat_history[:-1]], speaker_selection_method=made)
    chosen = await made(again[1], group)
    assert (chosen.name, asked.calls) == ("critic", 0)
    group.append({"content": "hm"}, again[2])
    with pytest.raises(ConfigError, match="while the group chat runs"):
        await made(again[2], group)


async def test_in_a_group_states_in_which_nobody_speaks_only_lead_on():
    ada, bob = talker("ada", "I am."), talker("bob", "I was.")
    made = StateFlow("f", initial="which", final={"end"})
    made.state("which").state("ada", ask(ada)).state("bob", ask(bob))
    made.transition("which", "bob", when=says("past")).transition("which", "ada")
    made.transition("ada", "end").transition("bob", "end")
    assert speakers(await user().run(group_of(made, ada, bob), "The past?")) == ["user", "bob"]
    assert speakers(await user().run(group_of(made, ada, bob), "Now?")) == ["user", "ada"]


async def test_in_a_group_a_flow_that_cannot_go_on_says_why():
    ada, bob = talker("ada", "x"), talker("bob")
    made = StateFlow("f", initial="a", final={"end"}).state("a", ask(ada)).transition("a", "end", when=failed)
    going = user().run(group_of(made, ada, bob), "Go.")
    notices = [event.text async for event in going if isinstance(event, Notice) and event.kind == "warning"]
    assert notices == ["the flow ended in 'a': no_speaker: no transition of the state 'a' holds"]


async def test_in_a_group_a_flow_that_loops_without_a_speaker_ends():
    ada, bob = talker("ada"), talker("bob")
    made = StateFlow("f", initial="a", final={"end"}, max_transitions=9).state("a").state("b", ask(ada))
    made.transition("a", "b", when=failed).transition("a", "a").transition("b", "end")
    result = await user().run(group_of(made, ada, bob), "Go.")
    assert speakers(result) == ["user"]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (run(FunctionTool(lambda: "x", name="t", description="T.")), "can only name who speaks"),
        (ask(ConversableAgent("ada"), "Speak."), "without a prompt"),
        (ask(ConversableAgent("stranger")), "'stranger', who is not in the group"),
    ],
)
async def test_in_a_group_a_state_that_does_not_name_a_member_is_refused(output: Any, said: str):
    made = StateFlow("f", initial="a", final={"end"}).state("a", output).transition("a", "end", when=succeeded)
    with pytest.raises(ConversationError, match=said):
        await user().run(group_of(made, talker("ada"), talker("bob")), "Go.")
