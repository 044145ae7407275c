"""``autogen._pydantic``: pydantic 2 by the names that hid which version was there."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, TypeAdapter

PYDANTIC_V1 = False
JsonSchemaValue = dict[str, Any]


def type2schema(t: Any) -> JsonSchemaValue:
    """The JSON schema of a type.

    Example:
        >>> type2schema(list[int])
        {'items': {'type': 'integer'}, 'type': 'array'}
    """
    return TypeAdapter(t).json_schema()


def model_dump(model: BaseModel) -> dict[str, Any]:
    """A model as a dict."""
    return model.model_dump()


def model_dump_json(model: BaseModel) -> str:
    """A model as JSON."""
    return model.model_dump_json()
