"""The actions that an optimizer's model may take, and what each makes of a function set."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .asking import Invalid
from .function import BadFunction, LearnedFunction
from .function_set import FunctionSet
from .sandbox import Sandbox
from .schemas import fitting

MAX_FUNCTIONS = 64  # of a merged set, so that a reply can't ask for any number of smoke calls


@dataclass(frozen=True, slots=True)
class Action:
    """An action that was valid.

    Args:
        kind: "add", "revise" or "remove".
        name: The function's name.
        function: The new function; None where one is removed.
    """

    kind: str
    name: str
    function: LearnedFunction | None = None

    def applied(self, functions: FunctionSet) -> FunctionSet:
        """The set after it."""
        if self.function is None:
            return functions.remove(self.name)
        return functions.add(self.function) if self.kind == "add" else functions.revise(self.function)


_FIELDS: Mapping[str, Any] = {
    "name": {"type": "string", "description": "The function's name, in the code too."},
    "description": {"type": "string", "description": "What it does and when to call it, for the agent."},
    "arguments": {
        "type": "string",
        "description": "Its arguments: the JSON schema's properties as JSON text, "
        '{"x": {"type": "number", "description": "..."}}. Types: string, number, integer, boolean, array, object.',
    },
    "packages": {
        "type": "string",
        "description": "Names of packages that the code imports, with commas between; empty for none.",
    },
    "code": {"type": "string", "description": "The whole Python code: imports, and 'def name(...)' with its helpers."},
    "example": {
        "type": "string",
        "description": "Arguments to try it with before it is taken, as JSON text; empty to try nothing.",
    },
}
_NEEDED = ("name", "description", "arguments", "code")


def _tool(name: str, description: str, properties: Mapping[str, Any], required: Sequence[str]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": dict(properties), "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TOOLS: Sequence[Mapping[str, Any]] = (
    _tool("add_function", "Adds a function.", _FIELDS, _NEEDED),
    _tool("revise_function", "Replaces the function of this name.", _FIELDS, _NEEDED),
    _tool("remove_function", "Removes a function.", {"name": {"type": "string"}}, ["name"]),
)
MERGE_TOOLS: Sequence[Mapping[str, Any]] = (
    _tool(
        "submit_functions",
        "Submits the whole merged set.",
        {
            "functions": {
                "type": "array",
                "items": {"type": "object", "properties": dict(_FIELDS), "required": list(_NEEDED)},
            }
        },
        ["functions"],
    ),
)


async def read_action(
    name: str, arguments: Mapping[str, Any], functions: FunctionSet, reserved: Collection[str], sandbox: Sandbox
) -> Action:
    """The action that a model's call stands for.

    Args:
        name: What it called.
        arguments: With what.
        functions: The functions as they are.
        reserved: Names that functions can't have: those of the agent's own tools.
        sandbox: Where a function is loaded, and tried.

    Raises:
        Invalid: If it isn't one that can be taken.
    """
    kind = name.removesuffix("_function")
    if name not in ("add_function", "revise_function", "remove_function"):
        raise Invalid(f"there is no action {name!r:.80}: there are add_function, revise_function and remove_function")
    target = arguments.get("name")
    known = ", ".join(functions) or "none"
    if kind == "add" and target in functions:
        raise Invalid(f"there is a function {target!r:.80} already: revise it, or take another name")
    if kind != "add" and target not in functions:
        raise Invalid(f"there is no function {target!r:.80} to {kind}: there are {known}")
    if kind == "remove":
        return Action(kind, str(target))
    made = await read_function(arguments, reserved, sandbox)
    if made == functions.functions_by_name.get(made.name):
        raise Invalid(f"{made.name} is the same as before: revise something, or reply TERMINATE")
    return Action(kind, made.name, made)


async def read_function(record: Mapping[str, Any], reserved: Collection[str], sandbox: Sandbox) -> LearnedFunction:
    """The function that a record describes, loaded and tried in a sandbox.

    Args:
        record: What a model wrote.
        reserved: Names that it can't have.
        sandbox: Where it is loaded, and tried.

    Raises:
        Invalid: If it can't be taken.
    """
    lacks = [field for field in _NEEDED if field not in record]
    if lacks:
        raise Invalid(f"these are missing: {', '.join(lacks)}")
    if record["name"] in reserved:
        raise Invalid(f"the agent has a tool {record['name']!r:.80} of its own: take another name")
    try:
        function = LearnedFunction.checked(
            record["name"],
            record["description"],
            record["arguments"],
            record["code"],
            record.get("packages"),
            sandbox.modules,
        )
        example = _example(record.get("example"), function)
    except (BadFunction, ValueError) as error:
        raise Invalid(str(error)) from None
    fault = await sandbox.check(function, example)
    if fault:
        raise Invalid(fault)
    return function


async def read_merged(
    name: str, arguments: Mapping[str, Any], version: int, reserved: Collection[str], sandbox: Sandbox
) -> FunctionSet:
    """The set that a model merged.

    Args:
        name: What it called.
        arguments: With what.
        version: The set's version.
        reserved: Names that functions can't have.
        sandbox: Where functions are loaded, and tried.

    Raises:
        Invalid: If a function can't be taken, or two have the same name.
    """
    records = arguments.get("functions")
    if name != "submit_functions" or not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise Invalid("call submit_functions with the list of all functions")
    if len(records) > MAX_FUNCTIONS:
        raise Invalid(f"{len(records):,} functions are too many: {MAX_FUNCTIONS} are taken at most")
    made: dict[str, LearnedFunction] = {}
    for record in records:
        try:
            function = await read_function(record, reserved, sandbox)
        except Invalid as error:
            raise Invalid(f"the function {record.get('name')!r:.80}: {error}") from None
        if function.name in made:
            raise Invalid(f"two functions are named {function.name}")
        made[function.name] = function
    return FunctionSet(made.values(), version)


def _example(example: object, function: LearnedFunction) -> dict[str, Any] | None:
    if example is None or (isinstance(example, str) and not example.strip()):
        return None
    try:
        found = json.loads(example) if isinstance(example, str) else example
        return fitting(found, function.parameters)
    except (ValueError, RecursionError) as error:
        raise BadFunction(f"the example can't be: {str(error)[:300]}") from None
