"""Strict mode, there and back: schemas that OpenAI and others enforce, and the nulls that models must send for them.

A strict schema knows no optional property: each is required, and one that may be left out takes null as well. So null
for something that can't be null stands for "left out", whoever sends it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from ..core.errors import ToolSchemaError

Schema: TypeAlias = dict[str, Any]
REF = "#/$defs/"

_NARROWING = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems")
_KEPT = frozenset(("type", "description", "enum", "const", "$ref", "pattern", "format", *_NARROWING))
_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
_TOLD = ("minLength", "maxLength", "pattern", "uniqueItems", "minProperties", "maxProperties", "format")
_REFUSED = ("allOf", "not", "if", "then", "else", "patternProperties", "dependentRequired", "dependentSchemas")
_DEEPEST = 200  # levels; pydantic reads no more
_JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


class _Unsayable(Exception):
    """Something that a strict schema can't say, with the cure."""


def strict_parameters(name: str, parameters: Mapping[str, Any]) -> Schema:
    """The strict form of a function's parameters.

    Args:
        name: The tool's name.
        parameters: Their schema, as `parameters_schema` makes it.

    Raises:
        ToolSchemaError: If a parameter can't be said strictly; names each, with the cure.
    """
    required = parameters["required"]
    properties: Schema = {}
    problems: list[str] = []
    for parameter, schema in parameters["properties"].items():
        try:
            properties[parameter] = _property(schema, parameter in required, parameters)
            for definition in reachable(schema, parameters.get("$defs", {})).values():
                _strict(definition, parameters)
        except _Unsayable as problem:
            problems.append(f"{parameter}: {problem}")
    if problems:
        raise ToolSchemaError(
            f"{name!r} can't be described in strict mode. {'; '.join(problems)}; or do without strict=True"
        )
    result = _closed(properties)
    definitions = reachable(properties, parameters.get("$defs", {}))
    if definitions:
        result["$defs"] = {key: _strict(definition, parameters) for key, definition in definitions.items()}
    return result


def _closed(properties: Schema) -> Schema:
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False
    }  # fmt: skip


