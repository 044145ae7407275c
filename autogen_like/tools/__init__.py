"""Functions that a model may call: their description, the call, and the toolbox that holds them."""

from .context import ToolContext
from .runner import run_calls
from .schema import function_schema
from .tool import FunctionTool, tool
from .toolbox import Toolbox, ToolSource

__all__ = ["FunctionTool", "ToolContext", "ToolSource", "Toolbox", "function_schema", "run_calls", "tool"]
