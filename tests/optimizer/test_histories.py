"""Histories are shown within the window, shortened by the rule that the docs state."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_like import ContextOverflow, FunctionSet
from autogen_like.models.tokens import count_tokens
from autogen_like.optimizer.evaluation import Evaluation, Failure, Record
from autogen_like.optimizer.histories import fit, render
from autogen_like.optimizer.prompts import function_prompt, prompt_prompt


def count(text: str) -> int:
    return count_tokens(text).tokens


def record(task, words, score=0.0):
    history = [{"role": "user", "content": f"begin{task} " + "word " * words + f"end{task}"}]
    return Record(task, history, score)


def test_messages_calls_and_results_are_shown():
    history = [
        {"role": "user",
         "content": [{"type": "text", "text": "Add."}, {"type": "image_url", "image_url": {"url": "x"}}]},
        {"role": "assistant", "name": "ada", "content": None,
         "tool_calls": [{"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]},
        {"role": "tool", "name": "ada", "content": "2", "tool_responses": [{"tool_call_id": "1", "content": "2"}]},
        {"role": "assistant", "content": None, "function_call": {"name": "old", "arguments": "{}"}},
        {"role": "assistant", "content": {"odd": 1}},
        {"role": "assistant", "content": ""},
    ]  # fmt: skip
    lines = render(history).splitlines()
    assert lines[0].startswith("user: Add.")
    assert lines[1:] == ['ada calls add({"a": 1})', "ada got: 2", "assistant calls old({})", 'assistant: {"odd": 1}']


def test_histories_that_fit_stand_whole():
    text = fit([record(0, 50), record(1, 50, 1.0)], 10_000, count)
    assert "left out" not in text
    assert "### Task 1 (score 1)" in text


def test_long_ones_give_way_to_short_ones_and_keep_both_ends():
    text = fit([record(0, 2000), record(1, 10), record(2, 2000)], 1000, count)
    assert text.count("tokens are left out here") == 2
    for mark in ("begin0", "end0", "begin1", "end1", "begin2", "end2"):
        assert mark in text


def test_where_shares_grow_too_small_what_went_well_goes_first():
    records = [record(task, 300, score=float(task % 2)) for task in range(10)]
    text = fit(records, 600, count)
    shown = [task for task in range(10) if f"### Task {task} " in text]
    assert set(shown) >= {0, 2, 4, 6, 8}
    assert len(shown) < 10
    assert f"[{10 - len(shown)} of 10 histories are left out" in text


def test_what_broke_off_says_so():
    assert "It broke off: TimeoutError" in fit([Record(0, [], 0.0, "TimeoutError: x")], 100, count)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0.0, 1.0])), max_size=12), st.integers(100, 3000))
def test_they_never_take_more_than_their_room(given_, room):
    records = [record(task, words, score) for task, (words, score) in enumerate(given_)]
    assert count(fit(records, room, count)) <= room + 20  # the note about what is left out


def test_the_prompt_holds_all_that_the_paper_names(kit):
    start = FunctionSet([kit.function("alpha")])
    now = start.add(kit.function("beta"))
    best = Evaluation(start, (record(0, 5), record(1, 5, 1.0)))
    failures = [Failure(start.add(kit.function("bad")), 0.25), Failure(start.remove("alpha"), 0.0)]
    text = function_prompt(best, now, failures, actions_left=2, room=10_000, count=count)
    assert "List A: the functions at the start of this step (success rate 50.0%)" in text
    assert text.index("Success rate 0.0%\n- alpha") < text.index("Success rate 25.0%\n+ bad")
    assert '"name": "beta"' in text.split("List B")[1]
    assert "# Scores by task\n0: 0, 1: 1" in text
    assert "begin0" in text
    assert "2 more actions" in text
    assert "As List A." in function_prompt(best, start, [], actions_left=1, room=10_000, count=count)


def test_a_window_that_is_too_small_for_the_functions_is_an_error():
    best = Evaluation("Be brief. " * 1000, ())
    with pytest.raises(ContextOverflow, match="before any history"):
        prompt_prompt(best, [], room=500, count=count)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "tool_calls": [{"id": 1}]},
        {"role": "user", "tool_calls": "none"},
        {"role": "user", "tool_calls": [{"function": {}}]},
        {"tool_responses": ["a"], "function_call": 3},
        {},
    ],
)
def test_histories_that_are_not_well_made_are_read_all_the_same(message):
    assert "score 1" in fit([Record(0, [message], 1.0)], 1000, len)


def test_what_stays_the_same_in_a_step_comes_first(kit):
    start, now = FunctionSet([kit.function("a")]), FunctionSet([kit.function("a"), kit.function("b")])
    best = Evaluation(start, (Record(0, [{"role": "user", "content": "How many?"}], 0.0),))
    first = function_prompt(best, start, (), actions_left=3, room=10_000, count=len)
    second = function_prompt(best, now, (), actions_left=2, room=10_000, count=len)
    shared = first.partition("# List B")[0]
    assert "How many?" in shared
    assert second.startswith(shared)
