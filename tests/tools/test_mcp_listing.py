"""Names, descriptions and schemas of MCP servers are untrusted: what of them reaches a model."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from autogen_like.tools.mcp.listing import MAX_TOOLS, Listing, cleaned, legal_names, problem, shortened

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
keywords = st.sampled_from(["type", "properties", "anyOf", "oneOf", "allOf", "$ref", "$defs", "items", "required"])
schemas = st.dictionaries(keywords, anything, max_size=5).map(lambda schema: {"type": "object", **schema})


@given(st.lists(st.text(min_size=1), unique=True), st.sampled_from(["", "fs_", "a prefix ", "x" * 70]))
def test_names_are_legal_and_different_whatever_the_server_calls_its_tools(names, prefix):
    made = legal_names(names, prefix)
    assert list(made) == names
    assert len(set(made.values())) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in made.values())


@given(st.lists(st.text(min_size=1, max_size=5), unique=True))
def test_names_do_not_depend_on_the_order_of_the_list(names):
    assert legal_names(names, "") == legal_names(names[::-1], "")


def test_a_legal_name_is_kept_even_where_another_is_mended_to_it():
    made = legal_names(["read file", "read_file"], "")
    assert made["read_file"] == "read_file"
    assert made["read file"].startswith("read_file_")


@given(st.lists(anything | st.fixed_dictionaries({"name": st.text(), "inputSchema": schemas}), max_size=6))
def test_whatever_is_listed_is_taken_or_left_out_and_never_raises(raws):
    listing = Listing()
    kept = [listing.take(raw) for raw in raws]
    assert len([one for one in kept if one is not None]) == len(listing.tools)
    for tool in listing.tools.values():
        Draft202012Validator.check_schema(tool.parameters)
        assert tool.parameters["type"] == "object"
        assert isinstance(tool.parameters["properties"], dict)


def test_alternatives_at_the_top_are_shown_as_the_properties_of_all_of_them():
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"kind": {"type": "string"}},
        "required": ["kind"],
        "oneOf": [{"$ref": "#/$defs/a"}, {"properties": {"size": {"type": "integer"}}}, True],
        "$defs": {"a": {"properties": {"name": {"type": "string"}}}},
    }
    assert problem(schema) is None
    made = cleaned(schema)
    assert list(made["properties"]) == ["kind", "name", "size"]
    assert made["required"] == ["kind"]
    assert not {"$schema", "oneOf"} & set(made)


def test_a_schema_that_refers_to_what_would_be_taken_out_is_shown_as_it_is():
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/anyOf/0"}},
        "anyOf": [{"type": "object", "properties": {}}],
    }
    assert problem(schema) is None
    assert cleaned(schema) == schema


def nested(depth):
    schema = {"type": "object"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (None, "it has no JSON schema"),
        ({"properties": {}}, "must be of type object, not None"),
        (nested(5000), "nested more than 64 deep"),
        ({**TEXT, "description": "x" * 100_000}, "more than 100000 characters"),
        ({"type": "object", "properties": {"a": {"type": "number or so"}}}, "broken at $.properties.a.type"),
        ({"type": "object", "properties": {"a": {"$ref": "https://example.org/a"}}}, "'https://example.org/a'"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/gone"}}}, "'#/$defs/gone'"),
        ({"type": "object", "properties": {"a": {"$ref": "#/properties/b/oneOf/7"}, "b": {"oneOf": [{}]}}}, "oneOf/7"),
    ],
)
def test_a_schema_that_no_model_could_be_shown_is_named_with_what_is_wrong(schema, reason):
    assert reason in problem(schema)


def test_references_within_the_schema_are_fine():
    schema = {
        "type": "object",
        "properties": {"node": {"$ref": "#/$defs/a~1b"}, "self": {"$ref": "#"}, "one": {"$ref": "#/$defs/c/oneOf/0"}},
        "$defs": {"a/b": {"type": "string"}, "c": {"oneOf": [{"type": "null"}]}},
    }
    assert problem(schema) is None
    assert cleaned(schema) == schema


def test_no_more_than_a_thousand_tools_are_taken():
    listing = Listing()
    for number in range(MAX_TOOLS + 3):
        listing.take({"name": f"t{number}", "inputSchema": TEXT})
    assert len(listing.tools) == MAX_TOOLS
    assert set(listing.left_out.values()) == {f"the server lists more than {MAX_TOOLS} tools"}


@given(st.text(), st.integers(min_value=4, max_value=50))
def test_descriptions_are_short_and_have_no_control_characters(text, limit):
    made = shortened(text, limit)
    assert len(made) <= limit
    assert all(sign.isprintable() or sign in "\n\t" for sign in made)
