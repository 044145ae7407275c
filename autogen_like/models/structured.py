"""Replies of a given form: constraints as OpenAI's ``response_format``, and the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError, ModelError
from .client import Choice, Constraint, ModelResponse

if TYPE_CHECKING:
    from pydantic import BaseModel

_CHOICE = "choice"


def pydantic_model(response_format: object) -> type[BaseModel] | None:
    """The pydantic model that a ``response_format`` is, or None where it is something else."""
    if not isinstance(response_format, type):
        return None
    from pydantic import BaseModel

    if issubclass(response_format, BaseModel):
        return response_format
    raise ConfigError(f"'response_format' must be a pydantic model or a dict, not the class {response_format.__name__}")


def format_of_constraint(constraint: Constraint) -> dict[str, Any]:
    """The ``response_format`` that makes a model keep to a constraint; undo it with `unwrap_choice`."""
    if isinstance(constraint, Choice):
        # The root of a strict schema must be an object, so the choice is wrapped in one.
        schema: Mapping[str, Any] = {
            "type": "object",
            "properties": {_CHOICE: {"type": "string", "enum": list(constraint.options)}},
            "required": [_CHOICE],
            "additionalProperties": False,
        }
        return _json_schema("choice", schema, strict=True)
    return _json_schema(constraint.name, constraint.schema, strict=is_strict(constraint.schema))


def format_of_model(model: type[BaseModel]) -> dict[str, Any]:
    """The ``response_format`` of a pydantic model, in OpenAI's strict form."""
    from openai import pydantic_function_tool

    try:
        function: Mapping[str, Any] = pydantic_function_tool(model)["function"]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"'response_format': {model.__name__} has no strict JSON schema: {error}") from None
    return _json_schema(model.__name__, function["parameters"], strict=True)


def _json_schema(name: str, schema: Mapping[str, Any], *, strict: bool) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": strict}}


def is_strict(schema: Any) -> bool:
    """Whether a schema is one that OpenAI enforces strictly: closed objects whose properties are all required."""
    if isinstance(schema, list):
        return all(is_strict(item) for item in schema)
    if not isinstance(schema, Mapping):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or properties is not None:
        closed = schema.get("additionalProperties") is False
        if not closed or set(schema.get("required", ())) != set(properties or ()):
            return False
    nested = [*(properties or {}).values(), *schema.get("$defs", {}).values()]
    nested += [schema[key] for key in ("items", "anyOf") if key in schema]
    return all(is_strict(part) for part in nested)


def unwrap_choice(content: str | None, choice: Choice) -> str | None:
    """The option in a reply to `format_of_constraint`; the reply as it is where it isn't one (a refusal, say)."""
    try:
        found = json.loads(content or "")[_CHOICE]
    except (ValueError, KeyError, TypeError):
        return content
    return found if found in choice.options else content


def parse_reply(content: str | None, model: type[BaseModel], response: ModelResponse) -> BaseModel | None:
    """The validated object in a reply; None where the model called tools instead.

    Raises:
        ModelError: If the reply doesn't fit the model.
    """
    from pydantic import ValidationError

    if response.tool_calls:
        return None
    try:
        return model.model_validate_json(content or "")
    except ValidationError as error:
        cut = response.finish_reason == "length"
        why = "it was cut off: raise max_tokens" if cut else f"{error.error_count()} errors: {_first(error)}"
        raise ModelError(
            f"the reply of {response.model!r} does not fit {model.__name__}: {why}", transient=not cut
        ) from None


def _first(error: Any) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else str(first["msg"])
