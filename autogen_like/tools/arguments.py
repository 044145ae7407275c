"""From the JSON text that a model wrote to keyword arguments, or to words that say what was wrong with it."""

from __future__ import annotations

import json
from reprlib import Repr
from typing import Any

from pydantic import ValidationError

from ..core.errors import ToolSchemaError
from .schema import arguments_validator, parameters_schema
from .signature import Signature
from .strict import kept_properties

_SHOWN_ERRORS = 10

_brief = Repr()  # bounded in time too: what a model sends may be huge
_brief.maxstring = _brief.maxother = _brief.maxlong = 80


def read_arguments(signature: Signature, text: str) -> dict[str, Any]:
    """Keyword arguments, checked and converted after the function's hints.

    What is only nearly right is taken: raw line breaks in strings, nothing or null for no arguments, and null for
    something optional that can't be null, which then keeps its default.

    Args:
        signature: What the function takes.
        text: What the model wrote.

    Raises:
        ValidationError: If it doesn't fit.
    """
    validate = arguments_validator(signature)
    try:
        return validate(text or "{}")
    except ValidationError:
        mended = _mended(signature, text)
        if mended is None:
            raise
        return validate(mended)


def _mended(signature: Signature, text: str) -> str | None:
    try:
        loaded = json.loads(text.strip() or "{}", strict=False)
        if isinstance(loaded, dict):
            loaded = _without_nulls(loaded, signature)
        return json.dumps({} if loaded is None else loaded)
    except (ValueError, RecursionError):
        return None


def _without_nulls(arguments: dict[str, Any], signature: Signature) -> dict[str, Any]:
    try:
        schema = parameters_schema(signature)
    except ToolSchemaError:  # a function that can only be run
        return arguments
    return dict(kept_properties(arguments, schema, schema))


def explain(name: str, text: str, error: ValidationError) -> str:
    """What was wrong with the arguments, in words that help a model to mend them.

    Args:
        name: The tool's name.
        text: What the model wrote.
        error: What pydantic found.
    """
    problems = error.errors(include_url=False, include_context=False)
    if problems[0]["type"] == "json_invalid":
        return f"Error: the arguments of {name} are not valid JSON: {problems[0]['msg']}. Got: {_short(text, 200)}"
    said = []
    for problem in problems[:_SHOWN_ERRORS]:
        where = _short(".".join(str(step) for step in problem["loc"]), 100) or "the arguments"
        if problem["type"] == "extra_forbidden":
            said.append(f"{where}: there is no such argument")
        elif problem["type"] == "missing":
            said.append(f"{where}: required, but not given")
        else:
            said.append(f"{where}: {_short(problem['msg'], 300)} (got {_brief.repr(problem['input'])})")
    if len(problems) > _SHOWN_ERRORS:
        said.append(f"and {len(problems) - _SHOWN_ERRORS} more")
    return f"Error: the arguments of {name} don't fit: {'; '.join(said)}"


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."
