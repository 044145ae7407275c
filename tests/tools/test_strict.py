"""Strict mode: what a model is told, what a strict endpoint thinks of it, and what comes back."""

from __future__ import annotations

import datetime as dt
import json
import keyword
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from autogen_like import AssistantAgent, client_from
from autogen_like.core.errors import ToolSchemaError
from autogen_like.core.message import ToolCall
from autogen_like.testing.openai_checks import check_tools
from autogen_like.testing.openai_server import OpenAIServer, Reply
from autogen_like.tools.schema import function_schema
from autogen_like.tools.tool import FunctionTool


class Money(BaseModel):
    currency: Literal["USD", "EUR"]
    amount: float = Field(1.5, ge=0)


class Node(BaseModel):
    name: str = Field(min_length=2, description="Its name")
    children: list[Node] = []
    money: Annotated[Money | None, Field(description="What it costs")] = None


@dataclass
class Point:
    x: int
    tags: list[str] = field(default_factory=lambda: ["new"])
    at: Money = field(default_factory=lambda: Money(currency="EUR"))


class Color(Enum):
    red = "r"
    blue = "b"


class Options(TypedDict, total=False):
    depth: int


class Pair(NamedTuple):
    left: int
    right: int


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    lives: int = 1


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


def strictly(function: Callable[..., Any]) -> dict[str, Any]:
    spec = function_schema(function, description="d", strict=True)
    assert check_tools({"tools": [spec]}) is None
    assert spec["function"]["strict"] is True
    parameters: dict[str, Any] = spec["function"]["parameters"]
    jsonschema.Draft202012Validator.check_schema(parameters)
    return parameters


def made_of(**hints: Any) -> Callable[..., Any]:
    """A function with these parameters, which gives what it got; a pair is a hint and a default."""
    scope: dict[str, Any] = {"defaults": {}}
    signature = []
    for name, hint in hints.items():
        if isinstance(hint, tuple):
            hints[name], scope["defaults"][name] = hint
        signature.append(f"{name}=defaults[{name!r}]" if name in scope["defaults"] else name)
    exec(f"def f(*, {', '.join(signature)}): return {{{', '.join(f'{name!r}: {name}' for name in hints)}}}", scope)
    scope["f"].__annotations__ = hints
    return scope["f"]


async def received(function: Callable[..., Any], arguments: Any, *, strict: bool = True) -> dict[str, Any]:
    tool = FunctionTool(function, description="d", inline=True, strict=strict)
    if strict:
        jsonschema.validate(arguments, tool.schema["function"]["parameters"])
    result = await tool.call(ToolCall("1", "f", json.dumps(arguments)))
    assert not result.error, result.content
    value: dict[str, Any] = result.value
    return value


def test_every_parameter_is_required_and_an_optional_one_takes_null():
    def f(city: Annotated[str, "Where"], days: int = 3, unit: Literal["C", "F"] = "C", limit: int | None = None): ...

    assert strictly(f) == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where"},
            "days": {
                "anyOf": [{"type": "integer"}, {"type": "null"}],
                "description": "days; null for the default, 3",
            },
            "unit": {
                "anyOf": [{"enum": ["C", "F"], "type": "string"}, {"type": "null"}],
                "description": 'unit; null for the default, "C"',
            },
            "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "limit"},
        },
        "required": ["city", "days", "unit", "limit"],
        "additionalProperties": False,
    }


async def test_null_for_what_was_left_out_becomes_the_functions_own_default():
    seven = object()
    f = made_of(city=str, days=(int, seven), unit=(Literal["C", "F"], "C"), limit=(int | None, 5))
    got = await received(f, {"city": "Lyon", "days": None, "unit": None, "limit": None})
    assert got["days"] is seven
    assert got["unit"] == "C"
    assert got["limit"] is None  # null is a value there


