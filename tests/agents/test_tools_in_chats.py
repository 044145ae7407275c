"""Tools in a chat: who calls, who runs, and what becomes of the result."""

from __future__ import annotations

import asyncio
import threading

import pytest

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.conversable import ConversableAgent
from autogen_like.agents.toolkit import register_function
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.errors import ConfigError, ToolSchemaError
from autogen_like.core.events import ToolFinished, ToolStarted
from autogen_like.core.message import ToolCall
from autogen_like.models.client import ModelResponse
from autogen_like.models.scripted import ScriptedModel


def calls(*wanted: tuple[str, str]) -> ModelResponse:
    return ModelResponse(None, tuple(ToolCall(f"c{n}", name, args) for n, (name, args) in enumerate(wanted)))


def user(**kwargs: object) -> UserProxyAgent:
    return UserProxyAgent("user", human_input_mode="NEVER", **kwargs)


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def test_one_agent_calls_and_the_other_runs():
    model = ScriptedModel([calls(("add", '{"a": 1, "b": 2}')), "It is 3. TERMINATE"])
    bob, person = AssistantAgent("bob", llm_config=model), user()
    register_function(add, caller=bob, executor=person, description="Adds.")
    result = person.initiate_chat(bob, message="1 + 2?", silent=True)
    assert [message["role"] for message in result.chat_history] == ["assistant", "assistant", "tool", "user"]
    assert result.messages[2].speaker == "user"
    assert result.chat_history[2]["tool_responses"] == [{"tool_call_id": "c0", "role": "tool", "content": "3"}]
    assert model.requests[0].tools[0]["function"]["name"] == "add"
    assert model.requests[1].messages[-1] == {"tool_call_id": "c0", "role": "tool", "content": "3"}


def test_an_agent_with_tools_of_its_own_runs_them_before_it_answers():
    model = ScriptedModel([calls(("add", '{"a": 1, "b": 2}')), "It is 3."])
    bob = AssistantAgent("bob", llm_config=model, tools=[add])
    result = user().initiate_chat(bob, message="1 + 2?", max_turns=1, silent=True)
    assert [message.speaker for message in result.messages] == ["user", "bob", "bob", "bob"]
    assert result.summary == "It is 3."


async def test_an_agent_can_be_asked_without_another():
    model = ScriptedModel([calls(("add", '{"a": 1, "b": 2}')), "3", "again"])
    bob = AssistantAgent("bob", llm_config=model, tools=[add])
    result = await bob.run(message="1 + 2?")
    assert result.stop_reason.kind == "answered"
    assert result.summary == "3"
    more = await bob.run(message="and?", clear_history=False)
    assert len(more.messages) == 6


async def test_a_call_that_nobody_can_run_is_handed_to_the_caller():
    bob = AssistantAgent("bob", llm_config=ScriptedModel([calls(("elsewhere", "{}"))]))
    result = await bob.run(message="go")
    assert "elsewhere" in result.stop_reason.detail
    assert result.messages[-1].tool_calls[0].name == "elsewhere"


def test_several_calls_run_side_by_side_and_one_that_fails_is_one_failing_result():
    barrier = threading.Barrier(2, timeout=5)

    def wait(n: int) -> str:
        """Waits for the other."""
        barrier.wait()
        return f"waited {n}"

    def fail() -> str:
        """Fails."""
        raise KeyError("k")

    model = ScriptedModel([calls(("wait", '{"n": 1}'), ("fail", "{}"), ("wait", '{"n": 2}')), "done"])
    bob = AssistantAgent("bob", llm_config=model, tools=[wait, fail])
    result = user().initiate_chat(bob, message="go", max_turns=1, silent=True)
    contents = [one.content for one in result.messages[2].tool_results]
    assert contents[0] == "waited 1"
    assert contents[1].startswith("Error: ")
    assert "KeyError" in contents[1]
    assert contents[2] == "waited 2"
    assert result.summary == "done"


