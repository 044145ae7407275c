"""What a model is told about a function."""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from autogen_like.core.errors import ToolSchemaError
from autogen_like.core.message import ToolCall
from autogen_like.tools.context import ToolContext
from autogen_like.tools.schema import function_schema
from autogen_like.tools.tool import FunctionTool

Currency = Literal["USD", "EUR"]


class Money(BaseModel):
    currency: Annotated[Currency, Field(description="symbol")]
    amount: float = Field(0, ge=0)


class Node(BaseModel):
    name: str
    children: list[Node] = []


class Color(Enum):
    red = "r"
    blue = "b"


@dataclass
class Point:
    x: int
    y: int = 0


def parameters(function: Any) -> dict[str, Any]:
    return function_schema(function, description="d")["function"]["parameters"]


def test_simple_function_has_the_schema_of_autogen_02():
    def f(a: Annotated[str, "Parameter a"], b: int = 2, c: Annotated[float, "Parameter c"] = 0.1) -> str:
        return a

    assert function_schema(f, description="function f") == {
        "type": "function",
        "function": {
            "description": "function f",
            "name": "f",
            "parameters": {
                "type": "object",
                "properties": {
                    "a": {"type": "string", "description": "Parameter a"},
                    "b": {"type": "integer", "default": 2, "description": "b"},
                    "c": {"type": "number", "default": 0.1, "description": "Parameter c"},
                },
                "required": ["a"],
            },
        },
    }


def test_model_parameter_is_written_out_and_keeps_its_constraints():
    def f(base: Annotated[Money, "Base currency"]) -> str: ...

    assert parameters(f) == {
        "type": "object",
        "properties": {
            "base": {
                "description": "Base currency",
                "title": "Money",
                "type": "object",
                "required": ["currency"],
                "properties": {
                    "currency": {
                        "description": "symbol",
                        "enum": ["USD", "EUR"],
                        "title": "Currency",
                        "type": "string",
                    },
                    "amount": {"default": 0, "minimum": 0, "title": "Amount", "type": "number"},
                },
            }
        },
        "required": ["base"],
    }


def test_nested_models_are_definitions_at_the_root_where_references_point():
    def f(moneys: list[Money], tree: Node, maybe: Money | None = None) -> str: ...

    schema = parameters(f)
    assert sorted(schema["$defs"]) == ["Money", "Node"]
    assert schema["properties"]["maybe"]["anyOf"] == [{"$ref": "#/$defs/Money"}, {"type": "null"}]
    jsonschema.Draft202012Validator.check_schema(schema)
    good = {"moneys": [{"currency": "EUR"}], "tree": {"name": "a", "children": [{"name": "b"}]}}
    jsonschema.validate(good, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**good, "tree": {"name": "a", "children": [{"name": 3}]}}, schema)


def test_two_models_of_one_name_are_told_apart():
    def make(kind: type) -> type[BaseModel]:
        class Same(BaseModel):
            value: kind

        return Same

    first, second = make(int), make(str)

    def f(a, b): ...

    f.__annotations__ = {"a": list[first], "b": list[second]}
    schema = parameters(f)
    kinds = {
        name: schema["$defs"][schema["properties"][name]["items"]["$ref"].split("/")[-1]]["properties"]["value"]["type"]
        for name in "ab"
    }
    assert kinds == {"a": "integer", "b": "string"}