async def test_null_inside_models_dataclasses_and_lists_becomes_their_default():
    f = made_of(nodes=list[Node], point=Point, options=(Options, {}), colors=(list[Color], []))
    strictly(f)
    leaf = {"name": "leaf", "children": None, "money": {"currency": "USD", "amount": None}}
    got = await received(
        f,
        {
            "nodes": [{"name": "root", "children": [leaf], "money": None}],
            "point": {"x": 1, "tags": None, "at": None},
            "options": {"depth": None},
            "colors": ["b"],
        },
    )
    assert got["nodes"] == [Node(name="root", children=[Node(name="leaf", money=Money(currency="USD"))])]
    assert got["point"] == Point(1, ["new"], Money(currency="EUR"))
    assert got["options"] == {}
    assert got["colors"] == [Color.blue]


@pytest.mark.parametrize(("kind", "made"), [("cat", Cat(kind="cat")), ("dog", Dog(kind="dog"))])
async def test_null_in_a_union_is_the_default_of_the_branch_that_is_meant(kind, made):
    f = made_of(pet=Pet, pets=list[Cat | Dog], maybe=(Point | Money | None, None))
    strictly(f)
    sent = {"kind": kind, "lives": None}
    got = await received(f, {"pet": sent, "pets": [sent], "maybe": {"currency": "EUR", "amount": None}})
    assert got == {"pet": made, "pets": [made], "maybe": Money(currency="EUR")}


async def test_null_is_understood_without_strict_mode_too_since_another_agent_may_run_the_tool():
    f = made_of(days=(int, 3), note=(str, "none"))
    assert await received(f, {"days": None, "note": "x"}, strict=False) == {"days": 3, "note": "x"}


async def test_null_where_something_is_required_goes_back_to_the_model():
    tool = FunctionTool(made_of(n=int, node=Node), description="d", inline=True, strict=True)
    result = await tool.call(ToolCall("1", "f", '{"n": null, "node": {"name": null, "children": null}}'))
    assert result.error
    assert "n: Input should be a valid integer (got None)" in result.content
    assert "node.name: Input should be a valid string (got None)" in result.content
    assert "children" not in result.content


def test_what_only_narrows_is_told_in_words():
    name_hint = Annotated[str, Field(min_length=3, json_schema_extra={"pattern": "^(?!x)"})]
    f = made_of(name=name_hint, names=set[str], where=Path, raw=bytes)

    properties = strictly(f)["properties"]
    assert properties["name"] == {"type": "string", "description": "name (minLength: 3, pattern: ^(?!x))"}
    assert properties["names"]["description"] == "names (uniqueItems: True)"
    assert properties["where"] == {"type": "string", "description": "where (format: path)"}
    assert properties["raw"] == {"type": "string", "description": "raw"}


def test_what_an_endpoint_enforces_is_kept():
    def f(
        n: Annotated[int, Field(ge=1, le=9, multiple_of=2)],
        words: Annotated[list[str], Field(min_length=1, max_length=5)],
        code: Annotated[str, Field(pattern="^[A-Z]+$")],
        at: dt.datetime,
        id: UUID,  # noqa: A002
        either: Literal["a", 1] | None,
        price: Decimal = Decimal("1.5"),
    ): ...

    properties = strictly(f)["properties"]
    assert properties["n"] == {
        "type": "integer", "minimum": 1, "maximum": 9, "multipleOf": 2, "description": "n"
    }  # fmt: skip
    assert (properties["words"]["minItems"], properties["words"]["maxItems"]) == (1, 5)
    assert properties["code"]["pattern"] == "^[A-Z]+$"
    assert (properties["at"]["format"], properties["id"]["format"]) == ("date-time", "uuid")
    assert 'null for the default, "1.5"' in properties["price"]["description"]


def test_a_described_reference_stands_alone():
    def f(node: Node, outer: list[Node]): ...

    definition = strictly(f)["$defs"]["Node"]
    assert definition["properties"]["money"] == {
        "anyOf": [{"$ref": "#/$defs/Money"}, {"type": "null"}],
        "description": "What it costs",
    }
    assert definition["properties"]["children"]["anyOf"][0] == {"type": "array", "items": {"$ref": "#/$defs/Node"}}
    assert definition["properties"]["name"]["description"] == "Its name (minLength: 2)"


