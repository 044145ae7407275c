"""Calls of a run whose process ended: what is known to have run isn't run again."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_like.core.errors import PersonNeeded
from autogen_like.core.events import ApprovalRequested, Event, ToolStarted
from autogen_like.core.message import Message, ToolCall, ToolResult
from autogen_like.core.run import Run
from autogen_like.core.transcript import Transcript
from autogen_like.tools.runner import run_calls
from autogen_like.tools.tool import FunctionTool
from autogen_like.tools.toolbox import Toolbox

CALLS = [ToolCall("a", "pay", '{"amount": 1}'), ToolCall("b", "pay", '{"amount": 2}')]


async def going_on(
    recovered: Any, *, repeatable: bool = False, human: Any = "pause", tell: bool = False
) -> tuple[Any, list[int], list[Event]]:
    paid: list[int] = []
    events: list[Event] = []

    def pay(amount: int) -> str:
        "Pays."
        paid.append(amount)
        return f"paid {amount}"

    async def main(run: Run[Any]) -> Any:
        run.recovered.update(recovered)
        run.tell_uncertain = tell
        log = Transcript([Message("ada", tool_calls=tuple(CALLS), id="m")])
        tools = Toolbox([FunctionTool(pay, repeatable=repeatable, inline=True)])
        return await run_calls(CALLS, tools, run=run, conversation="c", speaker="ada", transcript=log)

    run = Run(main, human=human)
    run.subscribe(events.append)
    return await run, paid, events


async def answer_yes(request: Any) -> str:
    return "yes"


async def answer_paid(request: Any) -> str:
    return "it was paid at noon"


async def test_a_call_with_a_known_result_is_not_run_again():
    known = ToolResult("a", "pay", "paid 1")
    results, paid, events = await going_on({("m", 0): known})
    assert results == (known, ToolResult("b", "pay", "paid 2"))
    assert paid == [2]
    assert [event.call.id for event in events if isinstance(event, ToolStarted)] == ["b"]


async def test_a_repeatable_call_that_may_have_run_is_run_again():
    results, paid, _ = await going_on({("m", 0): None}, repeatable=True)
    assert [result.content for result in results] == ["paid 1", "paid 2"]
    assert paid == [1, 2]


async def test_any_other_that_may_have_run_waits_for_a_person_and_nothing_runs_before():
    with pytest.raises(PersonNeeded) as caught:
        await going_on({("m", 0): None})
    (request,) = caught.value.requests
    assert isinstance(request, ApprovalRequested)
    assert request.prompt.startswith("ada may have run pay with")


async def test_a_person_may_have_it_run_again():
    _, paid, _ = await going_on({("m", 0): None}, human=answer_yes)
    assert paid == [1, 2]


async def test_or_says_what_came_of_it():
    results, paid, _ = await going_on({("m", 0): None}, human=answer_paid)
    assert results[0].content == (
        "Error: it is unknown whether this ran: the process died meanwhile. It was not run again. "
        "A person says: it was paid at noon"
    )
    assert paid == [2]


async def test_or_the_model_is_told_that_nobody_knows():
    results, paid, _ = await going_on({("m", 0): None}, tell=True)
    assert results[0].content == "Error: it is unknown whether this ran: the process died meanwhile."
    assert paid == [2]


async def test_calls_of_another_message_are_none_of_its_business():
    _, paid, _ = await going_on({("other", 0): None, ("m", 7): None})
    assert paid == [1, 2]
