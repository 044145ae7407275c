"""The tools of an agent: those that its model may call, and those that it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..core.errors import ConfigError
from ..core.message import ToolCall, message_from_dict
from ..core.protocols import Tool, fits
from ..core.sync import run as run_sync
from ..tools.toolbox import Toolbox, ToolSource

if TYPE_CHECKING:
    from ..tools.tool import FunctionTool
    from .conversable import ConversableAgent

F = TypeVar("F", bound=Callable[..., Any])


class ToolSet(Protocol):
    """Tools that come and go together, as a `FunctionSet` has them."""

    def tools(self, executor: Any = None) -> Sequence[Tool]:  # whatever the set can run its functions in
        """The tools.

        Args:
            executor: Where their code runs; the set has a default.
        """
        ...


class ToolkitMixin:
    """Registering tools, in AutoGen 0.2's vocabulary.

    Attributes:
        llm_tools: Tools that the model may call.
        tools: Tools that the agent runs when they are called, by its own model or another agent's.
    """

    name: str
    llm_config: Any  # a dict, an LLMConfig, a ModelClient or False
    llm_tools: ToolSource
    tools: ToolSource
    tool_choice: str | Mapping[str, Any] | None

    def _init_tools(
        self,
        tools: Iterable[Tool | Callable[..., Any]] | ToolSource | None,
        function_map: Mapping[str, Callable[..., Any]] | None,
    ) -> None:
        self.tool_choice = None
        self._raw_tools: list[Mapping[str, Any]] = []
        if isinstance(self.llm_config, Mapping):
            self._raw_tools = list(self.llm_config.get("tools") or ())
            self._raw_tools += [
                {"type": "function", "function": spec} for spec in self.llm_config.get("functions") or ()
            ]
            self.tool_choice = self.llm_config.get("tool_choice")
        if fits(tools, ToolSource):
            self.llm_tools = self.tools = tools
        else:
            self.llm_tools, self.tools = Toolbox(tools or ()), Toolbox(tools or ())
        self._all_schemas: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]] | None = None
        if function_map:
            self.register_function(function_map)

    def _own_toolbox(self, source: ToolSource) -> Toolbox:
        if not isinstance(source, Toolbox):
            raise ConfigError(f"{self.name}'s tools come from {type(source).__name__}: register new ones there")
        return source

    def tool_schemas(self, conversation: str = "", offer: ToolSource | None = None) -> Sequence[Mapping[str, Any]]:
        """Tools on offer to the model, as OpenAI tool dicts; the same list until they change.

        Args:
            conversation: Id of the conversation, since some sources offer different tools in each.
            offer: Its tools as they are at this turn, where that is known.
        """
        schemas = (self.llm_tools if offer is None else offer).schemas(conversation)
        if not self._raw_tools:
            return schemas
        if self._all_schemas is None or self._all_schemas[0] is not schemas:
            self._all_schemas = (schemas, [*self._raw_tools, *schemas])
        return self._all_schemas[1]

    def _tools_changed(self) -> None:
        self._all_schemas = None
        if isinstance(self.llm_config, dict):
            self.llm_config["tools"] = list(self.tool_schemas())

    @property
    def function_map(self) -> dict[str, Callable[..., Any]]:
        """The functions that the agent runs, by name."""
        box = self.tools
        if not isinstance(box, Toolbox):
            return {}
        return {tool.name: getattr(tool, "function", tool.call) for tool in box}

    def register_function(self, function_map: Mapping[str, Callable[..., Any] | None]) -> None:
        """Adds functions that the agent runs when they are called; None removes one.

        Raises:
            ConfigError: If a name to be removed is unknown.
        """
        box = self._own_toolbox(self.tools)
        for name, function in function_map.items():
            if function is None:
                if name not in box:
                    raise ConfigError(f"{self.name} runs no function {name!r}; it runs {sorted(box.names)}")
                box.remove(name)
            else:
                box.add(_tool(function, name))

    def use(self, tools: ToolSet, executor: Any = None) -> None:  # whatever the set can run its functions in
        """Gives the agent the tools of a set, in place of those of the set that it used before.

        Its model may call them, and it runs them itself: in an executor, where they are functions that a model wrote.

        Args:
            tools: The set, as a `FunctionSet`.
            executor: Where their code runs, as the set takes it: "docker", "local", an executor, a `Sandbox`.

        Raises:
            ConfigError: If a tool has the name of one of the agent's own, or nothing can run them.
        """
        boxes = {id(box): box for box in (self._own_toolbox(self.llm_tools), self._own_toolbox(self.tools))}.values()
        made = tools.tools(executor)
        names = [tool.name for tool in made]
        own = {name for box in boxes for name in box.names} | {spec["function"]["name"] for spec in self._raw_tools}
        taken = sorted((own - set(self._used)).intersection(names))
        if taken:
            raise ConfigError(f"{self.name} has tools of its own named {', '.join(taken)}: rename the functions")
        for box in boxes:
            for name in self._used:
                if name in box:
                    box.remove(name)
            for tool in made:
                box.add(tool)
        self._used = tuple(names)
        if self.llm_config:
            self._tools_changed()

    _used: tuple[str, ...] = ()

    def can_execute_function(self, name: list[str] | str) -> bool:
        """Whether the agent runs the function, or all of them."""
        names = [name] if isinstance(name, str) else name
        return all(self.tools.get(one) is not None for one in names)

    def register_for_execution(self, name: str | None = None) -> Callable[[F], F]:
        """A decorator: the agent runs the function when it is called.

        Args:
            name: What it is called; the function's own name, or that given to `register_for_llm`, by default.
        """

        def register(function: F) -> F:
            self._own_toolbox(self.tools).add(_tool(function, name or _declared(function, "_name")))
            return function

        return register

    def register_for_llm(
        self, *, name: str | None = None, description: str | None = None, api_style: str = "tool"
    ) -> Callable[[F], F]:
        """A decorator: the agent's model may call the function.

        Args:
            name: What the model calls it; the function's own name by default.
            description: What it does; the docstring by default, and one of the two is required.
            api_style: "tool"; "function" (the retired form) is taken for the same.

        Raises:
            ConfigError: If the agent has no model, or there is no description.
            ToolSchemaError: If a parameter has no type hint.
        """
        if api_style not in ("tool", "function"):
            raise ConfigError(f'api_style must be "tool" or "function", not {api_style!r}')

        def register(function: F) -> F:
            if not self.llm_config:
                raise ConfigError(f"{self.name} has no model that could call a tool: give it an llm_config first")
            called = name or _declared(function, "_name")
            described = description or _declared(function, "_description")
            tool = _tool(function, called, described)
            if not tool.description:
                raise ConfigError(
                    f"the model must be told what {tool.name!r} does: write a docstring, or pass description="
                )
            _ = tool.schema  # what can't be described fails now, not in the middle of a chat
            self._own_toolbox(self.llm_tools).add(tool)
            self._tools_changed()
            return _declared_as(function, tool)

        return register

    def update_tool_signature(self, tool_sig: str | Mapping[str, Any], is_remove: bool) -> None:
        """Adds a tool that is only described, or removes one by name.

        Args:
            tool_sig: An OpenAI tool dict, or (to remove) a name.
            is_remove: Whether to remove it.

        Raises:
            ConfigError: If the agent has no model, or has no such tool.
        """
        if not self.llm_config:
            raise ConfigError(f"{self.name} has no model: give it an llm_config before its tools")
        name = tool_sig if isinstance(tool_sig, str) else tool_sig["function"]["name"]
        box = self._own_toolbox(self.llm_tools)
        known = [spec for spec in self._raw_tools if spec["function"]["name"] == name]
        if is_remove:
            if not known and name not in box:
                raise ConfigError(f"{self.name}'s model has no tool {name!r}; it has {self._tool_names()}")
            if name in box:
                box.remove(name)
        elif isinstance(tool_sig, str):
            raise ConfigError(f"to add the tool {name!r}, give its OpenAI tool dict, not only its name")
        self._raw_tools = [spec for spec in self._raw_tools if spec not in known]
        if not is_remove and not isinstance(tool_sig, str):
            self._raw_tools.append(tool_sig)
        self._tools_changed()

    def update_function_signature(self, func_sig: str | Mapping[str, Any], is_remove: bool) -> None:
        """The same as `update_tool_signature`, with the function's part of the dict alone."""
        sig = func_sig if isinstance(func_sig, str) else {"type": "function", "function": func_sig}
        self.update_tool_signature(sig, is_remove)

    def _tool_names(self) -> list[str]:
        return sorted(spec["function"]["name"] for spec in self.tool_schemas())

    def execute_function(self, func_call: Mapping[str, Any], verbose: bool = False) -> tuple[bool, dict[str, Any]]:
        """Runs one call outside a chat.

        Args:
            func_call: ``{"name": .., "arguments": <JSON text>}``.
            verbose: Kept for AutoGen 0.2's scripts; a listener shows what runs.

        Returns:
            Whether it worked, and ``{"name": .., "role": "function", "content": ..}``.
        """
        return run_sync(self.a_execute_function(func_call))

    async def a_execute_function(self, func_call: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
        """Runs one call outside a chat; see `execute_function`."""
        (call,) = message_from_dict({"function_call": func_call}, self.name).tool_calls
        tool = self.tools.get(call.name)
        if tool is None:
            return False, {"name": call.name, "role": "function", "content": f"Error: Function {call.name} not found."}
        result = await tool.call(ToolCall(None, call.name, call.arguments))
        return not result.error, {"name": call.name, "role": "function", "content": result.content}


def register_function(
    f: Callable[..., Any],
    *,
    caller: ConversableAgent,
    executor: ConversableAgent,
    name: str | None = None,
    description: str,
) -> None:
    """Lets one agent's model call a function, and another agent run it.

    Args:
        f: The function; its parameters need type hints.
        caller: The agent whose model may call it.
        executor: The agent that runs it; may be the same.
        name: What it is called; its own name by default.
        description: What it does.
    """
    caller.register_for_llm(name=name, description=description)(f)
    executor.register_for_execution(name=name)(f)


def _tool(function: Callable[..., Any], name: str | None, description: str | None = None) -> FunctionTool:
    from ..tools.tool import FunctionTool  # with pydantic behind it: agents without tools don't need it

    if isinstance(function, FunctionTool):
        return function.renamed(name, description)
    return FunctionTool(function, name=name, description=description)


def _declared(function: Callable[..., Any], attribute: str) -> str | None:
    value = getattr(function, attribute, None)
    return value if isinstance(value, str) else None


def _declared_as(function: F, tool: FunctionTool) -> F:
    """The function with name and description noted, so that decorators can be stacked without saying them again."""
    if isinstance(function, type(tool)):
        return tool  # type: ignore[return-value]
    try:
        vars(function).update(_name=tool.name, _description=tool.description)
    except TypeError:  # a bound method or a builtin takes no attributes: it has to be told each time
        pass
    return function
