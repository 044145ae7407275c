"""An agent, or a whole group, as a tool: a conversation of its own, within the run and its budget."""

from __future__ import annotations

import asyncio
import json

import pytest

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.conversable import ConversableAgent
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.errors import ConfigError
from autogen_like.core.events import ConversationEnded, ConversationStarted, MessageAdded
from autogen_like.core.limits import Limits
from autogen_like.core.message import Image, Text, ToolCall
from autogen_like.core.sync import run as run_sync
from autogen_like.core.termination import MaxMessages, StopReason
from autogen_like.core.usage import Usage
from autogen_like.groupchat.group import GroupChat
from autogen_like.groupchat.manager import GroupChatManager
from autogen_like.models.client import ModelResponse
from autogen_like.models.scripted import ScriptedModel


def asks(tool: str, *messages: str) -> ModelResponse:
    calls = (ToolCall(f"{tool}-{index}", tool, json.dumps({"message": text})) for index, text in enumerate(messages))
    return ModelResponse(None, tuple(calls))


def bot(name: str, *replies: object, usage: Usage | None = None, **kwargs: object) -> AssistantAgent:
    kwargs.setdefault("description", f"I am {name}.")
    return AssistantAgent(name, llm_config=ScriptedModel(list(replies), usage=usage), **kwargs)


def user() -> UserProxyAgent:
    return UserProxyAgent("user", human_input_mode="NEVER")


def hold(asker: ConversableAgent, message: str = "hi", **kwargs: object):
    return user().initiate_chat(asker, message=message, max_turns=1, silent=True, **kwargs)


def answers(result) -> list[str]:
    return [one.content for message in result.messages for one in message.tool_results]


def test_an_agent_answers_as_a_tool():
    expert = bot("expert", "It is 42.")
    asker = bot("asker", asks("expert", "The answer?"), "42, says the expert.", tools=[expert.as_tool()])
    result = hold(asker)
    assert answers(result) == ["It is 42."]
    assert result.summary == "42, says the expert."
    seen = expert.model_client.requests[0].messages
    assert [message["content"] for message in seen] == ["The answer?"]


def test_the_model_is_told_whom_it_asks():
    tool = bot("the expert", description="Knows everything.").as_tool()
    function = tool.schema["function"]
    assert (function["name"], function["description"]) == ("the_expert", "Knows everything.")
    assert function["parameters"]["required"] == ["message"]
    named = bot("expert").as_tool("ask", "Ask away.")
    assert (named.name, named.description) == ("ask", "Ask away.")


def test_each_call_begins_anew_unless_it_is_to_remember():
    expert = bot("expert", "one", "two")
    asker = bot("asker", asks("expert", "1"), asks("expert", "2"), "done", tools=[expert.as_tool()])
    hold(asker)
    assert len(expert.model_client.requests[1].messages) == 1

    expert = bot("expert", "one", "two")
    tool = expert.as_tool(clear_history=False)
    hold(bot("asker", asks("expert", "1"), asks("expert", "2"), "done", tools=[tool]))
    assert [m["content"] for m in expert.model_client.requests[1].messages] == ["1", "one", "2"]


@pytest.mark.parametrize("clear_history", [True, False])
def test_two_calls_in_one_message_do_not_mix(clear_history):
    async def echo(request):
        await asyncio.sleep(0.01)
        return "re:" + ",".join(message["content"] for message in request.messages)

    expert = AssistantAgent("expert", llm_config=ScriptedModel(echo))
    tool = expert.as_tool(clear_history=clear_history)
    result = hold(bot("asker", asks("expert", *map(str, range(8))), "done", tools=[tool]))
    assert answers(result) == [f"re:{number}" for number in range(8)]


def test_an_agent_that_is_a_tool_may_have_tools():
    def lookup() -> str:
        """Looks something up."""
        return "found"

    call = ModelResponse(None, (ToolCall("1", "lookup", "{}"),))
    expert = bot("expert", call, "I found it.", tools=[lookup])
    result = hold(bot("asker", asks("expert", "?"), "done", tools=[expert.as_tool()]))
    assert answers(result) == ["I found it."]


def test_a_call_that_the_expert_cannot_run_is_no_answer():
    expert = bot("expert", ModelResponse(None, (ToolCall("1", "lookup", "{}"),)))
    result = hold(bot("asker", asks("expert", "?"), "done", tools=[expert.as_tool()]))
    assert answers(result) == ["Error: expert did not answer: expert called lookup, which the caller has to run"]