def test_enums_dataclasses_dicts_and_unions_are_described():
    def f(c: Color, p: Point, d: dict[str, int], u: int | str, where: Color = Color.red) -> str: ...

    properties = parameters(f)["properties"]
    assert properties["c"]["enum"] == ["r", "b"]
    assert properties["p"]["required"] == ["x"]
    assert properties["d"]["additionalProperties"] == {"type": "integer"}
    assert properties["u"]["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert properties["where"]["default"] == "r"


def test_description_and_parameters_come_from_the_docstring():
    def f(city: str, days: Annotated[int, "How many"] = 1, unit: Annotated[str, Field(description="C or F")] = "C"):
        """Tells the weather.

        More about it, for people.

        Args:
            city: Where, with
                the country.
            days: Not this.
            unit: Nor this.

        Returns:
            text: The weather.
        """

    schema = function_schema(f)["function"]
    assert schema["description"] == "Tells the weather."
    told = {name: value["description"] for name, value in schema["parameters"]["properties"].items()}
    assert told == {"city": "Where, with the country.", "days": "How many", "unit": "C or F"}


def test_field_as_default_gives_constraints_and_default():
    def f(n: int = Field(3, ge=1, description="how many"), m: int = Field(ge=2)): ...

    schema = parameters(f)
    assert schema["properties"]["n"] == {"type": "integer", "minimum": 1, "default": 3, "description": "how many"}
    assert schema["required"] == ["m"]


def test_default_that_json_cannot_say_is_left_out():
    thing = object()

    def f(a: float = math.nan, b: Any = thing): ...

    properties = parameters(f)["properties"]
    assert "default" not in properties["a"]
    assert "default" not in properties["b"]
    assert "a" not in parameters(f)["required"]


def test_context_parameter_is_not_shown():
    def f(a: int, ctx: ToolContext, maybe: ToolContext | None = None) -> int: ...

    assert list(parameters(f)["properties"]) == ["a"]


def test_missing_hints_are_an_error_that_lists_them_and_the_cure():
    def f(a, b: int, c): ...

    with pytest.raises(ToolSchemaError, match=r"a, c: no type hint; write for example a: str"):
        parameters(f)
    with pytest.raises(TypeError):
        parameters(f)


def test_parameter_with_default_and_no_hint_is_hidden_with_a_warning():
    def f(a: int, b=2): ...

    with pytest.warns(UserWarning, match="won't see b"):
        assert list(parameters(f)["properties"]) == ["a"]


def test_everything_in_the_way_is_named_at_once():
    def f(a, /, *rest, **more): ...

    with pytest.raises(ToolSchemaError) as error:
        function_schema(f)
    for said in ("a: no type hint", "remove the '/'", "*rest: take a list", "**more: name each", "no description"):
        assert said in str(error.value)


def test_type_without_json_is_named():
    class Socket: ...

    def f(a: int, s): ...

    f.__annotations__["s"] = Socket
    with pytest.raises(
        ToolSchemaError, match=r"nothing for a type. s: Unable to generate pydantic-core schema for .*Socket"
    ):
        parameters(f)


def test_hint_that_cannot_be_found_is_named():
    def f(a: Nowhere): ...  # noqa: F821

    with pytest.raises(ToolSchemaError, match="'Nowhere' can't be found"):
        parameters(f)


def test_bad_name_and_lambda_are_refused():
    with pytest.raises(ToolSchemaError, match="pass name="):
        function_schema(lambda: 1, description="d")
    assert function_schema(lambda: 1, name="one", description="d")["function"]["name"] == "one"


def test_method_is_told_to_be_bound_and_bound_method_works():
    class Box:
        def look(self, where: str) -> str:
            "Looks."
            return where

    with pytest.raises(ToolSchemaError, match=r"FunctionTool\(thing.look\)"):
        function_schema(Box.look)
    assert list(function_schema(Box().look)["function"]["parameters"]["properties"]) == ["where"]


def test_partials_callable_objects_and_wrapped_functions_are_seen_through():
    def add(a: int, b: int) -> int:
        "Adds."
        return a + b

    @functools.wraps(add)
    def wrapped(*args: Any, **kwargs: Any) -> int:
        return add(*args, **kwargs)

    class Caller:
        """Calls."""

        def __call__(self, n: int) -> int:
            return n

    assert function_schema(functools.partial(add, b=1))["function"]["description"] == "Adds."
    assert list(parameters(wrapped)["properties"]) == ["a", "b"]
    assert function_schema(Caller())["function"]["name"] == "Caller"
    assert list(parameters(Caller())["properties"]) == ["n"]


def test_builtin_that_does_not_say_what_it_takes_is_refused():
    with pytest.raises(ToolSchemaError, match="wrap it"):
        function_schema(max)


HINTS = st.recursive(
    st.sampled_from([int, float, str, bool, Money, Color, Point, Literal["a", 1]]),
    lambda inner: (
        inner.map(lambda hint: list[hint])
        | inner.map(lambda hint: hint | None)
        | inner.map(lambda hint: dict[str, hint])
    ),
    max_leaves=3,
)


@settings(deadline=None)  # the machine may be busy
@given(st.dictionaries(st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True).filter(lambda n: n != "self"), HINTS))
def test_any_combination_of_hints_gives_a_valid_schema_that_survives_json(hints):
    import keyword

    hints = {name: hint for name, hint in hints.items() if not keyword.iskeyword(name)}
    scope: dict[str, Any] = {}
    exec(f"def f({', '.join(hints)}): pass", scope)
    scope["f"].__annotations__ = hints
    schema = parameters(scope["f"])
    assert json.loads(json.dumps(schema)) == schema
    assert schema["required"] == list(hints)
    jsonschema.Draft202012Validator.check_schema(schema)


EXAMPLES = {int: 3, float: 1.5, str: "x", bool: True, list[Money]: [{"currency": "USD"}], Color: "b", Point: {"x": 1}}


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.sampled_from(list(EXAMPLES)), max_size=4))
async def test_what_fits_the_schema_is_accepted_by_the_tool(kinds):
    names = [f"p{index}" for index in range(len(kinds))]
    scope: dict[str, Any] = {}
    exec(f"def f({', '.join(names)}): return [{', '.join(names)}]", scope)
    scope["f"].__annotations__ = dict(zip(names, kinds, strict=True))
    tool = FunctionTool(scope["f"], description="d", inline=True)
    arguments = dict(zip(names, (EXAMPLES[kind] for kind in kinds), strict=True))
    jsonschema.validate(arguments, tool.schema["function"]["parameters"])
    result = await tool.call(ToolCall("1", "f", json.dumps(arguments)))
    assert not result.error
    assert len(result.value) == len(kinds)