def _property(schema: Mapping[str, Any], required: bool, root: Mapping[str, Any]) -> Schema:
    made = _strict(schema, root)
    if required:
        return made
    told = [made.pop("description", "")]
    if not takes_null(schema, root):
        made = {"anyOf": [*made["anyOf"], {"type": "null"}] if list(made) == ["anyOf"] else [made, {"type": "null"}]}
        told.append(
            f"null for the default, {_json(schema['default'])}" if "default" in schema else "null to leave it out"
        )
    elif schema.get("default") is not None:
        told.append(f"usually {_json(schema['default'])}")
    text = "; ".join(filter(None, told))
    return {**made, "description": text} if text else made


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _strict(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Schema:
    for keyword in _REFUSED:
        if keyword in schema:
            raise _Unsayable(f"{keyword!r} is not supported: use plain types")
    made: Schema = {key: value for key, value in schema.items() if key in _KEPT}
    _drop_narrowing(made, schema)
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        made["anyOf"] = [_strict(branch, root) for branch in branches]
    elif "$ref" in schema:
        reference = made.pop("$ref")
        # Nothing may stand beside a reference.
        made = {"anyOf": [{"$ref": reference}], **made} if made else {"$ref": reference}
    elif schema.get("type") == "object":
        if not schema.get("properties") and schema.get("additionalProperties", True) is not False:
            raise _Unsayable("an object with any keys can't be said: take a list of pairs, or a model")
        needed = schema.get("required", ())
        named = schema.get("properties", {}).items()
        made |= _closed({key: _property(value, key in needed, root) for key, value in named})
    elif schema.get("type") == "array":
        if "prefixItems" in schema or not isinstance(schema.get("items"), dict):
            raise _Unsayable("a list must say what is in it, the same for each: take list[...], or a model for a tuple")
        made["items"] = _strict(schema["items"], root)
    elif "type" not in schema:
        values = schema["enum"] if "enum" in schema else [schema["const"]] if "const" in schema else []
        kinds = list(dict.fromkeys(_JSON_TYPES.get(type(value), "") for value in values))
        if not all(kinds) or not values:
            raise _Unsayable("a value of any type can't be said: give it a type")
        made["type"] = kinds[0] if len(kinds) == 1 else kinds
    return made


def _drop_narrowing(made: Schema, schema: Mapping[str, Any]) -> None:
    """What only narrows and can't be enforced is told in words; it is checked when the call comes."""
    if "(?" in str(made.get("pattern", "")):  # looks around
        del made["pattern"]
    if made.get("format", "date") not in _FORMATS:
        del made["format"]
    told = [f"{key}: {schema[key]}" for key in _TOLD if key in schema and key not in made and schema[key] != "binary"]
    if told:
        made["description"] = f"{made.get('description', '')} ({', '.join(told)})".strip()


def takes_null(schema: Any, root: Mapping[str, Any]) -> bool:
    """Whether null fits a schema.

    Args:
        schema: The schema.
        root: Where its references point.
    """
    schema = resolved(schema, root)
    if not isinstance(schema, Mapping):
        return schema is not False
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        return any(takes_null(branch, root) for branch in branches)
    if "enum" in schema:
        return None in schema["enum"]
    if "const" in schema:
        return schema["const"] is None
    kinds = schema.get("type", "null")
    return kinds == "null" or (isinstance(kinds, list) and "null" in kinds)


def resolved(schema: Any, root: Mapping[str, Any]) -> Any:
    """What a reference points to; anything else as it is."""
    for _ in range(_DEEPEST):
        reference = schema.get("$ref", "") if isinstance(schema, Mapping) else ""
        if not reference.startswith(REF):
            return schema
        schema = root.get("$defs", {}).get(reference[len(REF) :], {})
    return {}


def without_nulls(data: Any, schema: Any, root: Mapping[str, Any], depth: int = 0) -> Any:
    """Data without the nulls that stand for "left out".

    Args:
        data: What a model sent.
        schema: What it should fit; not the strict form.
        root: Where its references point.
        depth: How deep in the data it stands.
    """
    if depth > _DEEPEST:
        return data
    if isinstance(data, list):
        for branch in _branches(schema, root):
            if branch.get("type") == "array":
                items = branch.get("items", {})
                return [without_nulls(item, items, root, depth + 1) for item in data]
    if isinstance(data, dict):
        for branch in _branches(schema, root):
            if branch.get("type") == "object" and _is_for(branch, data):
                return dict(kept_properties(data, branch, root, depth + 1))
    return data


def kept_properties(
    data: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], depth: int = 0
) -> Iterator[tuple[str, Any]]:
    """The items of an object, without those that are null for "left out"; see `without_nulls`."""
    properties, required = schema.get("properties", {}), schema.get("required", ())
    others = schema.get("additionalProperties", {})
    for key, value in data.items():
        wanted = properties.get(key, others)
        if value is None and key in properties and key not in required and not takes_null(wanted, root):
            continue
        yield key, without_nulls(value, wanted, root, depth)


def _branches(schema: Any, root: Mapping[str, Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The alternatives of a schema, those of its alternatives included."""
    schema = resolved(schema, root)
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    branches = schema.get("anyOf") or schema.get("oneOf")
    if not branches:
        yield schema
    for branch in branches or ():
        yield from _branches(branch, root, depth + 1)


def _is_for(schema: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether an object is of this kind: it has what it must have, and the constants agree."""
    properties = schema.get("properties", {})
    if properties and not (set(schema.get("required", ())) <= set(data) <= set(properties)):
        return False
    fixed = {key: part["const"] for key, part in properties.items() if "const" in part}
    return all(data.get(key, value) == value for key, value in fixed.items())


def reachable(schema: Any, definitions: Mapping[str, Any]) -> Schema:
    """The definitions that a schema refers to, directly or through others, by name."""
    found: Schema = {}
    waiting = [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            reference = item.get("$ref")
            if isinstance(reference, str) and reference.startswith(REF):
                key = reference[len(REF) :]
                if key in definitions and key not in found:
                    found[key] = definitions[key]
                    waiting.append(found[key])
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return dict(sorted(found.items()))
