"""Where a flow ends that doesn't come to its end: limits, failures, cancellation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from flows import LOOKUP, one, sql, texts

from autogen_like import (
    ConversationError,
    MaxMessages,
    ModelError,
    ScriptedModel,
    StopReason,
)
from autogen_like.stateflow import (
    Context,
    StateFlow,
    ask,
    call,
    choose,
    raised,
    run,
    says,
)


async def test_visits_and_transitions_are_limited():
    made = StateFlow("f", initial="a", final={"gave_up", "end"}, model=ScriptedModel(lambda _: "again"))
    made.state("a", ask("Try."), max_visits=3, otherwise="gave_up").transition("a", "end", when=says("done"))
    result = await made.transition("a", "a").run("t")
    assert (result.state, result.states["a"].visits) == ("gave_up", 3)
    assert result.path[-1].reason == "always; 'a' was visited 3 times"


async def test_a_machine_that_loops_without_a_word_is_ended():
    made = StateFlow("f", initial="a", final={"end"}, max_transitions=50).state("a").state("b")
    made.transition("a", "b").transition("b", "end", when=lambda context: False).transition("b", "a")
    result = await made.run("t")
    assert result.stop_reason == StopReason("max_turns", "max_transitions=50", "f")


async def test_states_whose_visits_lead_to_each_other_end_the_run():
    made = StateFlow("f", initial="a", final={"end"})
    made.state("a", max_visits=1, otherwise="b").state("b", max_visits=1, otherwise="a")
    made.transition("a", "b").transition("b", "end", when=says("never")).transition("b", "a")
    assert "visits of a, b are used up" in (await made.run("t")).stop_reason.detail


async def test_a_tool_that_fails_for_ever_ends_at_a_limit():
    result = await sql("tables", *["boom"] * 9, max_transitions=6).run("t")
    assert (result.state, result.stop_reason.kind) == ("error", "max_turns")


async def test_a_state_whose_time_is_over_goes_elsewhere():
    async def slow(context: Context) -> None:
        await asyncio.sleep(60)

    slow_model = ScriptedModel(["late"], delay=60)
    for output in (ask("Go."), call(slow)):
        made = StateFlow("f", initial="a", final={"late", "end"}, model=slow_model)
        made.state("a", output, timeout=0.05, otherwise="late").transition("a", "end")
        result = await made.run("t")
        assert result.state == "late"
        assert result.path[-1].reason == "the 0.05 s of 'a' are over"
        assert result.messages[-1].text == "Not finished: the 0.05 s of the state 'a' are over."


async def test_the_time_of_a_state_holds_while_a_model_chooses():
    made = StateFlow("f", initial="a", final={"late", "end"})
    made.state("a", timeout=0.05, otherwise="late")
    made.transition("a", choose(ScriptedModel(["end"], delay=60), ["a", "end"]))
    assert (await made.run("t")).state == "late"


async def test_a_time_out_of_the_output_itself_is_an_exception_like_others():
    async def times_out(context: Context) -> None:
        raise TimeoutError("mine")

    made = StateFlow("f", initial="a", final={"end"}).state("a", call(times_out), timeout=60, otherwise="end")
    made.transition("a", "end")
    with pytest.raises(ConversationError, match="TimeoutError: mine"):
        await made.run("t")


async def test_an_exception_goes_where_a_transition_waits_for_it():
    model = ScriptedModel([ModelError("the endpoint is down"), "mended"])
    made = StateFlow("f", initial="a", final={"end"}, model=model)
    made.state("a", ask("Go."), ask("Never.")).transition("a", "end")
    made.state("mend", ask("Mend it.")).transition("mend", "end")
    made.transition("*", "end", when=raised(KeyError)).transition("*", "mend", when=raised("AutogenLikeError"))
    result = await made.run("t")
    assert texts(result)[1] == ("f", "Error: ModelError: the endpoint is down")
    assert [step.target for step in result.path] == ["a", "mend", "end"]
    assert result.path[1].reason == "raised AutogenLikeError"


async def test_an_exception_of_a_function_goes_there_too():
    made = StateFlow("f", initial="a", final={"end", "bad"}).state("a", call(lambda context: 1 / 0))
    result = await made.transition("a", "end").transition("a", "bad", when=raised()).run("t")
    assert (result.state, result.path[-1].reason) == ("bad", "raised an exception")


async def test_an_exception_that_nothing_waits_for_ends_the_run_and_names_the_state():
    made = one(ask("Go."), model=ScriptedModel([ModelError("down")]))
    with pytest.raises(ConversationError, match="f, backend \"state 'a', ask\", turn 0: ModelError: down"):
        await made.run("t")
    broken = one(call(lambda context: 1 / 0))
    with pytest.raises(ConversationError, match="state 'a': ZeroDivisionError"):
        await broken.run("t")


@pytest.mark.parametrize("output", [ask("Go."), run(LOOKUP, {"query": "x"}), call(lambda context: None)])
async def test_cancelling_ends_it_wherever_it_is(output: Any):
    slow = ScriptedModel(lambda request: asyncio.sleep(60, "late"), record=False)
    made = StateFlow("f", initial="a", final={"end"}, model=slow, max_transitions=10**9)
    made.state("a", output).state("b", ask("Wait.")).transition("a", "b", when=lambda context: context.visits > 30)
    made.transition("a", "a").transition("b", "end")
    going = made.run("t").start()
    await asyncio.sleep(0.02)
    going.cancel()
    result = await going
    assert result.stop_reason.kind == "cancelled"
    assert not result.finished


async def test_a_stop_condition_and_the_callers_cancellation_hold():
    made = StateFlow("f", initial="a", final={"end"}, model=ScriptedModel(lambda _: "x"))
    made.state("a", ask("Go.")).transition("a", "end", when=says("y")).transition("a", "a")
    assert len((await made.run("t", stop=MaxMessages(4))).messages) == 4
    task = asyncio.ensure_future(made.run("t")._wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
