"""What a report tells of a run: who said what, for how much, and what went on inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autogen_like import AssistantAgent, ConfigError, ConversableAgent, FunctionTool, ModelResponse, ScriptedModel

from autogen_like import NeedsApproval, ToolCall, Usage, UserProxyAgent  # isort: skip
from autogen_like.core.journal import Answered, Called, Closed, Opened, Said
from autogen_like.core.message import Message, ToolResult
from autogen_like.core.termination import StopReason
from autogen_like.store import Store
from autogen_like.store.report import DEEPEST, Noted, Report, Spoken, Step, Talk, report

SPENT = Usage(100, 20, cost=0.5, seconds=2.0)
EMPTY = {"turns": 0, "usage": {"actual": {}, "cached": {}}, "usage_by_agent": {}}


def wants(name: str, **arguments: Any) -> ModelResponse:
    return ModelResponse(tool_calls=(ToolCall(f"call-{name}", name, json.dumps(arguments)),), usage=SPENT)


def double(n: int) -> int:
    "Doubles."
    return 2 * n


def shape(step: Step) -> Any:
    if isinstance(step, Spoken):
        return f"{step.message.speaker}: {step.message.text}"
    return step.kind if isinstance(step, Noted) else [shape(one) for one in step.steps]


def all_steps(talks: Any) -> Iterator[Step]:
    for talk in talks:
        for step in talk.steps:
            yield step
            yield from all_steps([step]) if isinstance(step, Talk) else ()


async def only(store: Store) -> Report:
    (run,) = await store.runs()
    return await report(store, run.id)


async def test_messages_tell_what_they_cost_and_tools_how_long_they_took(store: Store):
    model = ScriptedModel([wants("double", n=4), ModelResponse("Eight.", usage=SPENT)])
    ada = AssistantAgent("ada", llm_config=model, tools=[FunctionTool(double)])
    await ada.run(message="Twice four?", store=store)
    told = await only(store)
    asked, called, answered, said, ended = told.talks[0].steps
    assert [step.number for step in (asked, called, answered, said)] == [1, 2, 3, 4]
    assert asked.seconds is None
    assert all(step.seconds >= 0 for step in (called, answered, said))
    assert [(step.tokens, step.cost) for step in (asked, called, answered, said)] == [
        (0, 0), (120, 0.5), (0, 0), (120, 0.5)
    ]  # fmt: skip
    assert list(answered.took) == ["call-double"]
    assert answered.took["call-double"] >= 0
    assert (ended.kind, ended.text) == ("ended", "answered: ada has answered")
    ((agent, model_name, tally),) = [(spent.agent, spent.model, spent.tally) for spent in told.spent]
    assert (agent, model_name, tally.figures()) == ("ada", "scripted", [2, 200, 40, 1.0, 4.0])
    assert told.total.figures() == tally.figures()


async def test_a_chat_inside_stands_where_it_began_and_is_counted_once(store: Store):
    clerk = AssistantAgent("clerk", llm_config=ScriptedModel([ModelResponse("It is fine.", usage=SPENT)]))
    desk = ConversableAgent("desk", human_input_mode="NEVER")
    desk.register_nested_chats([{"recipient": clerk, "message": "Is it?", "max_turns": 1}], trigger="user")
    await UserProxyAgent("user", human_input_mode="NEVER").run(desk, "A trip.", max_turns=1, store=store)
    told = await only(store)
    inside = ["desk: Is it?", "clerk: It is fine.", "ended"]
    assert [shape(talk) for talk in told.talks] == [["user: A trip.", inside, "desk: It is fine.", "ended"]]
    assert told.total.total_tokens == 120
    assert [spent.agent for spent in told.spent] == ["clerk"]


async def test_a_fork_shows_its_past_with_the_times_it_had(store: Store):
    ada = AssistantAgent("ada", llm_config=ScriptedModel(["One.", "Two."]))
    await ada.run(message="Count.", store=store)
    first = await only(store)
    fork = await store.fork(first.talks[0].id, 1)
    untouched = await report(store, fork)
    assert shape(untouched.talks[0]) == ["user: Count.", "forked"]
    await ada.run(message="Count.", store=store, resume=fork)
    told = await report(store, fork)
    assert shape(told.talks[0]) == ["user: Count.", "forked", "ada: Two.", "ended"]
    assert told.talks[0].steps[0].at == first.talks[0].steps[0].at
    assert told.talks[0].steps[1].text == f"from run {first.info.id}"


async def test_a_run_that_waits_says_for_what_and_an_answer_is_shown(store: Store):
    def agent() -> AssistantAgent:
        tool = FunctionTool(double, approval=NeedsApproval("double"))
        return AssistantAgent("ada", llm_config=ScriptedModel(lambda _: replies.pop(0)), tools=[tool])

    replies = [wants("double", n=4), "Eight."]
    await agent().run(message="Twice four?", human="pause", store=store)
    told = await only(store)
    (request,) = told.waiting
    assert (request.agent, "double" in request.prompt) == ("ada", True)
    await store.answer(told.info.id, request.id, True)
    assert (await only(store)).waiting == []
    await agent().run(store=store, resume=told.info.id)
    steps = [shape(step) for step in (await only(store)).talks[0].steps]
    assert steps == ["user: Twice four?", "ada: ", "paused", "answered", "resumed", "ada: ", "ada: Eight.", "ended"]


async def kept(store: Store, *records: Any, conversation: str = "c") -> Report:
    async with await store.begin("r") as run:
        for record in records:
            await run.append(*(record if isinstance(record, tuple) else (conversation, record)))
    return await report(store, "r")


async def test_a_call_without_a_result_is_said_to_be_uncertain(store: Store):
    call = ToolCall("x", "pay", "{}")
    state = {"version": 1, "run": EMPTY}
    opened = Opened("", ("ada",), state)
    told = await kept(store, opened, Said(Message("ada", None, (call,), id="m"), state), Called("m", 0, call))
    assert shape(told.talks[0]) == ["ada: ", "unfinished"]
    assert "pay was called" in told.talks[0].steps[1].text


async def test_an_answer_that_nobody_has_gone_on_with_is_shown(store: Store):
    told = await kept(store, Opened("", ("ada",), {}), Said(Message("bob", "Hi"), {}), Answered("q", "ada", "Go on"))
    assert told.talks[0].steps[-1].text == "ada: Go on"


async def test_a_result_that_the_process_never_saw_begin_has_no_time(store: Store):
    call = ToolCall("x", "pay", "{}")
    result = ToolResult("x", "pay", "unknown")
    told = await kept(
        store, Opened("", ("ada",), {}), Said(Message("ada", None, (call,), id="m"), {}), Called("m", 0, call, result),
        Said(Message("ada", tool_results=(result,)), {}), Closed(StopReason("error", "bob: failed", "bob"), {}),
    )  # fmt: skip
    assert told.talks[0].steps[1].took == {}
    assert told.talks[0].steps[2].text == "error: bob: failed"
    assert told.total.total_tokens == 0


async def test_a_conversation_that_goes_on_at_another_place_is_shown_at_both(store: Store):
    told = await kept(
        store, ("a", Opened("", ("ada",), {})),
        ("b", Opened("/0/1", ("bob",), {})), ("b", Said(Message("bob", "1"), {})),
        ("a", Said(Message("ada", "2"), {})), ("b", Opened("/1/1", ("bob",), {})), ("b", Said(Message("bob", "3"), {})),
    )  # fmt: skip
    assert [shape(talk) for talk in told.talks] == [[["bob: 1"], "ada: 2", ["bob: 3"]]]
    assert [step.number for step in all_steps(told.talks) if isinstance(step, Spoken)] == [1, 1, 2]


async def test_chats_that_are_nested_for_ever_end_up_side_by_side(store: Store):
    opened = [(f"c{depth}", Opened("/1/1" * depth, ("ada",), {})) for depth in range(3 * DEEPEST)]
    told = await kept(store, *opened)
    assert max(talk.depth for talk in all_steps(told.talks) if isinstance(talk, Talk)) == DEEPEST
    assert 1 + sum(isinstance(step, Talk) for step in all_steps(told.talks)) + len(told.talks[1:]) == len(opened)


async def test_what_was_said_and_never_opened_is_not_lost(tmp_path: Path):
    async with Store(f"sqlite:///{tmp_path}/chats.db") as store:
        told = await kept(store, Said(Message("ada", "Hello"), {}))
        assert [shape(talk) for talk in told.talks] == [["ada: Hello"]]


async def test_a_run_that_is_not_there_is_said_so(store: Store):
    with pytest.raises(ConfigError, match="no run 'x'"):
        await report(store, "x")


FIGURES = [1, 2, 3, 0.5, 1.5]


@pytest.mark.parametrize(
    "state",
    [
        3,
        {"run": 3},
        {"run": {"usage": 3, "usage_by_agent": {}}},
        {"run": {"usage": {"actual": {"m": ["x", 2, 3, 4, 5]}, "cached": {}}, "usage_by_agent": {}}},
        {"run": {"usage": {"actual": {"m": FIGURES}, "cached": {}}, "usage_by_agent": []}},
        {"run": {"usage": {"actual": {"m": [*FIGURES[:4], float("inf")]}, "cached": {}}, "usage_by_agent": {}}},
        {"paused": {"requests": [3]}},
        {"paused": {"requests": [{"id": 3, "agent": "ada", "prompt": "?"}]}},
        {"paused": 3},
    ],
    ids=str,
)
async def test_a_run_whose_state_is_damaged_is_not_imported_and_hides_no_other(store: Store, state: Any):
    good = await kept(store, Opened("", ("ada",), {}), Said(Message("ada", "Hi", id="m"), {}))
    lines = [json.loads(line) async for line in store.export_lines(good.info.id)]
    lines[-1]["state"] = state
    with pytest.raises(ConfigError, match="line 3 is damaged"):
        await store.import_lines(map(json.dumps, lines))
    assert [info.id for info in await store.runs()] == ["r"]


async def test_a_state_of_somebody_elses_making_is_one_clear_error(tmp_path: Path):
    async with Store(f"sqlite:///{tmp_path}/chats.db") as store:
        inside = ("d", Opened("/0/1", ("bob",), {})), ("d", Said(Message("bob", "Hi"), {"run": {"usage": 3}}))
        with pytest.raises(ConfigError, match="run 'r' wasn't written by a store of ours"):
            await kept(store, Opened("", ("ada",), {}), *inside)
