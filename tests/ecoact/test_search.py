"""Thousands of tools: searched by words or by meaning."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selective_boxes import asking, calls, offered, registers, results, tool, uses

from autogen_like import ConfigError, ConversationError
from autogen_like.ecoact import SelectiveToolbox
from autogen_like.ecoact.registry import called, wanted_names
from autogen_like.ecoact.search import stems

KINDS = ("weather", "invoice", "translation", "calendar", "flight")


def many(number: int = 1000) -> list[Any]:
    made = [tool(f"{KINDS[at % 5]}_{at}", description=f"Works on {KINDS[at % 5]} number {at}.") for at in range(number)]
    return [*made, tool("convertCurrency", description="Exchange rates between currencies, as of today.")]


async def test_what_is_found_can_be_registered_and_called():
    box = SelectiveToolbox(many(), results=3)
    search = calls("tool_search", {"query": "exchange money into another currency"})
    ada, model = asking(box, search, registers("convertCurrency"), uses(box, "convertCurrency"), "Three.")
    said = results(await ada.run(message="Euros?"))
    found = json.loads(said[0])
    assert found[0] == {"name": "convertCurrency", "description": "Exchange rates between currencies, as of today."}
    assert said[2] == "3"
    assert offered(model)[0] == ["tool_register", "tool_search"]
    assert "enum" not in json.dumps(model.requests[0].tools)
    assert len(json.dumps(model.requests[0].tools)) < 1500


async def test_names_are_listed_up_to_the_limit_and_searched_above():
    listed, searched = SelectiveToolbox(many(9), search_above=10), SelectiveToolbox(many(10), search_above=10)
    assert [len(box.schemas()) for box in (listed, searched)] == [1, 2]


async def test_a_search_for_nothing_or_for_what_is_not_there_says_so():
    box = SelectiveToolbox(many(20), search_above=1)
    ada, _ = asking(box, calls("tool_search", {}), calls("tool_search", {"query": "zygote"}), "Sorry.")
    said = results(await ada.run(message="Go."))
    assert said[0].startswith("Error: tool_search takes")
    assert said[1].startswith("Nothing fits")


async def test_the_index_follows_the_tools():
    box = SelectiveToolbox(many(20), search_above=1)
    assert "convertCurrency" in await box.search("currency")
    box.remove("convertCurrency")
    assert await box.search("currency") == []
    box.add(tool("mint_currency"))
    assert await box.search("currency") == ["mint_currency"]


async def test_an_embedder_searches_by_meaning():
    asked: list[int] = []

    async def embedder(texts):
        asked.append(len(texts))
        return [[float("flight" in text or "aeroplane" in text), 1.0 / (1 + len(text))] for text in texts]

    box = SelectiveToolbox(many(30), embedder=embedder, search_above=1, results=2)
    found = await box.search("aeroplane")
    assert all(name.startswith("flight") for name in found)
    await box.search("aeroplane again")
    assert asked == [31, 1, 1]
    bad = SelectiveToolbox(many(3), embedder=lambda texts: [[1.0]], search_above=1)
    with pytest.raises(ConfigError, match="one vector for each"):
        await bad.search("x")


async def test_conversations_that_search_at_the_same_time_share_one_index():
    asked: list[int] = []

    async def embedder(texts):
        asked.append(len(texts))
        await asyncio.sleep(0)
        if len(asked) == 1:
            raise ConnectionError("the embedder is down")
        return [[1.0]] * len(texts)

    box = SelectiveToolbox(many(30), embedder=embedder, search_above=1, results=1)
    found = await asyncio.gather(*(box.search("x") for _ in range(5)), return_exceptions=True)
    assert [isinstance(one, ConnectionError) for one in found] == [True, False, False, False, False]
    assert asked == [31, 31, 1, 1, 1, 1]
    elsewhere = await asyncio.to_thread(asyncio.run, box.search("x"))
    assert elsewhere == found[1]


async def test_who_waits_for_an_index_can_be_cancelled_and_so_can_who_makes_it():
    begun, ready = asyncio.Event(), asyncio.Event()

    async def embedder(texts):
        begun.set()
        await ready.wait()
        return [[1.0]] * len(texts)

    box = SelectiveToolbox(many(3), embedder=embedder, search_above=1, results=1)
    maker, waiter, other = (asyncio.ensure_future(box.search("x")) for _ in range(3))
    await begun.wait()
    waiter.cancel()
    await asyncio.sleep(0)
    maker.cancel()
    ready.set()
    assert len(await other) == 1
    assert all(
        isinstance(one, asyncio.CancelledError) for one in await asyncio.gather(maker, waiter, return_exceptions=True)
    )


async def test_what_searching_needs_is_missed_before_a_model_is_asked(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm25s", None)
    ada, model = asking(SelectiveToolbox(many(9), search_above=5), "Never said.")
    with pytest.raises(ConversationError, match="MissingExtra: searching among many tools"):
        await ada.run(message="Go.")
    assert model.requests == []


@pytest.mark.parametrize("number", [10, 1_000, 10_000])
async def test_from_ten_to_ten_thousand_the_same_agent_works(number):
    box = SelectiveToolbox(many(number))
    name = f"flight_{number - 1}"
    ada, model = asking(box, registers(name), uses(box, name), registers("flight_x"), "Done.")
    said = results(await ada.run(message="Go."))
    assert said[1] == "3"
    assert "nearest" in said[2]
    assert model.requests[1].tools is model.requests[2].tools


def test_auto_registers_without_counting_where_not_even_names_fit():
    counted: list[str] = []
    box = SelectiveToolbox(many(2_000), mode="auto", count=lambda text: counted.append(text) or 1)
    assert box.chooses()
    assert not counted


@given(st.text())
def test_any_text_has_stems_and_any_arguments_are_read(text):
    assert isinstance(stems(text), list)
    assert isinstance(wanted_names(text), list)
    assert isinstance(called(text)[0], str)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)
    )
)
def test_any_json_is_read_as_arguments(value):
    text = json.dumps({"tool_name": value, "name": value, "arguments": value})
    assert all(isinstance(name, str) for name in wanted_names(text))
    name, arguments = called(text)
    assert isinstance(name, str)
    assert isinstance(arguments, str)
