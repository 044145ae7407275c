"""What is wrong with a declaration is said when it is built, with the state's name."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_like import ConfigError, ConversableAgent, ScriptedModel
from autogen_like.stateflow import (
    StateFlow,
    ask,
    call,
    chat,
    choose,
    failed,
    flow,
    instruct,
    last,
    matches,
    raised,
    run,
    says,
    succeeded,
)

MODEL = ScriptedModel([])


def build(**more: Any) -> StateFlow:
    return StateFlow("f", **{"initial": "a", "final": {"end"}, "model": MODEL, **more})


def problems(made: StateFlow) -> str:
    with pytest.raises(ConfigError) as caught:
        made.check()
    return str(caught.value)


def test_a_good_flow_is_built_and_final_states_need_no_declaration():
    plan = build().state("a", ask("Go.")).transition("a", "end").check()
    assert list(plan.states) == ["a", "end"]


def test_a_flow_that_changes_is_checked_again():
    made = build().state("a").transition("a", "end")
    made.check()
    made.state("island")
    assert "'island' can't be reached" in problems(made)


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: build(final=()).state("a").transition("a", "a"), "no final state"),
        (lambda: build().state("b").transition("b", "end"), "initial state 'a' is not declared"),
        (lambda: build().state("a").transition("a", "end").state("b").transition("b", "end"), "'b' can't be reached"),
        (
            lambda: (
                build()
                .state("a")
                .transition("a", "b", when=failed)
                .transition("a", "end")
                .state("b")
                .transition("b", "b")
            ),
            "'b' has no way to a final state",
        ),
        (lambda: build().state("a").transition("a", "nowhere"), "leads to 'nowhere', which is no state"),
        (lambda: build().state("a").transition("a", "end").transition("b", "end"), "out of 'b', which is no state"),
        (lambda: build().state("a").transition("a", choose(None, ["end", "gone"])), "leads to 'gone'"),
        (
            lambda: build().state("a").transition("a", "end").transition("end", "a"),
            "'end' is final, and nothing can lead out",
        ),
        (
            lambda: build().state("a").transition("a", "end").transition("a", "a", when=failed),
            "of 'a' to a is never taken",
        ),
        (
            lambda: build().state("a").transition("a", "end", when=succeeded).transition("a", "a", when=succeeded),
            "ambiguous: succeeded leads to end already",
        ),
        (
            lambda: build().state("a").state("b").transition("a", "b").transition("a", "end", when=raised()),
            "'b' is not final, and nothing leads out",
        ),
        (lambda: build().state("a", max_visits=2).transition("a", "end"), "'a' has a limit: say where to go"),
        (lambda: build().state("a", otherwise="end").transition("a", "end"), "no max_visits or timeout to reach"),
        (lambda: build().state("a", timeout=1, otherwise="x").transition("a", "end"), "otherwise='x', which is no"),
        (lambda: build().state("a", timeout=1, otherwise="a").transition("a", "end"), "itself as otherwise"),
        (lambda: build(model=None).state("a", ask("Go.")).transition("a", "end"), "'a' asks a model and has none"),
        (
            lambda: build(model=None).state("a").transition("a", choose(None, ["a", "end"])),
            "'a' has a choice and no model",
        ),
        (
            lambda: build().state("a", ask(ConversableAgent("f"))).transition("a", "end"),
            "has the flow's own name 'f'",
        ),
        (
            lambda: build().state("a", ask(ConversableAgent("x")), ask(ConversableAgent("x"))).transition("a", "end"),
            "two participants have the name 'x'",
        ),
    ],
)
def test_a_bad_declaration_is_refused_and_names_the_state(declare: Any, said: str):
    assert said in problems(declare())


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: build().state("a").state("a"), "two states 'a'"),
        (lambda: build().state("*"), "a state's name"),
        (lambda: build().state("a", "not an output"), "takes outputs"),
        (lambda: build().state("a", max_visits=0), "max_visits of the state 'a'"),
        (lambda: build().state("a", timeout=0), "timeout of the state 'a'"),
        (lambda: build().transition("a", 3), "leads to a state's name"),
        (lambda: build().transition("a", "b", when="yes"), "'when' must be a condition"),
        (lambda: build(final="end"), "must be a set or list"),
        (lambda: build(initial=" a"), "initial state must be"),
        (lambda: build(instruction="middle"), '"last" or "first"'),
        (lambda: build(max_transitions=0), "max_transitions of f"),
        (lambda: build().state("a").transition("a", "end").run("x", on_step="print"), "on_step must be a function"),
        (lambda: build().state("a").transition("a", "end").run(3), "the task must be a text"),
        (lambda: ask("Do it.", "Now."), "is neither"),
        (lambda: ask(MODEL, 3), "must be a text"),
        (lambda: ask(object()), "cannot take part"),
        (lambda: ask(MODEL, "x", rounds=0), "at least 1"),
        (lambda: instruct(" "), "not an empty one"),
        (lambda: call(3), "takes a function"),
        (lambda: chat("ada"), "takes an agent"),
        (lambda: flow("other"), "takes a StateFlow"),
        (lambda: run(print, 3), "must be a dict or a function"),
        (lambda: last(0), "at least 1"),
        (lambda: says(" "), "needs a text"),
        (lambda: matches("("), "no regular expression"),
        (lambda: choose(MODEL, "end"), "a list of states"),
        (lambda: choose(MODEL, ["end"]), "at least two"),
        (lambda: choose(MODEL, ["a", "b"], default="c"), "none of its states"),
        (lambda: choose(MODEL, ["a", "b"], retries=-1), "0 or more"),
        (lambda: choose(MODEL, ["a", "b"], prompt="Which?"), "a place for the states"),
        (lambda: choose(object(), ["a", "b"]), "takes a model"),
    ],
)
def test_a_bad_setting_is_refused_where_it_is_written(declare: Any, said: str):
    with pytest.raises(ConfigError) as caught:
        declare()
    assert said in str(caught.value)


def test_many_problems_are_listed_and_counted():
    made = build().state("a").transition("a", "end")
    for number in range(30):
        made.state(f"island {number}").transition(f"island {number}", "end")
    said = problems(made)
    assert "'island 9' can't be reached" in said
    assert "and 20 more" in said


def test_a_wildcard_leads_out_of_every_state_but_final_ones():
    made = build().state("a").state("b").transition("a", "b", when=succeeded).transition("*", "end", when=failed)
    plan = made.transition("*", "end").check()
    assert [edge.targets for edge in plan.out["b"]] == [("end",), ("end",)]
    assert plan.out["end"] == ()
    assert repr(made) == "StateFlow('f', 2 states, 3 transitions)"


def test_a_flow_that_runs_itself_inside_another_is_refused():
    outer, inner = build(), StateFlow("g", initial="b", final={"done"})
    outer.state("a", flow(inner), flow(inner)).transition("a", "end")
    outer.check()
    inner.state("b", flow(outer)).transition("b", "done")
    outer.state("c").transition("c", "end")
    assert "the state 'a' runs the flow 'f' inside itself" in problems(outer)
    assert "the state 'b' runs the flow 'g' inside itself" in problems(inner)
