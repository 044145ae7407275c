"""Forecasts, reports, and what is learned."""

from __future__ import annotations

import json

import pytest
from selective_boxes import asking, calls, registers, tool, tools, uses

from autogen_like import ConfigError, Message
from autogen_like.ecoact import Prices, SelectiveToolbox, Workload
from autogen_like.ecoact.costs import Chain, Use, listing, registering
from autogen_like.ecoact.registry import Registry
from autogen_like.ecoact.room import room_for

CHAIN = Chain(100, (Use("a", 10, 50), Use("b", 10, 50), Use("a", 10, 50)), 20)


def test_listing_sends_all_schemas_each_time_and_the_rest_is_cached():
    steps = listing(CHAIN, 1000)
    assert [step.sent for step in steps] == [1100, 1160, 1220, 1280]
    assert [step.cached for step in steps] == [0, 1100, 1160, 1220]


def test_a_schema_in_the_list_of_tools_loses_the_cached_history_and_one_in_a_result_does_not():
    native = registering(CHAIN, 40, {"a": 200, "b": 300})
    inline = registering(CHAIN, 40, {"a": 200, "b": 300}, layout="inline")
    assert [step.tools for step in native] == [40, 240, 240, 540, 540, 540]
    assert [step.tools for step in inline] == [40] * 6
    assert sum(step.sent for step in native) == sum(step.sent for step in inline)
    assert [step.cached for step in native] == [0, 40, native[1].sent, 240, native[3].sent, native[4].sent]
    assert [step.cached for step in inline] == [0, *(step.sent for step in inline[:-1])]


def test_all_at_once_is_one_more_request():
    assert len(registering(CHAIN, 40, {"a": 1, "b": 1}, at_once=True)) == len(listing(CHAIN, 2)) + 1


def test_the_forecast_grows_with_the_tools_and_names_where_it_breaks_even():
    few, many = (SelectiveToolbox(tools(number)).forecast() for number in (3, 60))
    assert (few.register, many.register) == (False, True)
    assert few.saved < 0 < many.saved
    assert 3 < few.break_even < 60
    at = SelectiveToolbox(tools(few.break_even + 1)).forecast()
    assert at.saved > 0
    assert f"from {few.break_even} such tools on" in str(few)


def test_cached_input_moves_the_break_even_and_the_inline_layout_moves_it_back():
    prices = Prices(1.0, 4.0, 0.1)
    plain = SelectiveToolbox(tools(20)).forecast()
    native = SelectiveToolbox(tools(20), prices=prices).forecast()
    inline = SelectiveToolbox(tools(20), prices=prices, layout="inline").forecast()
    assert plain.break_even < native.break_even
    assert inline.break_even < native.break_even


def test_where_nothing_has_a_price_many_tools_are_registered_all_the_same():
    free = Prices(0.0, 0.0)
    assert SelectiveToolbox(tools(60), prices=free, mode="auto").chooses()
    assert not SelectiveToolbox(tools(3), prices=free, mode="auto").chooses()
    assert SelectiveToolbox(tools(60), prices=free).forecast().break_even == (
        SelectiveToolbox(tools(60)).forecast().break_even
    )


def test_a_model_s_prices_come_from_the_table():
    assert SelectiveToolbox(tools(1), prices="gpt-4o").prices == Prices(2.5, 10.0, 1.25)
    with pytest.raises(ConfigError, match="no prices are known for the model 'gpt-4-oh'"):
        SelectiveToolbox(tools(1), prices="gpt-4-oh")
    with pytest.raises(ConfigError):
        Prices(-1.0)
    with pytest.raises(ConfigError):
        Workload(calls=1, tools=2)


