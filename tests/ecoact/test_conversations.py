"""What is registered belongs to the conversation: kept, forked, replayed, side by side, in groups, flows, servers."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from dying import Died, Memory
from selective_boxes import asking, calls, offered, registers, results, tool, tools, uses

from autogen_like import (
    AssistantAgent,
    FunctionTool,
    GroupChat,
    GroupChatManager,
    Handoff,
    McpTools,
    ScriptedModel,
    Toolbox,
)
from autogen_like.core.journal import Called
from autogen_like.ecoact import SelectiveToolbox, ToolRegistered
from autogen_like.stateflow import StateFlow, ask
from autogen_like.store import Store
from autogen_like.store.replay import Recording

PLANETS = Path(__file__).parents[2] / "samples" / "mcp_planets.py"
SCRIPT = ("tool_3", "tool_5")


def scripted(box: SelectiveToolbox) -> ScriptedModel:
    """Registers a tool, calls it, registers another, calls it, and answers; by what it sees, so in any process."""
    steps = [step for name in SCRIPT for step in (registers(name), uses(box, name))]

    def reply(request: Any) -> Any:
        said = sum(one["role"] == "assistant" for one in request.messages)
        return steps[said] if said < len(steps) else "Done."

    return ScriptedModel(reply)


def agent(layout: Any = "native", **settings: Any) -> tuple[AssistantAgent, ScriptedModel]:
    box = SelectiveToolbox(tools(), layout=layout, **settings)
    model = scripted(box)
    return AssistantAgent("ada", llm_config=model, tools=box), model


@pytest.mark.parametrize("layout", ["native", "inline"])
async def test_wherever_the_process_dies_what_was_registered_stays(layout):
    memory = Memory()
    whole = await agent(layout)[0].run(message="Go.", store=memory)
    for dies_at in range(1, len(memory.records) + 1):
        broken = Memory()
        broken.dies_at = dies_at
        going = agent(layout)[0].run(message="Go.", store=broken)
        with pytest.raises(Died):
            await going
        ada, model = agent(layout)
        result = await ada.run(message="Go.", store=broken, resume=going.id, human=_yes)
        assert results(result) == results(whole), dies_at
        if layout == "native" and model.requests and "tool_5 is registered" in str(model.requests[-1].messages):
            assert offered(model)[-1] == ["tool_register", "tool_3", "tool_5"], dies_at


async def _yes(_: object) -> str:
    return "yes"


async def test_a_kill_between_registering_and_telling_of_it_registers_all_the_same():
    memory = Memory()
    memory.dies_at = 1 << 20
    going = agent()[0].run(message="Go.", store=memory)
    await going
    at = next(i for i, (_, one) in enumerate(memory.records) if isinstance(one, Called) and one.result is not None)
    del memory.records[at + 1 :]  # the call has run; the message with its result was never said
    ada, model = agent()
    events: list[object] = []
    run = ada.run(message="Go.", store=memory, resume=going.id)
    run.subscribe(events.append)
    result = await run
    assert results(result)[1] == "3"
    assert offered(model)[0] == ["tool_register", "tool_3"]
    assert [event.tool for event in events if isinstance(event, ToolRegistered)] == ["tool_3", "tool_5"]


async def test_a_fork_has_what_was_registered_by_then(tmp_path: Path):
    store = Store(f"sqlite:///{tmp_path}/runs.db")
    ada, _ = agent()
    run = ada.run(message="Go.", store=store)
    result = await run
    conversation = (await store.conversations(run.id))[0].id
    at = next(i for i, message in enumerate(result.messages) if message.tool_results)  # the first registration
    forked = await store.fork(conversation, at + 1)
    ada, model = agent()
    await ada.run(message="Go.", store=store, resume=forked)
    assert offered(model)[0] == ["tool_register", "tool_3"]
    store.close()


async def test_a_replay_offers_the_same_tools_and_asks_nobody():
    class Records(Memory):
        pass

    memory = Records()
    whole = await agent()[0].run(message="Go.", store=memory)
    mute = AssistantAgent("ada", llm_config=ScriptedModel([]), tools=SelectiveToolbox(tools()))
    again = await mute.run(message="Go.", store=Recording(memory.records))
    assert results(again) == results(whole)


async def test_a_conversation_that_is_saved_and_restored_has_them():
    ada, _ = agent()
    run = await ada.run(message="Go.")
    state = json.loads(json.dumps(next(iter(ada._conversations.values())).snapshot()))
    assert list(state["belongings"]["tools:ada"]["used"]) == list(SCRIPT)
    assert run.summary == "Done."


async def test_conversations_over_one_toolbox_know_nothing_of_each_other():
    box = SelectiveToolbox(tools(50))

    def one(number: int) -> tuple[AssistantAgent, ScriptedModel]:
        name = f"tool_{number}"
        steps = [registers(name), uses(box, name, number, 0), uses(box, f"tool_{number + 1}"), "Done."]
        model = ScriptedModel(steps, delay=0.001)
        return AssistantAgent(f"agent_{number % 3}", llm_config=model, tools=box), model

    made = [one(number) for number in range(40)]
    done = await asyncio.gather(*(made_agent.run(message="Go.") for made_agent, _ in made))
    for number, (result, (_, model)) in enumerate(zip(done, made, strict=True)):
        assert results(result)[1] == str(number)
        assert "not registered" in results(result)[2]
        assert offered(model)[-1] == ["tool_register", f"tool_{number}"]


async def test_one_agent_in_two_conversations_registers_in_each():
    box = SelectiveToolbox(tools())
    ada, model = asking(box, registers("tool_1"), "Done.", registers("tool_2"), "Done.", registers("tool_3"), "Done.")
    await ada.run(message="One.")
    await ada.run(message="More.", clear_history=False)
    assert offered(model)[3] == ["tool_register", "tool_1", "tool_2"]
    await ada.run(message="Anew.", clear_history=True)
    assert offered(model)[4] == ["tool_register"] or offered(model)[5][-1] == "tool_3"


async def test_members_of_a_group_register_each_their_own_and_hand_over():
    box, other = SelectiveToolbox([*tools(), Handoff("bob")]), SelectiveToolbox(tools())
    hand = calls("transfer_to_bob", {})
    ada, ada_model = asking(box, registers("tool_1"), uses(box, "tool_1"), hand)
    bob, bob_model = asking(other, registers("tool_2"), uses(other, "tool_2", 5, 5), "Ten. TERMINATE", name="bob")
    group = GroupChat([ada, bob], max_round=12, speaker_selection_method="handoff")
    result = await GroupChatManager(group).run(message="Go.")
    assert offered(ada_model)[0] == ["tool_register", "transfer_to_bob"]
    assert offered(bob_model) == [["tool_register"], ["tool_register", "tool_2"], ["tool_register", "tool_2"]]
    assert "10" in results(result)


async def test_states_of_a_flow_share_what_was_registered():
    box = SelectiveToolbox(tools())
    model = ScriptedModel([registers("tool_1"), uses(box, "tool_1"), "Three.", uses(box, "tool_1", 2, 2, "b"), "Four."])
    flow = StateFlow("sums", initial="a", final={"end"}, model=model)
    flow.state("a", ask("One and two."), tools=box).state("b", ask("Two and two."), tools=box)
    result = await flow.transition("a", "b").transition("b", "end").run("Add.")
    assert result.summary == "Four."
    assert results(result)[1:] == ["3", "4"]
    assert offered(model)[3] == ["tool_register", "tool_1"]


@pytest.mark.parametrize("layout", ["native", "inline"])
async def test_an_mcp_server_s_tools_are_registered_like_others(layout):
    async with McpTools([sys.executable, str(PLANETS)], prefix="space_", connect_timeout=120) as server:
        box = SelectiveToolbox([server, *tools(3)], layout=layout)
        arguments = {"planet": "Mars"}
        name = "space_count_moons"
        use = (
            calls(name, arguments) if layout == "native" else calls("call_tool", {"name": name, "arguments": arguments})
        )
        ada, model = asking(box, registers(name), use, "Two.")
        result = await ada.run(message="Moons of Mars?")
    assert name in box_names(model)
    assert results(result)[1] == "2"


def box_names(model: ScriptedModel) -> list[str]:
    return model.requests[0].tools[0]["function"]["parameters"]["properties"]["tool_name"]["enum"]


async def test_a_tool_that_is_removed_in_mid_conversation_is_gone_and_said_to_be():
    box = SelectiveToolbox(tools(5))

    def remove(_: Any) -> Any:
        box.remove("tool_1")
        return uses(box, "tool_1")

    ada, model = asking(box, registers("tool_1"), remove, registers("tool_1", id_="b"), "Gone.")
    said = results(await ada.run(message="Go."))
    assert offered(model)[2] == ["tool_register"]
    assert "tool_1" not in box_names_of(model, 2)
    assert said[1] == "Error: the tool tool_1 is not there any more."
    assert said[2].startswith("Error: there is no tool of that name.")


def box_names_of(model: ScriptedModel, at: int) -> list[str]:
    return model.requests[at].tools[0]["function"]["parameters"]["properties"]["tool_name"]["enum"]


async def test_a_source_that_changes_changes_what_can_be_registered():
    inner = Toolbox(tools(2))
    box = SelectiveToolbox([inner, tool("own")])
    assert box.names == ("own", "tool_0", "tool_1")
    inner.add(tool("late"))
    ada, _ = asking(box, registers("late"), uses(box, "late"), "Done.")
    assert results(await ada.run(message="Go."))[1] == "3"
    inner.remove("late")
    assert "late" not in box.names


async def test_equal_names_of_two_sources_are_told():
    with pytest.warns(UserWarning, match="prefix"):
        assert SelectiveToolbox([Toolbox(tools(2)), Toolbox(tools(2))]).names == ("tool_0", "tool_1")


async def test_a_run_that_is_cancelled_while_a_tool_runs_goes_on_with_what_was_registered():
    started = asyncio.Event()

    async def wait() -> str:
        started.set()
        await asyncio.sleep(60)
        return "over"

    box = SelectiveToolbox([FunctionTool(wait, description="Waits."), *tools()], layout="inline")
    wait_call = calls("call_tool", {"name": "wait", "arguments": {}})
    ada, _ = asking(box, registers("wait"), wait_call, uses(box, "wait"), "Done.")
    run = ada.run(message="Go.")
    task = asyncio.ensure_future(_result(run))
    await started.wait()
    run.cancel()
    result = await task
    assert result.stop_reason.kind == "cancelled"
    assert results(result)[1].startswith("Not finished")


async def _result(run: Any) -> Any:
    return await run
