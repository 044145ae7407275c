"""From the text that a model wrote to arguments: what is taken, and how it is told what was wrong."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from autogen_like.core.message import ToolCall
from autogen_like.tools.arguments import explain, read_arguments
from autogen_like.tools.signature import signature_of


class Line(BaseModel):
    item: str
    count: int


class Order(BaseModel):
    lines: list[Line]
    note: str = ""


def buy(order: Order, unit: Literal["kg", "g"] = "kg", token: str = "") -> str:
    "Buys."
    return ""


def complaint(function: Any, text: str) -> str:
    with pytest.raises(ValidationError) as error:
        read_arguments(signature_of(function), text)
    return explain("buy", text, error.value)


def test_each_wrong_field_is_named_with_its_place_however_deep():
    order = {"lines": [{"item": "a", "count": 1}, {"item": 2, "count": "many"}, {"count": 1}]}
    said = complaint(buy, json.dumps({"order": order, "unit": "lb", "extra": 1}))
    assert said == (
        "Error: the arguments of buy don't fit: "
        "order.lines.1.item: Input should be a valid string (got 2); "
        "order.lines.1.count: Input should be a valid integer, unable to parse string as an integer (got 'many'); "
        "order.lines.2.item: required, but not given; "
        "unit: Input should be 'kg' or 'g' (got 'lb'); "
        "extra: there is no such argument"
    )


def test_many_errors_are_counted_and_not_all_told():
    lines = [{"item": "a", "count": "x"}] * 1000
    said = complaint(buy, json.dumps({"order": {"lines": lines}}))
    assert said.count("order.lines.") == 10
    assert said.endswith("; and 990 more")


@pytest.mark.parametrize(
    "arguments",
    [
        {"order": "S" * 1_000_000},
        {"order": {"lines": ["S" * 100_000] * 10}},
        {"order": {"lines": {"S" * 1000: "S" * 1000}}},
        {"S" * 1_000_000: 1},
        {"order": {"lines": []}, "unit": {"S" * 300: ["S" * 300] * 300}},
        ["S" * 1_000_000],
    ],
)
def test_what_was_sent_is_not_echoed_at_length(arguments):
    said = complaint(buy, json.dumps(arguments))
    assert len(said) < 4000
    assert "S" * 101 not in said


def test_a_secret_that_was_put_in_the_wrong_place_is_not_echoed_whole():
    key = "sk-" + "abcdefgh" * 20
    said = complaint(buy, json.dumps({"order": {"lines": [{"item": key, "count": key}]}, "unit": key}))
    assert key not in said
    assert "order.lines.0.count" in said
    said = complaint(buy, f'{{"token": "{key}{key}"')
    assert "not valid JSON" in said
    assert key + key not in said


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"order": ' + "9" * 5000 + "}",
        '{"unit": ' + "9" * 5000 + "}",
        '{"order": "\\ud800"}',
        "\x00",
        "true",
        "{}}",
        "NaN",
        '{"order": NaN}',
    ],
)
def test_malicious_and_broken_texts_are_only_wrong(text):
    assert complaint(buy, text).startswith("Error: the arguments of buy ")


@settings(deadline=None)  # the machine may be busy
@given(st.text() | st.recursive(st.none() | st.text() | st.integers() | st.floats(), st.lists).map(json.dumps))
def test_any_text_is_taken_or_explained(text):
    try:
        outcome: Any = read_arguments(signature_of(buy), text)
    except ValidationError as error:
        outcome = explain("buy", text, error)
    assert isinstance(outcome, dict) or outcome.startswith("Error: the arguments of buy ")


def test_both_nulls_and_raw_line_breaks_are_mended_at_once():
    read = read_arguments(signature_of(buy), '{"order": {"lines": [], "note": "a\nb"}, "unit": null}')
    assert read == {"order": Order(lines=[], note="a\nb")}


def test_what_is_wrong_after_mending_is_what_is_told():
    said = complaint(buy, '{"order": {"lines": null, "note": null}, "unit": null, "token": "a\nb"}')
    assert said == "Error: the arguments of buy don't fit: order.lines: Input should be a valid array (got None)"


def test_nulls_of_a_function_that_cannot_be_described_are_left_alone():
    def loose(a, b=1, *rest): ...

    assert read_arguments(signature_of(loose), '{"a": null, "b": "x\ny"}') == {"a": None, "b": "x\ny"}


def test_nulls_of_a_function_whose_type_has_no_schema_are_left_alone_too():
    class Socket: ...

    def connect(where, port): ...

    connect.__annotations__ = {"where": Socket, "port": int}
    said = complaint(connect, '{"where": null, "port": null}')
    assert said == "Error: the arguments of buy don't fit: port: Input should be a valid integer (got None)"


@pytest.mark.parametrize("digits", [400, 4300, 4301, 100_000])
def test_numbers_of_any_length_are_only_wrong(digits):
    said = complaint(buy, '{"order": {"lines": [{"item": "a", "count": "x"}]}, "unit": ' + "9" * digits + "}")
    assert len(said) < 600


async def test_the_explanation_goes_back_to_the_model_as_a_failed_result():
    from autogen_like.tools.tool import FunctionTool

    result = await FunctionTool(buy).call(ToolCall("c1", "buy", "{}"))
    assert (result.error, result.content) == (
        True,
        "Error: the arguments of buy don't fit: order: required, but not given",
    )
