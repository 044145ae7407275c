"""The JSON schema of a function's arguments: whether it is legal, completed from the code, and arguments held to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_TYPES: Mapping[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}
_MAX_DEPTH = 8
MAX_SCHEMA = 10_000  # bytes of it as JSON


class BadSchema(ValueError):
    """A schema can't be; the message says why, to whoever wrote it."""


def complete_schema(arguments: object, parameters: Mapping[str, bool], *, takes_others: bool = False) -> dict[str, Any]:
    """The whole schema of what a function takes.

    Args:
        arguments: What a model wrote: a JSON schema, or only its properties, as an object or as JSON text.
        parameters: The function's parameters, each with whether it must be given.
        takes_others: Whether the function takes arguments beside them.

    Returns:
        A schema of type "object" whose properties each have a type and a description, with all that is required.

    Raises:
        BadSchema: If it is no legal schema, or doesn't fit the parameters.

    Example:
        >>> complete_schema('{"a": {"type": "number"}}', {"a": True})["required"]
        ['a']
    """
    schema = _as_object(arguments)
    properties = _properties(schema)
    for name, one in properties.items():
        _check(one, f"the argument {name!r}", 0)
        if name not in parameters and not takes_others:
            raise BadSchema(f"the schema has an argument {name!r}, and the function has none of that name")
    missing = [name for name in parameters if name not in properties]
    if missing:
        raise BadSchema(f"the schema doesn't describe {', '.join(missing)}, which the function takes")
    asked = schema.get("required", []) if "properties" in schema else []
    if not isinstance(asked, list) or any(name not in properties for name in asked):
        raise BadSchema(f"'required' must be a list of arguments of the schema, not {asked!r}")
    required = [name for name in properties if parameters.get(name) or name in asked]
    described = {name: {"description": name, **one} for name, one in properties.items()}
    return {"type": "object", "properties": described, "required": required}


def read_arguments(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a model wrote, held to a schema.

    Args:
        text: JSON text; empty for no arguments.
        schema: What `complete_schema` gave.

    Raises:
        ValueError: If they don't fit; the message says why.

    Example:
        >>> read_arguments('{"a": 1}', complete_schema({"a": {"type": "number"}}, {"a": True}))
        {'a': 1}
    """
    try:
        found = json.loads(text.strip() or "{}", strict=False)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the arguments are not valid JSON: {str(error)[:200]}") from None
    return fitting(found, schema)


def fitting(arguments: object, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that fit a schema, as they are; see `read_arguments`."""
    if not isinstance(arguments, dict):
        raise ValueError(f"the arguments must be an object, not {type(arguments).__name__}")  # noqa: TRY004 - a model's
    properties = schema["properties"]
    problems = [f"{name}: there is no such argument" for name in arguments if name not in properties]
    problems += [f"{name}: required, but not given" for name in schema["required"] if name not in arguments]
    for name, value in arguments.items():
        kinds = _kinds(properties.get(name, {}))
        if kinds and not any(_is(value, kind) for kind in kinds):
            problems.append(f"{name}: must be {' or '.join(kinds)}, not {json.dumps(value)[:80]}")
    if problems:
        raise ValueError(f"the arguments don't fit: {'; '.join(problems)}")
    return arguments


def _as_object(arguments: object) -> dict[str, Any]:
    if isinstance(arguments, str):
        if len(arguments) > MAX_SCHEMA:
            raise BadSchema(f"the schema has {len(arguments):,} characters, and {MAX_SCHEMA:,} bytes are taken at most")
        try:
            arguments = json.loads(arguments.strip() or "{}")
        except (ValueError, RecursionError) as error:
            raise BadSchema(f"the schema is not valid JSON: {str(error)[:200]}") from None
    if not isinstance(arguments, dict):
        raise BadSchema(f"the schema must be an object, not {type(arguments).__name__}")
    try:
        size = len(json.dumps(arguments, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise BadSchema(f"the schema can't be sent as JSON: {str(error)[:200]}") from None
    if size > MAX_SCHEMA:
        raise BadSchema(f"the schema has {size:,} bytes, and {MAX_SCHEMA:,} are taken at most")
    return arguments


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("type"), str) and "properties" not in schema and schema["type"] == "object":
        return {}
    if "properties" not in schema:
        return schema
    if schema.get("type", "object") != "object" or not isinstance(schema["properties"], dict):
        raise BadSchema("the schema must be of type 'object', its properties an object")
    return schema["properties"]


def _check(schema: object, where: str, depth: int) -> None:
    if not isinstance(schema, dict):
        raise BadSchema(f"{where} must be described by an object with a 'type', not by {schema!r:.80}")
    if depth > _MAX_DEPTH:
        raise BadSchema(f"{where} is nested too deeply")
    kinds = _kinds(schema)
    wrong = [kind for kind in kinds if not (isinstance(kind, str) and kind in _TYPES)]
    if wrong or not (kinds or "enum" in schema or "anyOf" in schema):
        raise BadSchema(f"{where} needs a 'type' among {', '.join(_TYPES)}{f', not {wrong[0]!r:.80}' if wrong else ''}")
    if not isinstance(schema.get("description", ""), str):
        raise BadSchema(f"the description of {where} must be a text")
    if "enum" in schema and not (isinstance(schema["enum"], list) and schema["enum"]):
        raise BadSchema(f"the 'enum' of {where} must be a list of values")
    if "items" in schema:
        _check(schema["items"], f"the items of {where}", depth + 1)
    for key in ("properties", "anyOf"):
        inner = schema.get(key, {} if key == "properties" else [])
        if not isinstance(inner, dict if key == "properties" else list):
            raise BadSchema(f"{key!r} of {where} can't be {inner!r:.80}")
        for one in inner.values() if isinstance(inner, dict) else inner:
            _check(one, f"a part of {where}", depth + 1)


def _kinds(schema: Mapping[str, Any]) -> list[Any]:
    kind = schema.get("type", [])
    return list(kind) if isinstance(kind, list) else [kind]


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, ()))
