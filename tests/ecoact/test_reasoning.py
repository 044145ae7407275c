"""ReAct and DFSDT: chains, back-tracking, and registrations that aren't branched."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dying import Memory
from selective_boxes import asking, offered, registers, tools, uses

from autogen_like import ConfigError, ConversationError, Limits
from autogen_like.ecoact import DFSDT, BranchEnded, ReAct, SelectiveToolbox


def listening(run: Any) -> list[BranchEnded]:
    ended: list[BranchEnded] = []
    run.subscribe(lambda event: ended.append(event) if isinstance(event, BranchEnded) else None)
    return ended


async def test_a_chain_goes_to_its_answer_in_one_turn():
    box = SelectiveToolbox(tools())
    ada, model = asking(box, registers("tool_1"), uses(box, "tool_1"), "Three.")
    ReAct(ada)
    run = ada.run(message="1 + 2?")
    ended = listening(run)
    result = await run
    assert [message.text for message in result.messages] == ["1 + 2?", "Three."]
    assert offered(model)[1] == ["tool_register", "tool_1"]
    assert [(one.depth, one.answer) for one in ended] == [(3, "Three.")]
    assert "step by step" in model.requests[0].messages[0]["content"]


async def test_a_chain_that_is_given_up_has_no_answer():
    ada, _ = asking(SelectiveToolbox(tools()), "I give up.", "never said")
    ReAct(ada)
    assert (await ada.run(message="Go.")).summary.startswith("No answer was found")


async def test_a_way_that_leads_nowhere_is_left_for_another_and_what_was_registered_stays():
    box = SelectiveToolbox(tools())
    ada, model = asking(
        box, registers("tool_1"), uses(box, "tool_1"), "GIVE UP", "GIVE UP.", uses(box, "tool_1", 5, 5), "Ten."
    )
    DFSDT(ada)
    run = ada.run(message="Go.")
    ended = listening(run)
    assert (await run).summary == "Ten."
    assert [one.why for one in ended] == ["given up", "given up", "answered"]
    assert all(names == ["tool_register", "tool_1"] for names in offered(model)[1:])
    aside = model.requests[4].messages[-1]["content"]
    assert 'tool_1({"a": 1, "b": 2})' in aside
    assert "Do something else" in aside
    assert "Do something else" not in str(model.requests[5].messages)


async def test_a_registration_is_not_branched():
    box = SelectiveToolbox(tools())
    ada, model = asking(box, registers("tool_1"), "GIVE UP", "GIVE UP", "never asked")
    DFSDT(ada)
    assert (await ada.run(message="Go.")).summary == "No answer was found: all ways were tried."
    assert model.calls == 3


async def test_a_call_is_branched_as_often_as_the_width_says():
    for width in (1, 2, 3):
        box = SelectiveToolbox(tools(3), mode="full")
        ada, model = asking(box, *[uses(box, "tool_1", at, at) for at in range(40)])
        DFSDT(ada, width=width, depth=2)
        await ada.run(message="Go.")
        assert model.calls == width + width**2


async def test_requests_and_budgets_end_a_search():
    box = SelectiveToolbox(tools(3), mode="full")
    ada, model = asking(box, *[uses(box, "tool_1", at, at) for at in range(40)])
    DFSDT(ada, requests=5)
    assert (await ada.run(message="Go.")).summary == "No answer was found: 5 requests were made."
    assert model.calls == 5
    ada, model = asking(box, *[uses(box, "tool_1", at, at) for at in range(40)])
    DFSDT(ada)
    result = await ada.run(message="Go.", limits=Limits(requests=4))
    assert (result.stop_reason.kind, model.calls) == ("budget", 4)


async def test_a_search_can_be_cancelled():
    box = SelectiveToolbox(tools(3), mode="full")
    ada, model = asking(box, *[uses(box, "tool_1", at, at) for at in range(10_000)])
    DFSDT(ada, depth=9_000, requests=9_000)
    run = ada.run(message="Go.")
    task = asyncio.ensure_future(_result(run))
    while model.calls < 3:
        await asyncio.sleep(0)
    run.cancel()
    assert (await task).stop_reason.kind == "cancelled"
    assert model.calls < 100


async def _result(run: Any) -> Any:
    return await run


async def test_a_search_that_would_be_kept_is_refused():
    ada, _ = asking(SelectiveToolbox(tools()), "Hi.")
    DFSDT(ada)
    with pytest.raises(ConversationError, match="can't be kept"):
        await ada.run(message="Go.", store=Memory())


def test_bad_settings_of_a_search_are_refused():
    ada, _ = asking(SelectiveToolbox(tools()), "Hi.")
    with pytest.raises(ConfigError):
        DFSDT(ada, width=0)
    with pytest.raises(ConfigError, match="ConversableAgent"):
        ReAct(object())
