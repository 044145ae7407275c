"""Flows that are kept: whenever the process dies, the flow goes on in the state that it was in."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from typing import Any

import dying
import pytest

from autogen_like import (
    AssistantAgent,
    ConfigError,
    FunctionTool,
    GroupChat,
    GroupChatManager,
    Run,
    ScriptedModel,
    Usage,
)
from autogen_like.stateflow import (
    FlowResult,
    StateFlow,
    ask,
    call,
    chat,
    choose,
    failed,
    flow,
    instruct,
    run,
    says,
    succeeded,
)


def after(*replies: Any) -> ScriptedModel:
    """A model that says the n-th thing after it has spoken n times, as far as it can see."""

    def reply(request: Any) -> Any:
        return replies[len([one for one in request.messages if one["role"] == "assistant"])]

    return ScriptedModel(reply, record=False, usage=Usage(10, 1))


def sql(world: Any, **kept: Any) -> Run[FlowResult]:
    """Tools on texts, an error on the way, a choice."""

    def query(text: str) -> str:
        "Runs a query."
        world.done.append(text)
        if text == "bad":
            raise ValueError("bad query")
        return f"rows of {text}"

    tool = FunctionTool(query, inline=True)
    made = StateFlow("sql", initial="observe", final={"end"}, model=after("tables", "bad", "good", "It is right."))
    made.state("observe", instruct("Be careful."), ask("Look."), run(tool))
    made.state("solve", ask("Write."), run(tool)).state("error", ask("Fix."), run(tool)).state("verify", ask("Right?"))
    made.transition("observe", "solve", when=succeeded).transition("solve", "verify", when=succeeded)
    made.transition("error", "verify", when=succeeded).transition("*", "error", when=failed)
    chooser = ScriptedModel(lambda _: "end", record=False, usage=Usage(7, 1))
    return made.transition("verify", choose(chooser, ["solve", "end"])).run("How many?", **kept)


def calling(world: Any, **kept: Any) -> Run[FlowResult]:
    """A model that calls tools, functions with data, visits that are counted."""
    model = after(dying.wants(("look", "a flight")), dying.wants(("book", "a flight")), "Booked.", "done")

    def count(context: Any) -> None:
        context.data["n"] = context.data.get("n", 0) + 1

    made = StateFlow("trip", initial="book", final={"end"}, model=model)
    made.state("book", ask("Book it."), call(count), tools=world.tools(), max_visits=2, otherwise="end")
    made.state("check", call(lambda context: f"{context.data['n']} times"), ask("Done?"))
    made.transition("book", "check").transition("check", "end", when=says("done"))
    return made.transition("check", "book").run("A trip, please.", **kept)


def nested(world: Any, **kept: Any) -> Run[FlowResult]:
    """A chat and a flow inside."""
    clerk = AssistantAgent(
        "clerk", llm_config=dying.after(dying.wants(("book", "a room")), "Room booked."), tools=world.tools()
    )
    inner = StateFlow("inner", initial="book", final={"done"}, model=after(dying.wants(("book", "a taxi")), "Taxi."))
    inner.state("book", ask("Book a taxi."), tools=world.tools()).transition("book", "done")
    made = StateFlow("trip", initial="a", final={"end"})
    made.state("a", chat(clerk, "A room.")).state("b", flow(inner, "A taxi."))
    return made.transition("a", "b").transition("b", "end").run("A trip, please.", **kept)


@pytest.mark.parametrize("program", [sql, calling, nested])
async def test_wherever_it_dies_it_goes_on_in_its_state(program: Callable[..., Run[FlowResult]]):
    undisturbed, memory = dying.World(), dying.Memory()
    expected = await program(undisturbed, store=memory)
    assert expected.finished
    for dies_at in range(1, len(memory.records) + 1):
        world, broken = dying.World(), dying.Memory()
        broken.dies_at = dies_at
        going = program(world, store=broken)
        with pytest.raises(dying.Died):
            await going
        result = await program(world, store=broken, resume=going.id, human=dying.again)
        assert dying.told(result) == dying.told(expected), dies_at
        assert result.stop_reason == expected.stop_reason
        assert (result.state, result.summary, result.data) == (expected.state, expected.summary, expected.data)
        assert result.path == expected.path, dies_at
        assert dying.asked(result) == dying.asked(expected), dies_at
        for name, spent in expected.states.items():
            assert (result.states[name].visits, result.states[name].requests) == (spent.visits, spent.requests), dies_at
        done = [what for what in world.done if not what.startswith("looked")]
        assert sorted(done) == sorted(what for what in undisturbed.done if not what.startswith("looked")), dies_at


async def test_what_is_kept_of_a_flow_does_not_grow_with_it():
    made = StateFlow("f", initial="a", final={"end"}, max_transitions=10_000)
    made.state("a", call(lambda context: str(context.visits)))
    made.transition("a", "end", when=lambda context: context.visits == 2000).transition("a", "a")
    memory = dying.Memory()
    going = made.run("t", store=memory)
    whole = await going
    sizes = [len(json.dumps(one.state)) for _, one in memory.records if hasattr(one, "state")]
    assert max(sizes) < 20_000
    result = await made.run("t", store=memory, resume=going.id)
    assert (len(whole.path), len(result.path)) == (2001, 100)
    assert "   ... 1901 steps before that\n1902. a -> a: always" in made.explain(result)


async def test_data_that_cannot_be_kept_is_named():
    made = StateFlow("f", initial="a", final={"end"}).state("a", call(lambda context: "x")).transition("a", "end")
    with pytest.raises(ConfigError, match="'data' must be JSON"):
        await made.run("t", data={"now": object()}, store=dying.Memory())


async def test_a_state_of_another_version_is_refused():
    made = StateFlow("f", initial="a", final={"end"}).state("a", call(lambda context: "x")).transition("a", "end")
    memory = dying.Memory()
    memory.dies_at = 3
    going = made.run("t", store=memory)
    with pytest.raises(dying.Died):
        await going
    for _, record in memory.records:
        record.state["rule"]["version"] = 0
    with pytest.raises(ConfigError, match="of version 0"):
        await made.run("t", store=memory, resume=going.id)


async def test_it_pauses_for_a_person_in_mid_state_and_goes_on():
    done: list[str] = []

    def pay(text: str) -> str:
        "Pays."
        done.append(text)
        return "paid"

    def payer(**kept: Any) -> Run[FlowResult]:
        made = StateFlow("f", initial="a", final={"end"}, model=after("5 euros", "Thanks."))
        made.state("a", ask("How much?"), run(FunctionTool(pay, approval=True, inline=True)), ask("Thank."))
        return made.transition("a", "end").run("Pay.", human="pause", **kept)

    paused = await payer()
    assert (paused.stop_reason.kind, paused.state, done) == ("paused", "a", [])
    result = await paused.paused.run({paused.paused.requests[0].id: True})
    assert (result.state, result.summary, done) == ("end", "Thanks.", ["5 euros"])
    memory = dying.Memory()
    going = payer(store=memory)
    await going
    again = await payer(store=memory, resume=going.id)  # in another process
    refused = await again.paused.run({again.paused.requests[0].id: "no, it is too much"})
    assert (refused.state, done) == ("end", ["5 euros"])
    assert "it is too much" in refused.messages[2].text


PROGRAM = textwrap.dedent(
    """
    import asyncio, os, signal, sys
    from autogen_like import ScriptedModel
    from autogen_like.stateflow import StateFlow, ask, call
    from autogen_like.store import Store

    def die(context):
        if sys.argv[2] == "":
            os.kill(os.getpid(), signal.SIGKILL)

    model = ScriptedModel(lambda request: f"word {len(request.messages)}")
    made = StateFlow("f", initial="a", final={"end"}, model=model)
    made.state("a", ask("1")).state("b", ask("2"), call(die), ask("3"))
    made.transition("a", "b").transition("b", "end")

    async def main():
        run = made.run("t", store=Store(sys.argv[1], lease=0.5), resume=sys.argv[2] or None)
        if not sys.argv[2]:
            print(run.id, flush=True)
        result = await run
        print(result.state, [message.text for message in result.messages])

    asyncio.run(main())
    """
)


@pytest.mark.slow
def test_a_process_that_is_killed_in_mid_state_is_gone_on_with_by_another(tmp_path):
    store = f"sqlite:///{tmp_path}/runs.db"

    def start(resume: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", PROGRAM, store, resume]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)

    killed = start("")
    assert killed.returncode == -9, killed.stderr
    time.sleep(1)  # until the dead process's lease is over
    went_on = start(killed.stdout.strip())
    assert went_on.returncode == 0, went_on.stderr
    assert went_on.stdout.strip() == "end ['t', 'word 2', 'word 3', 'word 4']"


def as_agent(world: Any, **kept: Any) -> Run[Any]:
    """A flow that is an agent in another's chat."""
    made = StateFlow("clerk", initial="book", final={"end"}, model=after(dying.wants(("book", "a room")), "Booked."))
    made.state("book", ask("Book it."), tools=world.tools()).transition("book", "end")
    return dying.user().run(made.as_agent("desk"), "A room, please.", max_turns=1, **kept)


