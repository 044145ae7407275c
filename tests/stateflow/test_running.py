"""A flow runs, and what is told of it: its path, its costs, step by step."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from flows import one, sql, texts

from autogen_like import (
    MessageAdded,
    ScriptedModel,
    StopReason,
    Usage,
)
from autogen_like.stateflow import (
    OutputProduced,
    StateEntered,
    StateFlow,
    TransitionTaken,
    ask,
    call,
)


async def test_it_goes_through_its_states_and_tells_why():
    made = sql("tables", "boom", "rows", "It does.")
    going = made.run("How many?")
    events = [event async for event in going]
    result = await going
    assert [(step.source, step.target, step.reason) for step in result.path] == [
        ("", "observe", "it begins"),
        ("observe", "solve", "succeeded"),
        ("solve", "error", "failed"),
        ("error", "verify", "succeeded"),
        ("verify", "end", "the model chose it"),
    ]
    assert result.finished
    assert result.state == "end"
    assert result.summary == "It does."
    assert result.stop_reason == StopReason("answered", "sql has reached 'end'", "sql")
    assert [speaker for speaker, _ in texts(result)] == ["user", *["sql", "lookup"] * 3, "sql"]
    assert [event.state for event in events if isinstance(event, StateEntered)] == [
        "observe", "solve", "error", "verify", "end"
    ]  # fmt: skip
    taken = [event for event in events if isinstance(event, TransitionTaken)]
    assert [(one.source, one.target) for one in taken][-1] == ("verify", "end")
    produced = [(one.output, one.ok) for one in events if isinstance(one, OutputProduced) and one.state == "solve"]
    assert produced == [("ask", True), ("run lookup", False)]
    assert {event.recipient for event in events if isinstance(event, MessageAdded)} == {"sql", "user"}


async def test_costs_are_told_by_state_and_edge():
    usage = Usage(10, 5, cost=0.5)
    made = sql("tables", "rows", "Yes.", chooser=ScriptedModel(["end"], usage=Usage(7, 1, cost=0.25)), usage=usage)
    result = await made.run("t")
    assert {name: (spent.requests, spent.tokens, spent.cost) for name, spent in result.states.items()} == {
        "observe": (1, 15, 0.5), "solve": (1, 15, 0.5), "verify": (1, 15, 0.5), "end": (0, 0, 0.0)
    }  # fmt: skip
    assert result.edges["verify", "end"].prompt_tokens == 7
    assert sum(spent.cost for spent in (*result.states.values(), *result.edges.values())) == 1.75
    assert result.usage_by_agent["sql"].total.cost == 1.75
    told = made.explain(result)
    assert "   2. observe -> solve: succeeded" in told
    assert "choosing: 1 requests, 7 + 1 tokens, $0.2500" in told


async def test_the_answer_may_be_made_of_the_context():
    made = StateFlow("f", initial="a", final={"end"}, answer=lambda context: context.data["best"])
    made.state("a", call(lambda context: context.data.update(best="42"))).transition("a", "end")
    assert (await made.run("t")).summary == "42"


async def test_it_can_be_gone_through_step_by_step():
    seen: list[str] = []

    async def step(event: Any) -> None:
        seen.append(type(event).__name__)
        await asyncio.sleep(0)

    await one(call(lambda context: "x")).run("t", on_step=step)
    assert seen == ["StateEntered", "OutputProduced", "TransitionTaken", "StateEntered"]
    await one(call(lambda context: "x")).run("t", on_step=lambda event: seen.append("plain"))
    assert seen[4:] == ["plain"] * 4


async def test_what_a_flow_does_in_a_long_run_costs_no_stack():
    made = StateFlow("f", initial="a", final={"end"}, max_transitions=10**9).state("a", call(lambda context: None))
    made.transition("a", "end", when=lambda context: context.visits > sys.getrecursionlimit()).transition("a", "a")
    assert (await made.run("t")).finished


async def test_a_thousand_run_at_once_and_keep_apart():
    made = StateFlow("f", initial="a", final={"end"}, model=ScriptedModel(lambda r: r.messages[0]["content"]))
    made.state("a", ask("Say it.")).transition("a", "end")
    results = await asyncio.gather(*(made.run(str(n)).start()._wait() for n in range(1000)))
    assert [result.summary for result in results] == [str(n) for n in range(1000)]