def test_usage_is_counted_in_the_run_around():
    spent = Usage(10, 5, 0.5)
    expert = bot("expert", "42", usage=spent)
    asker = bot("asker", asks("expert", "?"), "done", usage=spent, tools=[expert.as_tool()])
    result = hold(asker)
    assert {name: ledger.total.requests for name, ledger in result.usage_by_agent.items()} == {"asker": 2, "expert": 1}
    assert expert.usage.total.requests == 1


async def test_one_budget_holds_for_both():
    expert = bot("expert", asks("expert", "me?"), "never")
    asker = bot("asker", asks("expert", "?"), "never", tools=[expert.as_tool()])
    result = await user().run(asker, "hi", limits=Limits(requests=2), silent=True)
    assert result.stop_reason.kind == "budget"
    assert answers(result) == ["Error: expert did not answer: 2 of 2 model requests made"]
    assert (asker.model_client.calls, expert.model_client.calls) == (1, 1)


async def test_a_budget_of_its_own_cuts_it_short_and_the_model_is_told():
    def think() -> str:
        """Thinks."""
        return "hm"

    call = ModelResponse("Let me think.", (ToolCall("1", "think", "{}"),))
    expert = bot("expert", call, "never", tools=[think])
    asker = bot("asker", asks("expert", "?"), "done", tools=[expert.as_tool(limits=Limits(turns=2))])
    result = await user().run(asker, "hi", max_turns=1)
    assert result.summary == "done"
    assert answers(result) == ["hm\n\n[expert did not finish: budget: 2 of 2 turns taken]"]


async def test_a_condition_of_ones_own_is_an_end_like_any_other():
    expert = bot("expert", "one", "two")
    manager = GroupChatManager(GroupChat([expert, bot("other", "2")], speaker_selection_method="round_robin"))
    tool = manager.as_tool("team", "A team.", stop=MaxMessages(2))
    result = await user().run(bot("asker", asks("team", "?"), "done", tools=[tool]), "hi", max_turns=1)
    assert answers(result) == ["one"]


async def test_its_events_are_the_runs_events():
    expert = bot("expert", "42")
    run = user().run(bot("asker", asks("expert", "?"), "done", tools=[expert.as_tool()]), "hi", max_turns=1)
    seen = [event async for event in run]
    started = [event for event in seen if isinstance(event, ConversationStarted)]
    assert [event.participants for event in started] == [("user", "asker"), ("user", "expert")]
    assert started[1].parent is not None
    said = [event.message.text for event in seen if isinstance(event, MessageAdded)]
    assert "42" in said


async def test_cancelling_the_run_stops_the_agent_that_was_asked():
    asked, ended = asyncio.Event(), []

    async def slow(request):
        asked.set()
        await asyncio.sleep(60)
        return "late"

    expert = AssistantAgent("expert", llm_config=ScriptedModel(slow))
    run = user().run(bot("asker", asks("expert", "1", "2"), tools=[expert.as_tool()]), "hi")
    run.subscribe(lambda event: ended.append(event) if isinstance(event, ConversationEnded) else None)
    run.start()
    await asked.wait()
    run.cancel(StopReason("cancelled", "enough"))
    result = await run
    assert result.stop_reason.kind == "cancelled"
    assert len(ended) == 3
    assert len(answers(result)) == 2


async def test_a_timeout_of_the_tool_stops_the_agent_and_the_run_goes_on():
    async def slow(request):
        await asyncio.sleep(60)
        return "late"

    expert = AssistantAgent("expert", llm_config=ScriptedModel(slow))
    asker = bot("asker", asks("expert", "?"), "Then not.", tools=[expert.as_tool(timeout=0.05)])
    result = await user().run(asker, "hi", max_turns=1)
    assert "took longer than" in answers(result)[0]
    assert result.summary == "Then not."


def test_what_goes_wrong_in_it_goes_back_to_the_model():
    expert = AssistantAgent("expert", llm_config=ScriptedModel([RuntimeError("broken")]))
    result = hold(bot("asker", asks("expert", "?"), "Pity.", tools=[expert.as_tool()]))
    assert "broken" in answers(result)[0]
    assert result.summary == "Pity."


def test_arguments_are_checked():
    tool = bot("expert").as_tool()
    result = run_sync(tool.call(ToolCall("1", "expert", '{"question": "?"}')))
    assert result.error
    assert "message: required" in result.content


def test_agents_that_ask_themselves_come_to_an_end():
    def deeper(request):
        if request.messages[-1]["role"] == "tool":
            return request.messages[-1]["content"]
        return asks("ada", "go on")

    ada = AssistantAgent("ada", llm_config=ScriptedModel(deeper), description="Asks.")
    tool = ada.as_tool(max_depth=3)
    ada.tools.add(tool)
    ada.llm_tools.add(tool)
    result = hold(ada)
    assert "too many wait for one another (ada asks ada asks ada asks ada)" in answers(result)[0]
    assert ada.model_client.calls == 8


