"""A learned function as a tool: described by its record, run in a sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.message import ToolCall, ToolResult
from .function import LearnedFunction
from .sandbox import Sandbox
from .schemas import read_arguments


class LearnedTool:
    r"""A learned function that models may call. What goes wrong comes back as a result that says so.

    Args:
        function: The function.
        sandbox: Where it runs.

    Attributes:
        name: What models call it.
        description: What it does.
        schema: The OpenAI tool dict.

    Example:
        >>> import asyncio
        >>> code = "def double(x): return 2 * x"
        >>> double = LearnedFunction.checked("double", "Doubles.", {"x": {"type": "number"}}, code)
        >>> with Sandbox("local") as sandbox:
        ...     asyncio.run(LearnedTool(double, sandbox).call(ToolCall("c", "double", '{"x": "3"}'))).content
        'Error: the arguments don\'t fit: x: must be number, not "3"'
    """

    def __init__(self, function: LearnedFunction, sandbox: Sandbox) -> None:
        self.learned = function
        self.sandbox = sandbox
        self.name = function.name
        self.description = function.description
        self.schema: Mapping[str, Any] = function.schema
        # A copy of the process that ran it is gone with its folder: there is nothing that a second run would double.
        self.repeatable = True

    def __repr__(self) -> str:
        return f"LearnedTool({self.name!r})"

    async def call(self, call: ToolCall) -> ToolResult:
        """Runs the function in the sandbox with the arguments that a model wrote.

        Args:
            call: The call, its arguments unchecked JSON text.
        """
        try:
            arguments = read_arguments(call.arguments, self.learned.parameters)
        except ValueError as error:
            return ToolResult(call.id, call.name, f"Error: {error}", error=True, error_type="invalid_arguments")
        answer = await self.sandbox.run(self.learned, arguments)
        if answer.error:
            return ToolResult(call.id, call.name, f"Error: {answer.error}", error=True, error_type=answer.error_type)
        return ToolResult(call.id, call.name, answer.value, value=answer.value)