def test_an_unknown_function_and_bad_arguments_go_back_to_the_model():
    model = ScriptedModel([calls(("nope", "{}")), calls(("add", '{"a": "x"}')), "sorry. TERMINATE"])
    bob, person = AssistantAgent("bob", llm_config=model), user()
    register_function(add, caller=bob, executor=person, description="Adds.")
    result = person.initiate_chat(bob, message="go", silent=True)
    assert result.messages[2].tool_results[0].content == "Error: Function nope not found."
    refused = result.messages[4].tool_results[0].content
    assert refused.startswith("Error: ")
    assert "a" in refused
    assert "b" in refused


def test_the_same_call_with_the_same_result_three_times_ends_the_run():
    model = ScriptedModel(lambda _: calls(("add", '{"a": 1, "b": 1}')))
    bob = AssistantAgent("bob", llm_config=model, tools=[add])
    result = user().initiate_chat(bob, message="go", silent=True)
    assert result.stop_reason.kind == "repeated_call"
    assert model.calls == 3


def test_decorators_can_be_stacked_and_the_list_of_tools_read():
    bob, person = AssistantAgent("bob", llm_config={"model": "m", "api_key": "k"}), user()

    @person.register_for_execution()
    @bob.register_for_llm(name="plus", description="Adds.")
    def anything(a: int, b: int = 2) -> int:
        return a + b

    assert person.can_execute_function("plus")
    assert person.can_execute_function(["plus"])
    assert not person.can_execute_function(["plus", "minus"])
    assert bob.llm_config["tools"][0]["function"]["name"] == "plus"
    assert person.function_map["plus"](1) == 3
    assert anything(1) == 3


def test_a_tool_without_a_description_or_type_hints_is_refused_when_it_is_registered():
    bob = AssistantAgent("bob", llm_config={"model": "m", "api_key": "k"})
    with pytest.raises(ConfigError, match="description"):
        bob.register_for_llm()(lambda: 1)
    with pytest.raises(ToolSchemaError, match="a"):

        @bob.register_for_llm(description="x")
        def untyped(a):
            return a


def test_a_tool_for_an_agent_without_a_model_is_refused():
    with pytest.raises(ConfigError, match="llm_config"):
        user().register_for_llm(description="x")(add)


def test_tools_that_are_only_described_can_be_added_and_removed():
    bob = AssistantAgent("bob", llm_config=ScriptedModel(["x"]))
    spec = {"type": "function", "function": {"name": "far", "description": "Far away.", "parameters": {}}}
    bob.update_tool_signature(spec, is_remove=False)
    assert [one["function"]["name"] for one in bob.tool_schemas()] == ["far"]
    bob.update_tool_signature("far", is_remove=True)
    assert list(bob.tool_schemas()) == []
    with pytest.raises(ConfigError, match="far"):
        bob.update_tool_signature("far", is_remove=True)


def test_functions_can_be_given_by_map_and_taken_away():
    person = user(function_map={"add": add})
    assert person.execute_function({"name": "add", "arguments": '{"a": 1, "b": 2}'}) == (
        True,
        {"name": "add", "role": "function", "content": "3"},
    )
    person.register_function({"add": None})
    ok, answer = person.execute_function({"name": "add", "arguments": "{}"})
    assert not ok
    assert answer["content"] == "Error: Function add not found."
    with pytest.raises(ConfigError, match="add"):
        person.register_function({"add": None})


def test_the_retired_function_call_form_is_answered_in_its_own_form():
    person = user(function_map={"add": add})
    call = {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}
    assert person.generate_reply([call]) == {"content": "3", "role": "function", "name": "add"}


