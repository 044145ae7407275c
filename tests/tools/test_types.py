"""Each kind of type hint: what a model is told of it, and what the function receives."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, Optional, TypeVar
from uuid import UUID

import jsonschema
import pytest
from pydantic import Base64Bytes, BaseModel, Field, SecretStr, field_validator
from typing_extensions import TypeAliasType, TypedDict

from autogen_like.core.errors import ToolSchemaError
from autogen_like.core.message import ToolCall
from autogen_like.tools.tool import FunctionTool

T = TypeVar("T")


class Color(Enum):
    red = "r"
    blue = 2


class Size(IntEnum):
    small = 1
    large = 2


class Unit(StrEnum):
    metre = "m"


class Item(BaseModel):
    name: str
    price: float = 0

    @field_validator("price")
    @classmethod
    def dear(cls, price: float) -> float:
        if price > 1000:
            raise ValueError("too dear for us")
        return price


@dataclass
class Point:
    """A place on the plane."""

    x: int
    y: int = 0


@dataclass
class Path2:
    start: Point
    stops: list[Point] = field(default_factory=list)
    end: Point | None = None


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Range(NamedTuple):
    low: int
    high: int = 10


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: int | None = None


class Tree(BaseModel):
    value: int
    children: list[Tree] = []


@dataclass
class Chain:
    value: int
    next: Chain | None = None


Numbers = TypeAliasType("Numbers", "list[int | Numbers]")
Pages = Page[Item]


def tool_of(hint: Any, default: Any = ...) -> FunctionTool:
    """A tool with one parameter, x; what it gets is in its list ``got``."""
    got: list[Any] = []

    def required(x):
        got.append(x)

    def optional(x=default):
        got.append(x)

    function = required if default is ... else optional
    function.__annotations__ = {"x": hint}
    made = FunctionTool(function, name="f", description="d", inline=True)
    made.got = got  # type: ignore[attr-defined]
    return made


async def received(hint: Any, sent: Any) -> Any:
    """What the function gets, after the schema has agreed to it too."""
    made = tool_of(hint)
    parameters = made.schema["function"]["parameters"]
    jsonschema.Draft202012Validator.check_schema(parameters)
    jsonschema.validate({"x": sent}, parameters)
    result = await made.call(ToolCall("1", "f", json.dumps({"x": sent})))
    assert not result.error, result.content
    return made.got[0]  # type: ignore[attr-defined]


def told(hint: Any, default: Any = ...) -> dict[str, Any]:
    """What a model is told of it, without its description."""
    schema = dict(tool_of(hint, default).schema["function"]["parameters"]["properties"]["x"])
    schema.pop("description")
    return schema


@pytest.mark.parametrize(
    ("hint", "sent", "got"),
    [
        (int, 3, 3),
        (float, 3, 3.0),
        (str, "a", "a"),
        (bool, True, True),
        (None, None, None),
        (Optional[int], None, None),  # noqa: UP045
        (int | str, "a", "a"),
        (int | str, 1, 1),
        (float | list[float], [1, 2], [1.0, 2.0]),
        (list[int], [1, 2], [1, 2]),
        (Sequence[str], ["a"], ["a"]),
        (tuple[int, str], [1, "a"], (1, "a")),
        (tuple[int, ...], [1, 2], (1, 2)),
        (set[int], [1, 2], {1, 2}),
        (frozenset[str], ["a"], frozenset("a")),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (dict[int, str], {"1": "a"}, {1: "a"}),
        (Mapping[str, float], {"a": 1}, {"a": 1.0}),
        (dict[str, list[Item]], {"a": [{"name": "b"}]}, {"a": [Item(name="b")]}),
        (Literal["a", 1, True], 1, 1),
        (Color, "r", Color.red),
        (Color, 2, Color.blue),
        (Size, 2, Size.large),
        (Unit, "m", Unit.metre),
        (list[Color], ["r"], [Color.red]),
        (Item, {"name": "a"}, Item(name="a")),
        (list[Item], [{"name": "a", "price": 2}], [Item(name="a", price=2)]),
        (Item | None, None, None),
        (Point, {"x": 1}, Point(1)),
        (list[Point], [{"x": 1, "y": 2}], [Point(1, 2)]),
        (Path2, {"start": {"x": 1}, "stops": [{"x": 2}]}, Path2(Point(1), [Point(2)])),
        (Movie, {"title": "M"}, {"title": "M"}),
        (Range, [1], Range(1)),
        (Range, [1, 2], Range(1, 2)),
        (Page[int], {"items": [1]}, Page[int](items=[1])),
        (Pages, {"items": [{"name": "a"}]}, Page[Item](items=[Item(name="a")])),
        (Tree, {"value": 1, "children": [{"value": 2}]}, Tree(value=1, children=[Tree(value=2)])),
        (list[Tree], [{"value": 1}], [Tree(value=1)]),
        (Chain, {"value": 1, "next": {"value": 2, "next": None}}, Chain(1, Chain(2))),
        (Numbers, [1, [2, [3]]], [1, [2, [3]]]),
        (dt.datetime, "2026-01-02T03:04:05Z", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
        (dt.date, "2026-01-02", dt.date(2026, 1, 2)),
        (dt.time, "03:04:05", dt.time(3, 4, 5)),
        (dt.timedelta, "PT90S", dt.timedelta(seconds=90)),
        (UUID, "12345678123456781234567812345678", UUID("12345678123456781234567812345678")),
        (Path, "/tmp/a", Path("/tmp/a")),
        (Decimal, "1.50", Decimal("1.50")),
        (Decimal, 2, Decimal(2)),
        (bytes, "é", "é".encode()),
        (Base64Bytes, "aGk=", b"hi"),
        (SecretStr, "s", SecretStr("s")),
        (Any, {"a": [1]}, {"a": [1]}),
        (object, [1], [1]),
        (list, [1, "a"], [1, "a"]),
        (dict, {"a": 1}, {"a": 1}),
        (Annotated[int, Field(ge=1, le=5)], 5, 5),
        (Annotated[list[Annotated[str, Field(min_length=2)]], "words"], ["ab"], ["ab"]),
    ],
)
async def test_the_function_receives_the_type_that_its_hint_says(hint, sent, got):
    value = await received(hint, sent)
    assert value == got
    assert type(value) is type(got)


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (int, {"type": "integer"}),
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Size, {"type": "integer", "enum": [1, 2], "title": "Size"}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (set[int], {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
        (dt.datetime, {"type": "string", "format": "date-time"}),
        (UUID, {"type": "string", "format": "uuid"}),
        (Path, {"type": "string", "format": "path"}),
        (Annotated[int, Field(gt=1, multiple_of=2)], {"type": "integer", "exclusiveMinimum": 1, "multipleOf": 2}),
        (Annotated[str, Field(pattern="^a", max_length=3)], {"type": "string", "pattern": "^a", "maxLength": 3}),
        (
            Point,
            {
                "type": "object",
                "title": "Point",
                "properties": {
                    "x": {"type": "integer", "title": "X"},
                    "y": {"type": "integer", "title": "Y", "default": 0},
                },
                "required": ["x"],
            },
        ),
        (
            Movie,
            {
                "type": "object",
                "title": "Movie",
                "properties": {
                    "title": {"type": "string", "title": "Title"},
                    "year": {"type": "integer", "title": "Year"},
                },
                "required": ["title"],
            },
        ),
        (
            Range,
            {
                "type": "array",
                "prefixItems": [
                    {"type": "integer", "title": "Low"},
                    {"type": "integer", "title": "High", "default": 10},
                ],
                "minItems": 1,
                "maxItems": 2,
            },
        ),
    ],
)
def test_a_model_is_told_what_the_hint_says(hint, schema):
    assert told(hint) == schema


@pytest.mark.parametrize(
    ("hint", "default", "said"),
    [
        (Color, Color.red, "r"),
        (Size, Size.small, 1),
        (Point, Point(1), {"x": 1, "y": 0}),
        (Item, Item(name="a"), {"name": "a", "price": 0.0}),
        (dt.date, dt.date(2026, 1, 2), "2026-01-02"),
        (UUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path, Path("a"), "a"),
        (Decimal, Decimal("1.5"), "1.5"),
        (Range, Range(1, 2), [1, 2]),
        (list[int], [], []),
        (int, None, None),
        (SecretStr, SecretStr("very secret"), "**********"),
    ],
)
async def test_a_default_is_told_and_the_functions_own_object_is_used(hint, default, said):
    assert told(hint, default)["default"] == said
    made = tool_of(hint, default)
    assert made.schema["function"]["parameters"]["required"] == []
    assert not (await made.call(ToolCall("1", "f", "{}"))).error
    assert made.got[0] is default  # type: ignore[attr-defined]


def test_recursive_and_generic_models_are_definitions_that_references_find():
    for hint, name in ((Tree, "Tree"), (Chain, "Chain"), (list[Tree], "Tree")):
        assert name in tool_of(hint).schema["function"]["parameters"]["$defs"]
    page = tool_of(list[Pages]).schema["function"]["parameters"]["$defs"]
    assert sorted(page) == ["Item", "Page_Item_"]


@pytest.mark.parametrize(
    ("hint", "sent", "where"),
    [
        (Path2, {"start": {"x": "no"}}, "x.start.x: Input should be a valid integer"),
        (list[Item], [{"name": "a"}, {"name": "b", "price": 2000}], "x.1.price: Value error, too dear for us"),
        (Color, "green", "x: Input should be 'r' or 2"),
        (dict[str, int], {"a": "b"}, "x.a: Input should be a valid integer"),
        (Range, [1, 2, 3], "x: "),
        (dt.date, "tomorrow", "x: Input should be a valid date"),
        (Base64Bytes, "a", "x: Base64 decoding error"),
        (Tree, {"value": 1, "children": [{"value": "x"}]}, "x.children.0.value: Input should be a valid integer"),
        (UUID, "1", "x: Input should be a valid UUID"),
    ],
)
async def test_what_does_not_fit_is_told_with_its_place(hint, sent, where):
    result = await tool_of(hint).call(ToolCall("1", "f", json.dumps({"x": sent})))
    assert result.error
    assert where in result.content


def test_a_typed_dict_that_pydantic_does_not_take_is_refused_with_its_reason():
    import sys
    import typing

    Old = typing.TypedDict("Old", {"a": int})  # noqa: UP013
    if sys.version_info >= (3, 12):
        assert told(Old)["required"] == ["a"]
        return
    with pytest.raises(ToolSchemaError, match=r"x: Please use `typing_extensions.TypedDict`"):
        told(Old)
