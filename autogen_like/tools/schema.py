"""Python function -> the dict that tells a model how to call it, and the check of what the model then sends."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NotRequired, TypeAlias, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, SchemaError, to_jsonable_python
from typing_extensions import TypedDict

from ..core.errors import ToolSchemaError
from .signature import EMPTY, Parameter, Signature, signature_of
from .strict import REF, reachable, strict_parameters

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
Validate: TypeAlias = Callable[[str], dict[str, Any]]
"""Checks JSON text and gives keyword arguments; raises pydantic's ValidationError."""

_UNUSABLE = (PydanticUserError, SchemaError, TypeError)
# What pydantic says of the types that most parameters have, without the third of a millisecond that it takes.
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}


def function_schema(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool = False,
) -> dict[str, Any]:
    """The OpenAI tool dict of a function, from its signature, its hints and its docstring.

    Args:
        function: What the model may call. Each parameter needs a type hint; ``Annotated[int, "text"]``, pydantic's
            ``Field`` or the docstring (Google, NumPy or reST style) describe it.
        name: What the model calls it; the function's own name by default.
        description: What it does; the first paragraph of the docstring by default.
        strict: Whether models that enforce schemas are to enforce this one.

    Returns:
        ``{"type": "function", "function": {"description", "name", "parameters"}}``.

    Raises:
        ToolSchemaError: If it can't be described; the message lists everything that stands in the way, with the cure.

    Example:
        >>> def add(a: int, b: int = 2) -> int:
        ...     "Adds two numbers."
        ...     return a + b
        >>> function_schema(add)["function"]["parameters"]["required"]
        ['a']
    """
    return tool_dict(signature_of(function), name, description, strict=strict)


def tool_dict(
    signature: Signature, name: str | None = None, description: str | None = None, *, strict: bool = False
) -> dict[str, Any]:
    """The OpenAI tool dict for a signature; see `function_schema`."""
    name = name or signature.name
    description = description or signature.summary
    problems = list(signature.problems)
    if not _NAME.fullmatch(name):
        problems.insert(0, "its name must be 1 to 64 letters, digits, '_' or '-': pass name=...")
    if not description:
        problems.insert(0, "it has no description: write a docstring or pass description=...")
    if problems:
        raise ToolSchemaError(f"{name!r} can't be described to a model. " + "; ".join(problems))
    function: dict[str, Any] = {"description": description, "name": name}
    if strict:
        function["parameters"] = strict_parameters(name, parameters_schema(signature))
        function["strict"] = True
    else:
        function["parameters"] = copy.deepcopy(parameters_schema(signature))  # so that everybody may edit theirs
    return {"type": "function", "function": function}


def parameters_schema(signature: Signature) -> Mapping[str, Any]:
    """The JSON schema of what a function takes, made once for it: to be read, not edited.

    Raises:
        ToolSchemaError: If a hint has no JSON schema.
    """
    made = signature.derived.get("schema")
    if made is None:
        made = signature.derived["schema"] = _parameters_schema(signature)
    schema: Mapping[str, Any] = made
    return schema


def _parameters_schema(signature: Signature) -> dict[str, Any]:
    shown = [parameter for parameter in signature.parameters if parameter.hint is not EMPTY]
    schemas, definitions = _pydantic_schemas(signature.name, shown)
    properties: dict[str, Any] = {}
    for parameter, schema in zip(shown, schemas, strict=True):
        properties[parameter.name] = _property(parameter, schema, definitions)
    required = [parameter.name for parameter in shown if parameter.required]
    result: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
    used = reachable(properties, definitions)
    if used:
        result["$defs"] = copy.deepcopy(used)
    return result