async def test_a_sync_tool_does_not_block_the_loop_and_an_async_one_is_awaited():
    ticks = 0

    def slow() -> str:
        """Takes its time."""
        import time

        time.sleep(0.1)
        return "slow"

    async def quick() -> str:
        """Does not."""
        await asyncio.sleep(0)
        return "quick"

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    bob = AssistantAgent(
        "bob", llm_config=ScriptedModel([calls(("slow", "{}"), ("quick", "{}")), "x"]), tools=[slow, quick]
    )
    ticking = asyncio.create_task(tick())
    result = await bob.run(message="go")
    ticking.cancel()
    assert [one.content for one in result.messages[2].tool_results] == ["slow", "quick"]
    assert ticks > 3


def test_a_tool_in_a_sync_chat_may_hold_a_sync_chat_with_the_same_client():
    model = ScriptedModel([calls(("consult", "{}")), "inner answer", "outer answer"])
    expert = AssistantAgent("expert", llm_config=model)

    def consult() -> str:
        """Asks the expert."""
        return user().initiate_chat(expert, message="?", max_turns=1, silent=True).summary

    bob = AssistantAgent("bob", llm_config=model, tools=[consult])
    result = user().initiate_chat(bob, message="go", max_turns=1, silent=True)
    assert result.messages[2].tool_results[0].content == "inner answer"
    assert result.summary == "outer answer"


async def test_tools_are_events():
    bob = AssistantAgent("bob", llm_config=ScriptedModel([calls(("add", '{"a": 1, "b": 2}')), "x"]), tools=[add])
    seen = [event async for event in bob.run(message="go") if isinstance(event, ToolStarted | ToolFinished)]
    assert [type(event).__name__ for event in seen] == ["ToolStarted", "ToolFinished"]
    assert seen[1].result.content == "3"


async def test_cancelling_in_a_tool_leaves_a_valid_transcript():
    entered = asyncio.Event()

    async def forever() -> str:
        """Never ends."""
        entered.set()
        await asyncio.sleep(3600)
        return "never"

    bob = AssistantAgent("bob", llm_config=ScriptedModel([calls(("forever", "{}"))]), tools=[forever])
    run = bob.run(message="go").start()
    await entered.wait()
    run.cancel()
    result = await run
    assert result.stop_reason.kind == "cancelled"
    assert [one.call_id for one in result.messages[-1].tool_results] == ["c0"]


async def test_on_a_limit_one_last_answer_without_tools_can_be_had():
    from autogen_like.core.limits import Limits

    def choose(request):
        return "my best guess" if not request.tools else calls(("add", f'{{"a": {len(request.messages)}, "b": 1}}'))

    bob = AssistantAgent("bob", llm_config=ScriptedModel(choose), tools=[add])
    result = await bob.run(message="go", limits=Limits(requests=3), final_answer=True)
    assert result.stop_reason.kind == "budget"
    assert result.summary == "my best guess"


def test_a_forced_call_is_forced_once_in_a_turn():
    model = ScriptedModel([calls(("add", '{"a": 1, "b": 2}')), "3"])
    bob = AssistantAgent("bob", llm_config=model, tools=[add])
    bob.tool_choice = "required"
    user().initiate_chat(bob, message="go", max_turns=1, silent=True)
    assert [request.tool_choice for request in model.requests] == ["required", "auto"]


def test_a_bound_method_is_a_tool():
    class Shop:
        def __init__(self) -> None:
            self.sold = 0

        def sell(self, count: int) -> int:
            """Sells some."""
            self.sold += count
            return self.sold

    shop = Shop()
    bob = AssistantAgent("bob", llm_config=ScriptedModel([calls(("sell", '{"count": 2}')), "sold"]), tools=[shop.sell])
    user().initiate_chat(bob, message="go", max_turns=1, silent=True)
    assert shop.sold == 2


def test_a_conversable_agent_registered_for_both_sides_calls_and_runs():
    bob = ConversableAgent(
        "bob", llm_config=ScriptedModel([calls(("add", '{"a": 1, "b": 2}')), "3"]), human_input_mode="NEVER"
    )
    register_function(add, caller=bob, executor=bob, description="Adds.")
    assert user().initiate_chat(bob, message="go", max_turns=1, silent=True).summary == "3"