@pytest.mark.parametrize("layout", ["native", "inline"])
async def test_the_report_counts_what_the_requests_really_held(layout):
    box = SelectiveToolbox(tools(30), layout=layout)
    ada, model = asking(box, registers("tool_3"), uses(box, "tool_3"), uses(box, "tool_3", 4, 4), "Done.")
    result = await ada.run(message="Go.")
    report = box.report(result)
    count = box._catalog.count
    sent = [
        sum(count(json.dumps(one["function"], ensure_ascii=False)) for one in request.tools)
        for request in model.requests
    ]
    assert [step.tools for step in report.steps] == pytest.approx(sent, abs=4)
    assert (len(report.steps), len(report.listing)) == (4, 3)
    assert report.registered == report.called == ("tool_3",)
    everything = sum(count(json.dumps(one.schema["function"], ensure_ascii=False)) for one in tools(30))
    assert {step.tools for step in report.listing} == {everything}
    assert report.saved > 0.5
    assert "US dollars" in str(report)
    assert 0 < report.registrations < report.bill.sent


async def test_the_report_of_full_listing_is_the_same_on_both_sides():
    box = SelectiveToolbox(tools(5), mode="full")
    ada, _ = asking(box, calls("tool_1", {"a": 1, "b": 1}), "Two.")
    report = box.report(await ada.run(message="Go."))
    assert report.steps == report.listing
    assert (report.saved, report.registrations) == (0.0, 0)


async def test_a_call_made_too_early_counts_as_a_cost_of_registering():
    box = SelectiveToolbox(tools(5))
    ada, _ = asking(box, uses(box, "tool_1"), registers("tool_1"), uses(box, "tool_1", 2, 2), "Four.")
    report = box.report(await ada.run(message="Go."))
    assert (len(report.steps), len(report.listing)) == (4, 2)


async def test_the_chart_draws_both_ways(tmp_path):
    box = SelectiveToolbox(tools(30))
    ada, _ = asking(box, registers("tool_3"), uses(box, "tool_3"), "Done.")
    figure = box.report(await ada.run(message="Go.")).chart()
    assert [line.get_label() for line in figure.axes[0].lines] == ["listing all tools", "as it was"]
    figure.savefig(tmp_path / "chart.png")


async def test_what_is_learned_moves_the_forecast_and_only_when_told():
    box = SelectiveToolbox([tool(f"t{at}") for at in range(15)], mode="auto")
    before = box.forecast()
    steps = [one for at in range(8) for one in (registers(f"t{at}"), uses(box, f"t{at}", at, at))]
    ada, _ = asking(box, *steps, "Done.")
    result = await ada.run(message="Go.")
    assert box.forecast() is before
    for _ in range(10):
        box.learn(result)
    assert box.workload.tools > 6
    assert box.forecast().saved < before.saved


def test_a_report_needs_messages():
    with pytest.raises(ConfigError, match="result of a chat"):
        SelectiveToolbox(tools(1)).report("nothing")
    report = SelectiveToolbox(tools(2)).report([Message("ada", "Hi.")])
    assert len(report.steps) == 1


@pytest.mark.parametrize(
    ("window", "used", "grown", "cached", "leaves"),
    [
        (10_000, 0, 0, None, ()),  # there is room
        (900, 19, 0, None, ()),  # nothing is old
        (900, 0, 0, 1.0, ("a",)),  # what is cached costs as much as anything: nothing is lost
        (900, 0, 0, 0.01, ()),  # going on is cheaper than losing what is cached
        (900, 0, 19, 0.01, ("a",)),  # a registration has just lost it anyway
        (700, 0, 0, 0.01, ("a",)),  # full
    ],
)
def test_what_makes_room_is_old_and_worth_it(window, used, grown, cached, leaves):
    listed = SelectiveToolbox([tool("a", description="Words. " * 40), tool("b")]).listed()
    registry = Registry()
    registry.used, registry.taken, registry.grown, registry.tokens = {"a": used, "b": 19}, 20, grown, 500
    room = room_for(registry, listed, window, 100, Prices(1.0, 4.0, cached), Workload())
    assert (room.names if room is not None else ()) == leaves