def group(world: Any, **kept: Any) -> Run[Any]:
    """A flow that selects the speakers of a group, with a model's choice."""
    ada = AssistantAgent(
        "ada", llm_config=dying.after("I plan.", dying.wants(("book", "a flight")), "Booked."), tools=world.tools()
    )
    bob = AssistantAgent("bob", llm_config=dying.after("Go on.", "Well done."))
    chooser = ScriptedModel(
        lambda request: "end" if any(one["content"] == "Well done." for one in request.messages) else "plan",
        record=False,
        usage=Usage(7, 1),
    )
    made = StateFlow("team", initial="plan", final={"end"})
    made.state("plan", ask(ada)).state("judge", ask(bob))
    made.transition("plan", "judge").transition("judge", choose(chooser, ["plan", "end"]))
    manager = GroupChatManager(GroupChat([ada, bob], speaker_selection_method=made, max_round=None))
    return dying.user().run(manager, "Plan a trip.", **kept)


@pytest.mark.parametrize("program", [as_agent, group])
async def test_in_a_kept_chat_a_flow_goes_on_with_it(program: Callable[..., Run[Any]]):
    undisturbed, memory = dying.World(), dying.Memory()
    expected = await program(undisturbed, store=memory)
    assert [what for what in undisturbed.done if not what.startswith("looked")]
    for dies_at in range(1, len(memory.records) + 1):
        world, broken = dying.World(), dying.Memory()
        broken.dies_at = dies_at
        going = program(world, store=broken)
        with pytest.raises(dying.Died):
            await going
        result = await program(world, store=broken, resume=going.id, human=dying.again)
        assert dying.told(result) == dying.told(expected), dies_at
        assert result.stop_reason == expected.stop_reason
        assert dying.asked(result) == dying.asked(expected), dies_at
        assert world.done == undisturbed.done, dies_at