def test_agents_that_ask_each_other_come_to_an_end():
    def ask(name):
        return lambda request: "I see." if request.messages[-1]["role"] == "tool" else asks(name, "you?")

    ada = AssistantAgent("ada", llm_config=ScriptedModel(ask("bob")))
    bob = AssistantAgent("bob", llm_config=ScriptedModel(ask("ada")), tools=[ada.as_tool()])
    tool = bob.as_tool()
    ada.tools.add(tool)
    ada.llm_tools.add(tool)
    assert hold(ada).summary == "I see."


def test_after_a_chain_the_agents_can_be_asked_again():
    expert = bot("expert", *["42"] * 7)
    asker = bot("asker", *[asks("expert", str(n)) for n in range(7)], "done", tools=[expert.as_tool(max_depth=1)])
    assert answers(hold(asker)) == ["42"] * 7


# --- a group


def team(*replies: str, **settings: object) -> GroupChatManager:
    settings.setdefault("speaker_selection_method", "round_robin")
    members = [bot(f"member{number}", reply) for number, reply in enumerate(replies)]
    return GroupChatManager(GroupChat([user(), *members], **settings), name="team")


def test_a_group_answers_as_a_tool_with_its_last_word():
    tool = team("first", "second TERMINATE").as_tool(description="A team.")
    asker = bot("asker", asks("team", "?"), "done", tools=[tool])
    result = hold(asker)
    assert answers(result) == ["second "]


def test_a_group_that_was_cut_short_says_so():
    tool = team("first", "second", max_round=3).as_tool(description="A team.")
    result = hold(bot("asker", asks("team", "?"), "done", tools=[tool]))
    assert answers(result)[0].endswith("[team did not finish: max_round: max_round=3]")


def test_a_group_asked_twice_at_once_does_not_mix():
    async def echo(request):
        await asyncio.sleep(0.01)
        return f"re:{request.messages[-1]['content']} TERMINATE"

    member = AssistantAgent("member", llm_config=ScriptedModel(echo))
    manager = GroupChatManager(GroupChat([member], speaker_selection_method="round_robin"), name="team")
    tool = manager.as_tool(description="A team.")
    result = hold(bot("asker", asks("team", "1", "2", "3"), "done", tools=[tool]))
    assert answers(result) == ["re:1 ", "re:2 ", "re:3 "]


def test_a_group_asked_by_the_program_has_a_member_called_user():
    result = run_sync(_run(team("first TERMINATE")))
    assert result.stop_reason.kind == "termination_message"
    assert [message.speaker for message in result.messages] == ["caller", "user", "member0"]


async def _run(agent):
    return await agent.run(message="hi", silent=True)


def test_a_summary_may_be_made_otherwise():
    expert = bot("expert", "42")
    tool = expert.as_tool(summary_method=lambda sender, recipient, args: {"answer": 42})
    assert answers(hold(bot("asker", asks("expert", "?"), "done", tools=[tool]))) == ['{"answer": 42}']


def test_images_in_the_answer_come_with_the_result():
    image = Image("https://example.org/a.png")
    expert = ConversableAgent("expert", human_input_mode="NEVER", description="Paints.")
    expert.register_reply([None, object], lambda *_, **__: (True, {"content": [Text("Look:"), image]}))
    result = run_sync(expert.as_tool().call(ToolCall("1", "expert", '{"message": "?"}')))
    assert result.parts == (image,)
    assert result.value.stop_reason.kind == "answered"


async def test_it_works_in_a_sync_tool_of_a_thread_too():
    expert = bot("expert", "42")

    def consult() -> str:
        """Asks the expert."""
        return run_sync(expert.as_tool().call(ToolCall("1", "expert", '{"message": "?"}'))).content

    asker = bot("asker", ModelResponse(None, (ToolCall("1", "consult", "{}"),)), "done", tools=[consult])
    result = await user().run(asker, "hi", max_turns=1)
    assert answers(result) == ["42"]
    assert result.usage_by_agent["expert"].total.requests == 1


@pytest.mark.parametrize(
    ("settings", "cure"),
    [({"description": ""}, "description="), ({"name": "計算"}, "name="), ({"tool": {"max_depth": 0}}, "max_depth")],
)
def test_what_cannot_be_a_tool_is_refused(settings, cure):
    tool = settings.pop("tool", {})
    agent = ConversableAgent(settings.pop("name", "ada"), **{"description": "d", **settings})
    with pytest.raises(ConfigError, match=cure):
        agent.as_tool(**tool)
