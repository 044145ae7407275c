"""What an MCP server says of its tools, made fit for models. Names, descriptions, schemas: all of it is untrusted."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_TOOLS = 1000
MAX_SCHEMA_CHARS = 100_000
MAX_DEPTH = 64
_LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
# Chat APIs take an object with properties at the top, and none of these beside them.
_NOT_AT_TOP = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "enum", "const", "$schema", "$id")


@dataclass(slots=True)
class Listed:
    """A tool as its server described it, checked.

    Args:
        name: What the server calls it.
        description: Its description, not shortened.
        parameters: Its JSON schema, cleaned.
        hints: What the server claims of it: ``readOnlyHint``, ``destructiveHint``, ...
    """

    name: str
    description: str
    parameters: dict[str, Any]
    hints: Mapping[str, bool]


@dataclass(slots=True)
class Listing:
    """The tools of a server.

    Args:
        tools: Those that can be used.
        left_out: The names of the others, and why.
    """

    tools: dict[str, Listed] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def take(self, raw: Any) -> dict[str, Any] | None:
        """Adds a tool as it came over the wire.

        Args:
            raw: Anything.

        Returns:
            What of it the SDK needs to know, without the parts that this package doesn't use: one tool with a broken
            part would make it refuse the whole list. None if it is left out.
        """
        name = raw.get("name") if isinstance(raw, dict) else None
        if not isinstance(name, str) or not name:
            self.left_out[f"<{len(self.left_out)}>"] = "it has no name"
            return None
        reason = self._reason_against(name, raw)
        if reason is not None:
            self.left_out[name] = reason
            return None
        schema = raw["inputSchema"]
        claimed = raw.get("annotations")
        claimed = claimed if isinstance(claimed, dict) else {}
        hints = {key: claimed[key] for key in _HINTS if isinstance(claimed.get(key), bool)}
        text = raw.get("description") or raw.get("title") or claimed.get("title")
        self.tools[name] = Listed(name, text if isinstance(text, str) else "", cleaned(schema), hints)
        return {"name": name, "inputSchema": schema}

    def _reason_against(self, name: str, raw: dict[str, Any]) -> str | None:
        if name in self.tools:
            return "another tool has the same name"
        if len(self.tools) >= MAX_TOOLS:
            return f"the server lists more than {MAX_TOOLS} tools"
        execution = raw.get("execution")
        if isinstance(execution, dict) and execution.get("taskSupport") == "required":
            return "it can only be run as a background task"
        return problem(raw.get("inputSchema"))


def problem(schema: Any) -> str | None:
    """What is wrong with a tool's JSON schema; None if it can be shown to a model.

    Example:
        >>> problem({"type": "array"})
        "its schema must be of type object, not 'array'"
    """
    if not isinstance(schema, dict):
        return "it has no JSON schema"
    if schema.get("type") != "object":
        return f"its schema must be of type object, not {schema.get('type')!r}"
    if _deeper(schema, MAX_DEPTH):
        return f"its schema is nested more than {MAX_DEPTH} deep"
    if len(json.dumps(schema)) > MAX_SCHEMA_CHARS:
        return f"its schema has more than {MAX_SCHEMA_CHARS} characters"
    from jsonschema import Draft202012Validator, SchemaError  # comes with mcp

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"its schema is broken at {error.json_path}: {error.message[:200]}"
    for reference in _references(schema):
        if not _resolves(reference, schema):
            return f"its schema refers to {reference[:100]!r}, which isn't in it"
    return None


def _deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [
            item
            for one in level
            if isinstance(one, dict | list)
            for item in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _references(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("$ref", "$dynamicRef") and isinstance(item, str):
                yield item
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _resolves(reference: str, schema: Any) -> bool:
    return _target(reference, schema) is not None


def _target(reference: str, schema: Any) -> Any:
    """What a JSON pointer within the schema names; None where it names nothing, or is of another document."""
    if reference == "#":
        return schema
    if not reference.startswith("#/"):
        return None
    found = schema
    for escaped in reference[2:].split("/"):
        step = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        elif isinstance(found, dict) and step in found:
            found = found[step]
        else:
            return None
    return found if isinstance(found, dict | bool) else None


def cleaned(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A tool's JSON schema in the form that chat APIs take: an object with properties at the top.

    Alternatives at the top are shown as the properties of all of them together. That allows more than the server does,
    which checks for itself.

    Example:
        >>> cleaned({"type": "object", "anyOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]})
        {'type': 'object', 'properties': {'a': {}, 'b': {}}}
    """
    made = copy.deepcopy({key: value for key, value in schema.items() if key not in _NOT_AT_TOP})
    properties = made.setdefault("properties", {})
    for combined in ("allOf", "anyOf", "oneOf"):
        for branch in schema.get(combined, ()):
            for name, described in _properties(branch, schema).items():
                properties.setdefault(name, copy.deepcopy(described))
    if any(reference.startswith("#/") and not _resolves(reference, made) for reference in _references(made)):
        return copy.deepcopy(dict(schema))  # it refers to what was taken out: better shown as it is
    return made


def _properties(branch: Any, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(branch, dict) and isinstance(branch.get("$ref"), str):
        branch = _target(branch["$ref"], schema)
    found: Mapping[str, Any] = branch.get("properties", {}) if isinstance(branch, dict) else {}
    return found


def legal_names(names: Sequence[str], prefix: str) -> dict[str, str]:
    """Names that model APIs take (1 to 64 of A-Z, a-z, 0-9, _ and -), all different, for names that may be anything.

    Args:
        names: The server's names; all different.
        prefix: What each of them is to begin with.

    Returns:
        ``{the server's name: the name for models}``. A name that is legal stays as it is; the others do not depend on
        the order.

    Example:
        >>> legal_names(["add", "read file"], "fs_")
        {'add': 'fs_add', 'read file': 'fs_read_file'}
    """
    made = {name: prefix + name for name in names if _LEGAL.fullmatch(prefix + name)}
    taken = set(made.values())
    for name in sorted(set(names) - set(made)):
        mended = re.sub(r"[^A-Za-z0-9_-]", "_", prefix + name)
        if len(mended) > 64 or mended in taken:
            mended = f"{mended[:55]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        taken.add(mended)
        made[name] = mended
    return {name: made[name] for name in names}


def shortened(text: str, limit: int) -> str:
    """A description with no more characters than a limit, and no control characters."""
    shown = "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in text[: limit + 1]).strip()
    return shown if len(text) <= limit else f"{shown[: limit - 3]}..."
