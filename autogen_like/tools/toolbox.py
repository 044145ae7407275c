"""The tools of an agent, by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from ..core.errors import ConfigError
from ..core.protocols import Tool, fits

if TYPE_CHECKING:
    from ..core.conversation import Conversation
    from ..core.message import ToolCall
    from ..core.run import Run


@runtime_checkable
class ToolSource(Protocol):
    """Where an agent's tools come from. A source may offer different tools in each conversation."""

    def schemas(self, conversation: str = "") -> Sequence[Mapping[str, Any]]:
        """The tools on offer, as OpenAI tool dicts; the same list as long as they don't change.

        Args:
            conversation: The conversation's id.
        """
        ...

    def get(self, name: str, conversation: str = "") -> Tool | None:
        """The tool of a name, or None.

        Args:
            name: The tool's name.
            conversation: The conversation's id.
        """
        ...


@runtime_checkable
class Offer(ToolSource, Protocol):
    """The tools of one agent in one conversation, at one moment."""

    def noted(self, calls: tuple[ToolCall, ...], offered: Sequence[Mapping[str, Any]]) -> tuple[ToolCall, ...]:
        """The calls of a reply as the conversation is to remember them.

        Args:
            calls: As the model made them.
            offered: The tools that were on offer to it.
        """
        ...


@runtime_checkable
class SelectiveSource(ToolSource, Protocol):
    """A source whose tools depend on what was done in the conversation until now."""

    def at(self, conversation: Conversation, run: Run[Any] | None, caller: str) -> Offer:
        """The tools as they are now; asked before each request to a model, and before its calls are run.

        Args:
            conversation: The conversation.
            run: The run that it is in.
            caller: Name of the agent whose model calls them.
        """
        ...


def tools_at(source: ToolSource, conversation: Conversation, run: Run[Any] | None, caller: str) -> ToolSource:
    """The tools of a source for one agent in a conversation, as they are now; see `SelectiveSource.at`."""
    at = getattr(source, "at", None)  # asked at every turn, where isinstance would cost several microseconds
    return source if at is None else cast("ToolSource", at(conversation, run, caller))


def noted_by(
    offer: ToolSource, calls: tuple[ToolCall, ...], offered: Sequence[Mapping[str, Any]]
) -> tuple[ToolCall, ...]:
    """The calls of a reply as the conversation is to remember them; see `Offer.noted`."""
    return offer.noted(calls, offered) if calls and fits(offer, Offer) else calls


@runtime_checkable
class StandIn(Protocol):
    """A tool that is called in the place of another, which its arguments name. The other one's approval holds."""

    def meant(self, call: ToolCall) -> tuple[Tool, ToolCall] | None:
        """The tool and the call that are meant; None where the stand-in answers itself.

        Args:
            call: The call of the stand-in; the one that is meant has the same id.
        """
        ...


class Toolbox:
    """Tools in the order of their names, the same for every conversation.

    The order doesn't depend on how they came in, so that the prompt (and a model's computed prefix of it) stays the
    same from one program start to the next.

    Args:
        tools: Tools, or functions to make tools of.

    Raises:
        ToolSchemaError: If a function can't be described to a model.

    Example:
        >>> def add(a: int, b: int) -> int:
        ...     "Adds two numbers."
        ...     return a + b
        >>> box = Toolbox([add])
        >>> box.names, "add" in box
        (('add',), True)
    """

    def __init__(self, tools: Iterable[Tool | Callable[..., Any]] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        self._schemas: list[Mapping[str, Any]] | None = None
        for tool in tools:
            self.add(tool)

    def add(self, tool: Tool | Callable[..., Any]) -> Tool:
        """Adds a tool; one of the same name is replaced, with a warning.

        A tool is taken as it is, even one that is only to be run and has no schema; a bare function must have one.

        Args:
            tool: A tool, or a function to make one of.

        Returns:
            The tool.

        Raises:
            ToolSchemaError: If a function can't be described to a model.
            ConfigError: If it is neither a tool nor a function.
        """
        made = as_tool(tool)
        if self._tools.get(made.name, made) is not made:
            warnings.warn(f"the tool {made.name!r} was there already and is replaced", UserWarning, stacklevel=2)
        self._tools[made.name] = made
        self._schemas = None
        return made

    def remove(self, name: str) -> None:
        """Takes a tool out.

        Raises:
            ConfigError: If there is none of this name.
        """
        if name not in self._tools:
            raise ConfigError(f"there is no tool {name!r} to remove; there are {', '.join(self.names) or 'none'}")
        del self._tools[name]
        self._schemas = None

    def schemas(self, conversation: str = "") -> Sequence[Mapping[str, Any]]:
        """The OpenAI tool dicts, by name; built once and again when a tool comes or goes.

        Raises:
            ToolSchemaError: If one of them can't be described to a model.
        """
        if self._schemas is None:
            self._schemas = [tool.schema for tool in self]
        return self._schemas

    def get(self, name: str, conversation: str = "") -> Tool | None:
        """The tool of a name, or None."""
        return self._tools.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(sorted(self._tools))

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[Tool]:
        return iter([self._tools[name] for name in self.names])

    def __len__(self) -> int:
        return len(self._tools)

    def __repr__(self) -> str:
        return f"Toolbox({list(self.names)})"


def as_tool(tool: Tool | Callable[..., Any]) -> Tool:
    """A tool as it is; a function made into one, and checked.

    Raises:
        ToolSchemaError: If a function can't be described to a model.
        ConfigError: If it is neither.
    """
    # isinstance(tool, Tool) would evaluate `schema`, which a tool that is only to be run may not have.
    if hasattr(type(tool), "call"):
        return tool  # type: ignore[return-value]
    if not callable(tool):
        raise ConfigError(f"a tool is a function or has name, description, schema and call; {tool!r} is neither")
    from .tool import FunctionTool  # with pydantic behind it: only where a tool is made

    made = FunctionTool(tool)
    _ = made.schema
    return made
