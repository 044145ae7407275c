"""The tools that a toolbox chooses from: from several sources, as they are now."""

from __future__ import annotations

import difflib
import json
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from ..agents.handoff import Handoff
from ..core.errors import ConfigError
from ..core.protocols import Tool
from ..models.tokens import count_tokens
from ..tools.toolbox import ToolSource, as_tool

Tools: TypeAlias = "Iterable[Tool | Callable[..., Any] | ToolSource] | ToolSource"
Schema: TypeAlias = Mapping[str, Any]

RESERVED = ("tool_register", "tool_search", "call_tool")
_DESCRIPTION = 200  # characters of a description that stands beside a name
_COMPARED = 2_000  # names that a wrong one is compared with
_LONGEST = 100  # characters of a wrong name that are looked at


class Listed:
    """The tools at one moment. Nothing in it changes; where a source changes, there is another one.

    Args:
        found: By name: the tool itself, or the source that has it.
        count: Counts the tokens of a text.

    Attributes:
        names: All names, in order.
    """

    def __init__(self, found: Mapping[str, Tool | ToolSource], count: Callable[[str], int]) -> None:
        self._found = found
        self._count = count
        self._tokens: dict[str, int] = {}
        self._schemas: list[Schema] | None = None
        self._by_word: dict[str, list[str]] = {}
        self.names = tuple(sorted(found))

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __len__(self) -> int:
        return len(self._found)

    def tool(self, name: str) -> Tool | None:
        """The tool of exactly this name, or None."""
        found = self._found.get(name)
        return found.get(name) if isinstance(found, ToolSource) else found

    def function(self, name: str) -> Mapping[str, Any]:
        """A tool's name, description and parameters, as a model reads them; empty where it has gone meanwhile."""
        tool = self.tool(name)
        return tool.schema["function"] if tool is not None else {}

    def described(self, name: str) -> str:
        """A tool's description in one short line, without what could be taken for something else than its text."""
        text = str(self.function(name).get("description", ""))
        line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
        return line if len(line) <= _DESCRIPTION else f"{line[: _DESCRIPTION - 3]}..."

    def tokens(self, name: str) -> int:
        """Tokens of a tool's schema; counted once."""
        known = self._tokens.get(name)
        if known is None:
            known = self._tokens[name] = self._count(text_of(self.function(name)))
        return known

    def all_tokens(self) -> int:
        """Tokens of all schemas."""
        return sum(map(self.tokens, self.names))

    def schemas(self) -> Sequence[Schema]:
        """All schemas; the same list each time."""
        if self._schemas is None:
            tools = (self.tool(name) for name in self.names)
            self._schemas = [tool.schema for tool in tools if tool is not None]
        return self._schemas

    def nearest(self, name: str, most: int = 3) -> list[str]:
        """The names that are most like one that doesn't exist."""
        if not self._by_word:
            for one in self.names:
                for word in words_of(one):
                    self._by_word.setdefault(word, []).append(one)
        wrong = name[:_LONGEST]
        alike = sorted({one for word in words_of(wrong) for one in self._by_word.get(word, ())}) or self.names
        return difflib.get_close_matches(wrong, alike[:_COMPARED], most, cutoff=0.3)


class Catalog:
    """Tools, and sources of tools, put together.

    Args:
        tools: Functions, tools, and sources such as `McpTools` and `Toolbox`; or one source.
        count: Counts the tokens of a text.

    Attributes:
        gone: Names of tools that were there once; a model may call them still.

    Raises:
        ConfigError: If something is none of these, or has the name of a meta-tool.
        ToolSchemaError: If a function can't be described to a model.
    """

    def __init__(self, tools: Tools, count: Callable[[str], int] | None = None) -> None:
        self._own: dict[str, Tool] = {}
        self._sources: list[ToolSource] = []
        self._seen: tuple[Sequence[Schema], ...] = ()
        self._listed: Listed | None = None
        self._known: tuple[str, ...] = ()
        self.gone: set[str] = set()
        self._count = count or _tokens
        for one in (tools,) if isinstance(tools, ToolSource) else tools:
            if isinstance(one, ToolSource):
                self._sources.append(one)
            else:
                self.add(one)

    def add(self, tool: Tool | Callable[..., Any]) -> None:
        """Adds a tool; one of the same name is replaced, with a warning."""
        made = as_tool(tool)
        _check(made.name)
        if made.name in self._own:
            warnings.warn(f"the tool {made.name!r} was there already and is replaced", UserWarning, stacklevel=3)
        self._own[made.name] = made
        self._listed = None

    def remove(self, name: str) -> None:
        """Takes out a tool that was added.

        Raises:
            ConfigError: If there is none, or it belongs to a source.
        """
        if name not in self._own:
            raise ConfigError(f"there is no tool {name!r} to remove here; one of a source is removed there")
        del self._own[name]
        self._listed = None

    def now(self) -> Listed:
        """The tools as they are now. Costs a look at each source, unless something has changed."""
        lists = tuple(source.schemas() for source in self._sources)
        if self._listed is None or any(one is not other for one, other in zip(lists, self._seen, strict=True)):
            found: dict[str, Tool | ToolSource] = {}
            for source, schemas in zip(self._sources, lists, strict=True):
                for schema in schemas:
                    name = str(schema["function"]["name"])
                    _check(name)
                    if name in found or name in self._own:
                        warnings.warn(f"two tools are named {name!r}: give their source a prefix", stacklevel=2)
                    found.setdefault(name, source)
            self._listed, self._seen = Listed({**found, **self._own}, self._count), lists
            self.gone = (self.gone | set(self._known)) - set(self._listed.names)
            self._known = self._listed.names
        return self._listed

    def has(self, name: str) -> bool:
        """Whether there is such a tool, or there may be one: a source that isn't open yet tells nothing."""
        return name in self._own or bool(self._sources)

    def hands_over(self, name: str) -> bool:
        """Whether a tool is a `Handoff`, which says who speaks next."""
        return isinstance(self._own.get(name), Handoff)

    @property
    def count(self) -> Callable[[str], int]:
        """Counts the tokens of a text."""
        return self._count


def text_of(value: Any) -> str:
    """JSON as it is counted, and shown to a model."""
    return json.dumps(value, ensure_ascii=False, default=str)


def shown(name: str) -> str:
    """A name as a model is told it: as it is, or as a JSON string where it could be taken for more than a name.

    Example:
        >>> print(shown("get_time"), shown("a name. Obey it"))
        get_time "a name. Obey it"
    """
    return name if re.fullmatch(r"[\w.:/-]{1,128}", name) else json.dumps(name)


def words_of(text: str) -> set[str]:
    """The words of a name or a text, in lower case; names are taken apart.

    Example:
        >>> sorted(words_of("getHTTPHeader_v2"))
        ['get', 'header', 'http', 'v2']
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    return set(re.findall(r"[^\W_]+", apart.lower()))


def _tokens(text: str) -> int:
    return count_tokens(text, "gpt-4o").tokens


def _check(name: str) -> None:
    if name in RESERVED:
        raise ConfigError(f"a tool can't be named {name!r} beside the meta-tool of that name: rename it")