def _pydantic_schemas(
    name: str, parameters: Sequence[Parameter]
) -> tuple[list[dict[str, Any]], Mapping[str, dict[str, Any]]]:
    plain = {p.name: {"type": kind} for p in parameters if (kind := _plain(p.hint)) is not None}
    if len(plain) == len(parameters):
        return list(plain.values()), {}
    try:
        adapters = [(p.name, "validation", TypeAdapter(p.hint)) for p in parameters if p.name not in plain]
        schemas, shared = TypeAdapter.json_schemas(adapters)  # type: ignore[arg-type]
    except _UNUSABLE:
        bad = [f"{p.name}: {why}" for p in parameters if (why := _why_unusable(p.hint))]
        raise ToolSchemaError(
            f"{name!r} can't be described to a model, since JSON has nothing for a type. {'; '.join(bad)}. "
            "Take numbers, strings, lists, dicts, enums, dataclasses or pydantic models, and build the rest inside"
        ) from None
    # The schemas of two models with the same name get different keys, so that one set of definitions holds them all.
    listed = [plain[p.name] if p.name in plain else schemas[p.name, "validation"] for p in parameters]
    return listed, shared.get("$defs", {})


def _plain(hint: Any) -> str | None:
    """The JSON type of a plain hint, which text may be annotated to; None for all others."""
    if get_origin(hint) is Annotated:
        hint, *notes = get_args(hint)
        if not all(isinstance(note, str) for note in notes):
            return None
    return _PLAIN.get(hint) if isinstance(hint, type) else None


def _why_unusable(hint: Any) -> str:
    """What pydantic has against a type, in few words; empty where it takes it."""
    try:
        TypeAdapter(hint).json_schema()
    except _UNUSABLE as error:
        return " ".join(str(error).split("\n")[:2]).strip().rstrip(".")
    return ""


def _property(parameter: Parameter, schema: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    if reference.startswith(REF):  # a parameter that is itself a model is written out, as small models read it best
        inlined = definitions[reference[len(REF) :]]
        schema = {**inlined, **{key: value for key, value in schema.items() if key != "$ref"}}
    schema = copy.deepcopy(schema)
    if parameter.default is not EMPTY:
        try:
            default = to_jsonable_python(parameter.default)
            json.dumps(default, allow_nan=False)
        except (PydanticSerializationError, ValueError):
            schema.pop("default", None)  # it can't be said in JSON; the function still has it
        else:
            schema["default"] = default
    schema["description"] = parameter.text or schema.get("description") or parameter.name
    return schema


def arguments_validator(signature: Signature) -> Validate:
    """What checks and converts the JSON that a model sends into keyword arguments.

    Omitted parameters stay omitted, so that the function's own defaults hold. A parameter without a hint, or with one
    that pydantic doesn't know, takes whatever is sent. Made once for a function.
    """
    made = signature.derived.get("validator")
    if made is None:
        made = signature.derived["validator"] = _arguments_validator(signature)
    validate: Validate = made
    return validate


def _arguments_validator(signature: Signature) -> Validate:
    try:
        return _validator(signature, [_accepted(p) for p in signature.parameters])
    except _UNUSABLE:
        hints = [_accepted(p) if _is_known(p.hint) else Any for p in signature.parameters]
        return _validator(signature, hints)


def _accepted(parameter: Parameter) -> Any:
    if parameter.hint is EMPTY:
        return Any
    if parameter.default is None and not parameter.required:
        return parameter.hint | None  # def f(x: int = None): a model may well say null
    return parameter.hint


def _is_known(hint: Any) -> bool:
    try:
        TypeAdapter(hint)
    except _UNUSABLE:
        return False
    return True


def _validator(signature: Signature, hints: Sequence[Any]) -> Validate:
    fields = {
        parameter.name: hint if parameter.required else NotRequired[hint]
        for parameter, hint in zip(signature.parameters, hints, strict=True)
    }
    make: Any = TypedDict  # made at run time, which type checkers don't follow
    arguments = make("arguments", fields)
    arguments.__pydantic_config__ = ConfigDict(
        extra="allow" if signature.catches_all else "forbid", coerce_numbers_to_str=True
    )
    return TypeAdapter(arguments).validator.validate_json
