"""What the tests of the optimizer share: functions with known effects, and an optimizer that proposes from a list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from autogen_like import FunctionSet, LearnedFunction, ModelResponse, Sandbox, ToolCall
from autogen_like.optimizer.agent_optimizer import Proposal
from autogen_like.optimizer.asking import PromptTokens


def function(name: str, body: str = "return x", description: str = "Does it.") -> LearnedFunction:
    return LearnedFunction.checked(name, description, {"x": {"type": "number"}}, f"def {name}(x):\n    {body}")


class Scripted:
    """Proposes what a list says: names of functions to add, "-name" to remove one, None to have nothing new."""

    def __init__(self, script: Sequence[Any]) -> None:
        self.script = list(script)
        self.tokens = PromptTokens()
        self.sandbox: Sandbox | None = None
        self.seen: list[tuple[Any, Any]] = []

    async def propose(self, best, failures=(), reserved=()) -> Proposal:
        self.seen.append((best, failures))
        self.tokens.add(10, 0.5)
        step = self.script.pop(0)
        functions = best.module
        for name in [] if step is None else step.split():
            if name.startswith("-"):
                functions = functions.remove(name[1:])
            else:
                functions = functions.add(function(name))
        return Proposal(functions)

    async def merge(self, parts, reserved=()) -> FunctionSet | None:
        merged = {one.name: one for part in parts for one in part.module.functions}
        self.tokens.add(5, 0.1)
        return FunctionSet(merged.values(), 1 + max(part.module.version for part in parts))


async def solve(task: str, functions: FunctionSet) -> str:
    """An agent that solves a task if it has a function of the task's name, and none that does harm."""
    return "solved" if task in functions and "harm" not in functions else "failed"


def solved(rollout: Any) -> bool:
    return rollout.result == "solved"


def call(action: str, /, **arguments: Any) -> ModelResponse:
    return ModelResponse(None, (ToolCall("1", action, json.dumps(arguments)),))


def add(name: str = "double", code: str | None = None, **changes: Any) -> ModelResponse:
    fields: dict[str, Any] = {
        "name": name,
        "description": "Doubles a number.",
        "arguments": '{"x": {"type": "number"}}',
        "code": code if code is not None else f"def {name}(x):\n    return 2 * x",
        **changes,
    }
    return call("add_function", **{key: value for key, value in fields.items() if value is not None})


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("local", timeout=20) as made:
        yield made


@pytest.fixture
def kit() -> Any:
    """The helpers above, for test modules that can't import this one."""

    class Kit:
        pass

    made: Any = Kit()
    helpers: tuple[Callable[..., Any], ...] = (function, Scripted, solve, solved, call, add)
    for helper in helpers:
        setattr(made, helper.__name__, helper)
    return made