class Inner(BaseModel):
    free: dict[str, int]


class Conditional(BaseModel):
    model_config = {"json_schema_extra": {"not": {"required": ["a"]}}}
    a: int = 0


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        (dict[str, int], "x: an object with any keys can't be said: take a list of pairs, or a model"),
        (tuple[int, str], "x: a list must say what is in it"),
        (Pair, "x: a list must say what is in it"),
        (list, "x: a value of any type can't be said"),
        (Any, "x: a value of any type can't be said: give it a type"),
        (list[Inner], "x: an object with any keys"),
        (Conditional, "x: 'not' is not supported"),
        (int | Any, "x: a value of any type"),
    ],
)
def test_what_cannot_be_said_is_refused_with_the_parameter_and_a_cure(hint, told):
    with pytest.raises(ToolSchemaError, match=r"or do without strict=True$") as error:
        function_schema(made_of(fine=int, x=hint), description="d", strict=True)
    assert told in str(error.value)
    assert "fine" not in str(error.value)
    assert function_schema(made_of(fine=int, x=hint), description="d")


def test_all_that_is_in_the_way_is_named_at_once():
    with pytest.raises(ToolSchemaError) as error:
        FunctionTool(made_of(a=Any, b=dict[str, Any]), description="d", strict=True).schema  # noqa: B018
    assert "a: " in str(error.value)
    assert "b: " in str(error.value)


def test_strict_and_plain_schemas_of_one_function_do_not_mix():
    f = made_of(node=Node, n=(int, 3))
    plain = function_schema(f, description="d")
    strict = function_schema(f, description="d", strict=True)
    assert function_schema(f, description="d") == plain
    assert function_schema(f, description="d", strict=True) == strict
    assert plain["function"]["parameters"]["required"] == ["node"]
    assert "strict" not in plain["function"]


HINTS = st.recursive(
    st.sampled_from([int, float, str, bool, Money, Node, Point, Color, Options, Pet, Cat | Dog, dt.date, UUID]),
    lambda inner: inner.map(lambda hint: list[hint]) | inner.map(lambda hint: hint | None),
    max_leaves=3,
)
NAMES = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True).filter(lambda name: not keyword.iskeyword(name))


@settings(deadline=None)  # the machine may be busy
@given(st.dictionaries(NAMES, HINTS, min_size=1, max_size=4), st.booleans())
def test_any_combination_of_hints_passes_a_strict_endpoint(hints, optional):
    hints.pop("defaults", None)
    f = made_of(**{name: (hint, None) if optional else hint for name, hint in hints.items()})
    parameters = strictly(f)
    assert parameters["required"] == list(hints)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.sampled_from([int, str, Money, Point, list[Node], Color, Pet, dt.date]), min_size=1, max_size=4))
async def test_nulls_everywhere_give_every_default(kinds):
    defaults = {f"p{index}": object() for index in range(len(kinds))}
    f = made_of(**{name: (kind, defaults[name]) for name, kind in zip(defaults, kinds, strict=True)})
    got = await received(f, dict.fromkeys(defaults))
    assert got == defaults


async def test_a_strict_tool_goes_to_a_strict_endpoint_and_its_nulls_come_back():
    def weather(city: str, days: int = 3, where: Point | None = None) -> str:
        "Tells the weather."
        return f"{city}: {days} fine days"

    wanted = ("weather", {"city": "Lyon", "days": None, "where": None})
    with OpenAIServer([Reply(tool_calls=[wanted]), "Fine."]) as server:
        client = client_from({"model": "gpt-4.1", "api_key": "k", "base_url": server.base_url})
        agent = AssistantAgent("ada", llm_config=client, tools=[FunctionTool(weather, strict=True)])
        done = await agent.run(message="And Lyon?")
        await client.aclose()
    assert server.requests[0].body["tools"][0]["function"]["strict"] is True
    assert done.messages[2].tool_results[0].content == "Lyon: 3 fine days"
    assert done.summary == "Fine."
