"""What leads from state to state: conditions, and choices of a model."""

from __future__ import annotations

import asyncio

import pytest
from flows import LOOKUP, prompts

from autogen_like import (
    ConversationError,
    Limits,
    ScriptedModel,
)
from autogen_like.models.client import Capabilities
from autogen_like.stateflow import (
    Context,
    StateFlow,
    ask,
    choose,
    matches,
    returned,
    run,
    says,
)

UNABLE = Capabilities(choices=False)


async def test_transitions_look_at_texts_patterns_and_tools_in_order():
    model = ScriptedModel(["Submit!", "total: 42", "x"])
    made = StateFlow("f", initial="a", final={"end"}, model=model)
    made.state("a", ask("1")).transition("a", "b", when=says("submit")).transition("a", "end")
    made.state("b", ask("2")).transition("b", "end", when=says("tota")).transition("b", "c", when=matches(r"\d+"))
    made.state("c", ask("3"), run(LOOKUP)).transition("c", "end", when=returned("nobody"))
    made.transition("c", "d", when=returned("lookup", lambda result: "found x" in result.content))
    made.state("d").transition("d", "end", when=returned("lookup"))
    result = await made.run("t")
    assert [step.reason for step in result.path[1:]] == [
        "says 'submit'", "matches '\\\\d+'", "lookup returned a function", "lookup returned"
    ]  # fmt: skip


async def test_a_predicate_may_be_async_and_named():
    async def late(context: Context) -> bool:
        await asyncio.sleep(0)
        return context.task == "t"

    made = StateFlow("f", initial="a", final={"end"}).state("a").transition(["a"], "end", when=late)
    assert (await made.run("t")).path[-1].reason == "late"
    stuck = await made.run("other")
    assert stuck.stop_reason.kind == "no_speaker"
    assert "no transition of the state 'a' holds" in stuck.stop_reason.detail
    assert not stuck.finished


async def test_a_predicate_that_raises_is_named_with_its_state():
    made = StateFlow("f", initial="a", final={"end"}).state("a").transition("a", "end", when=lambda context: 1 / 0)
    with pytest.raises(ConversationError, match="f, state 'a': ZeroDivisionError"):
        await made.run("t")


async def test_a_model_that_can_be_constrained_is_given_the_legal_states_alone():
    chooser = ScriptedModel(["end"])
    made = StateFlow("f", initial="a", final={"end"}).state("a", description="Try once more.")
    made.transition("a", choose(chooser, ["a", "end"]))
    await made.run("t")
    assert chooser.requests[0].constraint.options == ("a", "end")
    assert "a: Try once more.\nend" in prompts(chooser)[0][-1]


async def test_a_model_that_names_no_state_is_asked_again_and_then_the_default_is_taken():
    chooser = ScriptedModel(["no idea", "either a or end", "The end."], capabilities=UNABLE)
    made = StateFlow("f", initial="a", final={"end", "other"}).state("a")
    made.transition("a", choose(chooser, ["a", "end", "other"], default="other"))
    result = await made.run("t")
    assert result.path[-1].reason == "the model chose it, asked 3 times"
    assert result.edges["a", "end"].requests == 3
    lost = ScriptedModel(["hm"] * 3, capabilities=UNABLE)
    made.transitions.clear()
    made.transition("a", choose(lost, ["a", "end", "other"], default="other"))
    result = await made.run("t")
    assert (result.state, result.path[-1].reason) == ("other", "the model named no state; this is the default")


async def test_a_choice_may_have_a_condition_and_leaves_out_what_is_used_up():
    chooser = ScriptedModel(["a", "b"])
    made = StateFlow("f", initial="a", final={"end"}, model=chooser)
    made.state("a", max_visits=1, otherwise="end").state("b", max_visits=1, otherwise="end")
    made.transition("*", choose(None, ["a", "b"]), when=lambda context: True)
    result = await made.run("t")
    assert [(step.target, step.reason) for step in result.path[1:]] == [
        ("b", "a function: the only one left"),
        ("end", "a function: the model chose it; 'a' was visited 1 times"),
    ]


async def test_a_budget_ends_the_run_before_a_choice_is_paid_for():
    chooser = ScriptedModel(["hm"] * 9, capabilities=UNABLE)
    made = StateFlow("f", initial="a", final={"end"}).state("a").transition("a", choose(chooser, ["a", "end"]))
    result = await made.run("t", limits=Limits(requests=2))
    assert (result.stop_reason.kind, chooser.calls) == ("budget", 2)
