"""An agent's tools by AutoGen 0.2's names."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from ...agents import conversable
from ...agents.agent import call
from ...agents.backends import ToolBackend
from ...core.message import ToolCall, ToolResult
from ...core.protocols import Tool
from ...core.sync import run as run_sync
from ...core.sync import under_sync_face
from ...tools.tool import FunctionTool
from .._errors import raised_as
from ._letters import unnamed

F = TypeVar("F", bound=Callable[..., Any])


class _MethodTool:
    """A function that is run by an agent's own ``execute_function``.

    Args:
        agent: The agent.
        name: What is called.
        tool: The function of that name, if the agent has one.
    """

    def __init__(self, agent: Any, name: str, tool: Tool | None) -> None:
        self._agent, self._name, self._tool = agent, name, tool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tool, name)  # whether it needs approval, say

    async def call(self, called: ToolCall) -> ToolResult:
        """Runs it."""
        kind = type(self._agent)
        only_sync = kind.a_execute_function is ToolsMixin.a_execute_function
        sync = kind.execute_function is not ToolsMixin.execute_function and (only_sync or under_sync_face())
        method = self._agent.execute_function if sync else self._agent.a_execute_function
        done, said = await call(method, {"name": self._name, "arguments": called.arguments})
        return ToolResult(called.id, called.name, str(said["content"]), error=not done)


class _ByMethod:
    """An agent, as what runs its tools knows it, whose subclass runs functions in a way of its own.

    Args:
        agent: The agent.
    """

    def __init__(self, agent: Any) -> None:
        self._agent = agent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)

    @property
    def tools(self) -> _ByMethod:
        """Where its tools come from."""
        return self

    def schemas(self, conversation: str = "") -> Any:
        """The tools on offer."""
        return self._agent.tools.schemas(conversation)

    def get(self, name: str, conversation: str = "") -> Any:
        """The tool of a name; a function is run by the agent's method, also one that there isn't."""
        found = self._agent.tools.get(name, conversation)
        return _MethodTool(self._agent, name, found) if found is None or isinstance(found, FunctionTool) else found


class ToolsMixin(conversable.ConversableAgent):
    """Registering and running functions."""

    _executed: dict[str, Callable[..., Any]]
    _function_style: set[str]

    def _init_chain(self, agent: Any, last_n_messages: int | str) -> None:
        super()._init_chain(agent, last_n_messages)
        ours, kind = ToolsMixin, type(self)
        if kind.execute_function is ours.execute_function and kind.a_execute_function is ours.a_execute_function:
            return
        runs = ToolBackend(_ByMethod(agent))
        self._built_in = tuple(runs if isinstance(one, ToolBackend) else one for one in self._built_in)
        self.backends = list(self._built_in)

    @property
    def function_map(self) -> dict[str, Callable[..., Any]]:
        """The functions that it runs; those of `register_for_execution` with what they wrap as ``_origin``."""
        found = super().function_map
        return {name: self._executed.get(name, function) for name, function in found.items()} if found else found

    def register_function(self, function_map: Mapping[str, Callable[..., Any] | None]) -> None:
        """Adds functions that it runs when they are called; None removes one."""
        super().register_function(function_map)
        for name in function_map:
            self._executed.pop(name, None)

    def register_for_execution(self, name: str | None = None) -> Callable[[F], F]:
        """A decorator: the agent runs the function when it is called."""
        register = super().register_for_execution(name)

        def registered(function: F) -> F:
            found = register(function)
            if name and inspect.isfunction(function):  # the decorators above it take the name over
                vars(function)["_name"] = name
            plain = getattr(function, "function", function)  # a tool's, or the function itself
            called = name or getattr(function, "_name", None) or getattr(function, "name", None) or plain.__name__
            self._executed[str(called)] = self._wrap_function(plain)
            return found

        return registered

    def _wrap_function(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """A function that takes dicts for pydantic models, and gives text."""
        from ..function_utils import load_basemodels_if_needed, serialize_to_str

        loaded: Callable[..., Any] | None = None

        def ready() -> Callable[..., Any]:
            nonlocal loaded
            if loaded is None:  # pydantic's part takes time, and is only needed where somebody calls it
                loaded = load_basemodels_if_needed(func)
            return loaded

        @functools.wraps(func)
        def plain(*args: Any, **kwargs: Any) -> str:
            return serialize_to_str(ready()(*args, **kwargs))

        @functools.wraps(func)
        async def awaited(*args: Any, **kwargs: Any) -> str:
            return serialize_to_str(await ready()(*args, **kwargs))

        wrapped: Any = awaited if inspect.iscoroutinefunction(func) else plain
        wrapped._origin = func  # noqa: SLF001 - the name that scripts look for
        return wrapped  # type: ignore[no-any-return]

    def execute_function(self, func_call: Mapping[str, Any], verbose: bool = False) -> tuple[bool, dict[str, Any]]:
        """Runs one call; override it, or `a_execute_function`, to run functions in another way, in chats too."""
        return run_sync(super().a_execute_function(func_call))  # the class's own, whatever overrides the async form

    @staticmethod
    def _format_json_str(jstr: str) -> str:
        """JSON without line breaks between its parts, and with those and tabs inside of strings escaped."""
        parts = re.findall(r'"(?:[^"\\]|\\.)*"?|[^"]+', jstr, re.DOTALL)
        escaped = str.maketrans({"\n": "\\n", "\t": "\\t"})
        return "".join(one.translate(escaped) if one[0] == '"' else one.replace("\n", "") for one in parts)

    def register_for_llm(
        self, *, name: str | None = None, description: str | None = None, api_style: str = "tool"
    ) -> Callable[[F], F]:
        """A decorator: the agent's model may call the function; listed under "functions" with that `api_style`."""
        register = super().register_for_llm(name=name, description=description, api_style=api_style)

        def registered(function: F) -> F:
            if api_style == "function":
                self._function_style.add(name or getattr(function, "_name", None) or function.__name__)
            with self._model_needed():
                return register(function)

        return registered

    def update_function_signature(self, func_sig: str | Mapping[str, Any], is_remove: bool) -> None:
        """Adds a function that is only described, or removes one by name; listed under "functions"."""
        if not is_remove and not isinstance(func_sig, str):
            self._function_style.add(func_sig["name"])
        super().update_function_signature(func_sig, is_remove)

    def update_tool_signature(self, tool_sig: str | Mapping[str, Any], is_remove: bool) -> None:
        """Adds a tool that is only described, or removes one by name."""
        with self._model_needed():
            super().update_tool_signature(tool_sig, is_remove)

    def _model_needed(self) -> AbstractContextManager[None]:
        """An agent without a model is an `AssertionError`, too, where a tool is described to it."""
        return nullcontext() if self.llm_config else raised_as(AssertionError)

    def _tools_changed(self) -> None:
        super()._tools_changed()
        if self._function_style and isinstance(self.llm_config, dict):
            listed = self.llm_config.pop("tools")
            retired = [one["function"] for one in listed if one["function"]["name"] in self._function_style]
            kept = [one for one in listed if one["function"]["name"] not in self._function_style]
            self.llm_config.pop("functions", None)
            self.llm_config.update({key: value for key, value in (("functions", retired), ("tools", kept)) if value})

    async def a_generate_tool_calls_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """The results of ``tool_calls``: ``(final, reply)``."""
        return await self._ran("tool_calls", messages, sender)

    def generate_tool_calls_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """The results of ``tool_calls``: ``(final, reply)``."""
        return run_sync(self._ran("tool_calls", messages, sender))

    async def a_generate_function_call_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """The result of a ``function_call``: ``(final, reply)``."""
        return await self._ran("function_call", messages, sender)

    def generate_function_call_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """The result of a ``function_call``: ``(final, reply)``."""
        return run_sync(self._ran("function_call", messages, sender))

    async def _ran(self, kind: str, messages: Any, sender: Any) -> Any:
        heard = self.chat_messages.get(sender) if messages is None else messages
        if not heard or not heard[-1].get(kind):
            return False, None
        final, reply = await super().a_generate_tool_calls_reply(messages, sender)
        return final, unnamed(reply)
