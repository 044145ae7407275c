"""Schemas that models write are held to the code, completed, or refused with a reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_like.optimizer.schemas import BadSchema, complete_schema, read_arguments

NUMBER = {"type": "number"}
KEYS = st.sampled_from(["a", "type", "properties", "items", "enum", "anyOf", "required"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize(
    "written",
    [
        {"a": NUMBER, "b": {"type": "string", "description": "A text."}},
        {"type": "object", "properties": {"a": NUMBER, "b": {"type": "string", "description": "A text."}}},
        json.dumps({"a": NUMBER, "b": {"type": "string", "description": "A text."}}),
    ],
)
def test_a_schema_is_completed_from_the_code(written):
    schema = complete_schema(written, {"a": True, "b": False})
    assert schema["required"] == ["a"]
    assert schema["properties"]["a"] == {"description": "a", "type": "number"}
    assert schema["properties"]["b"]["description"] == "A text."


def test_nothing_is_the_schema_of_a_function_that_takes_nothing():
    for written in ("", "{}", {}, {"type": "object"}, {"type": "object", "properties": {}}):
        assert complete_schema(written, {}) == {"type": "object", "properties": {}, "required": []}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{", "not valid JSON"),
        ("[" * 9000, "not valid JSON"),
        (" " * 20_000, "characters"),
        ([], "must be an object"),
        ({"a": NUMBER, "z": NUMBER}, "none of that name"),
        ({}, "doesn't describe a"),
        ({"a": {"type": "float"}}, "needs a 'type' among"),
        ({"a": {}}, "needs a 'type'"),
        ({"a": 3}, "must be described by an object"),
        ({"a": {"type": "array", "items": 3}}, "items of the argument 'a'"),
        ({"a": {"type": "object", "properties": []}}, "can't be []"),
        ({"a": {"type": "string", "enum": []}}, "must be a list of values"),
        ({"a": {"type": "string", "description": 3}}, "must be a text"),
        ({"type": "array", "properties": {"a": NUMBER}}, "of type 'object'"),
        ({"type": "object", "properties": {"a": NUMBER}, "required": ["b"]}, "'required' must be"),
    ],
)
def test_what_is_no_schema_is_refused(written, said):
    with pytest.raises(BadSchema) as refused:
        complete_schema(written, {"a": True})
    assert said in str(refused.value)


def test_a_schema_that_is_nested_without_end_is_refused():
    deep = NUMBER
    for _ in range(20):
        deep = {"type": "array", "items": deep}
    with pytest.raises(BadSchema, match="too deeply"):
        complete_schema({"a": deep}, {"a": True})


@settings(deadline=None)
@given(JSON)
def test_whatever_is_written_is_a_schema_or_refused(written):
    try:
        schema = complete_schema(written, {"a": True}, takes_others=True)
    except BadSchema:
        return
    assert set(schema) == {"type", "properties", "required"}


def test_arguments_are_held_to_the_schema():
    schema = complete_schema({"a": NUMBER, "n": {"type": ["integer", "null"]}}, {"a": True, "n": False})
    assert read_arguments('{"a": 1, "n": 2.0}', schema) == {"a": 1, "n": 2.0}
    for text, said in (
        ("{", "not valid JSON"),
        ("[]", "must be an object"),
        ('{"n": null}', "a: required, but not given"),
        ('{"a": true}', "must be number"),
        ('{"a": 1, "n": 1.5}', "must be integer or null"),
        ('{"a": 1, "b": 2}', "there is no such argument"),
    ):
        with pytest.raises(ValueError, match=said):
            read_arguments(text, schema)
