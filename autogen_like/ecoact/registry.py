"""Which tools are registered in a conversation, by one agent's model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.message import Message, ToolCall, ToolResult
from .catalog import Listed

VERSION = 1
REGISTER, SEARCH, CALL = "tool_register", "tool_search", "call_tool"
_REMEMBERED = 32  # wrong names whose nearest ones are kept until the call is answered


class Registry:
    """The registered tools, in the order in which they were registered, each with where it was last used.

    What was registered can be read from the messages, so a registry that was saved before its last messages catches up.

    Args:
        measure: Counts the tokens of a message; None where nobody wants to know.

    Attributes:
        used: By name: number of the message in which the tool was registered, or last called.
        chosen: Whether tools are registered, rather than all listed; None where that isn't decided.
        nearest: By call: names that are like a wrong one.
        tokens: Tokens of what was said.
        taken: How many messages it knows.
        grown: Number of the message by which the list of tools changed last.
    """

    def __init__(self, measure: Callable[[Message], int] | None = None) -> None:
        self.used: dict[str, int] = {}
        self.chosen: bool | None = None
        self.nearest: dict[str, list[str]] = {}
        self.tokens = 0
        self.taken = 0
        self.grown = 0
        self._measure = measure
        self._schemas: tuple[object, list[Mapping[str, Any]]] | None = None

    def snapshot(self) -> dict[str, Any]:
        """The state as JSON; its size depends on the registered tools alone."""
        return {
            "version": VERSION,
            "used": dict(self.used),
            "chosen": self.chosen,
            "nearest": dict(self.nearest),
            "tokens": self.tokens,
            "taken": self.taken,
            "grown": self.grown,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state that `snapshot` gave."""
        self.used, self.chosen, self.nearest = dict(state["used"]), state["chosen"], dict(state["nearest"])
        self.tokens, self.taken, self.grown = state["tokens"], state["taken"], state["grown"]
        self._schemas = None

    def take(self, messages: Sequence[Message], caller: str, listed: Listed) -> list[str]:
        """Learns what was said since it was asked last.

        Args:
            messages: All that was said.
            caller: Whose calls register.
            listed: The tools.

        Returns:
            Names that were registered by it, and weren't known to be.
        """
        new: list[str] = []
        while self.taken < len(messages):
            at, message = self.taken, messages[self.taken]
            self.taken += 1
            if self._measure is not None:
                self.tokens += self._measure(message)
            if message.tool_results:
                calls = _answered(messages, at, caller)
                for result in message.tool_results:
                    call = calls.get(result.call_id)
                    if call is not None:
                        new += self._came(call, result, at, listed)
        return new

    def _came(self, call: ToolCall, result: ToolResult, at: int, listed: Listed) -> list[str]:
        name = call.name
        if name == REGISTER:
            wanted = [one for one in wanted_names(call.arguments) if one in listed] if not result.error else []
            return [one for one in wanted if self.register(one, at)]
        if name == CALL:
            name = called(call.arguments)[0]
        if name in self.used:
            self.used[name] = at
        return []

    def register(self, name: str, at: int) -> bool:
        """Registers a tool; False where it was registered already.

        Args:
            name: Its name.
            at: Number of the message.
        """
        if name in self.used:
            return False
        self.used[name] = self.grown = at
        self._schemas = None
        return True

    def unregister(self, name: str) -> None:
        """Forgets a tool."""
        del self.used[name]
        self._schemas = None

    def wrong(self, call: ToolCall, nearest: list[str]) -> None:
        """Remembers what is like a name that doesn't exist, until the call is answered."""
        self.nearest[call.id or ""] = nearest
        while len(self.nearest) > _REMEMBERED:
            del self.nearest[next(iter(self.nearest))]

    def schemas(self, head: Sequence[Mapping[str, Any]], listed: Listed) -> Sequence[Mapping[str, Any]]:
        """What is listed always, and behind it the registered tools; the same list until one comes or goes.

        Args:
            head: What is listed always.
            listed: The tools.
        """
        if self._schemas is None or self._schemas[0] is not head:
            tools = (listed.tool(name) for name in self.used)
            self._schemas = (head, [*head, *(tool.schema for tool in tools if tool is not None)])
        return self._schemas[1]


def _answered(messages: Sequence[Message], at: int, caller: str) -> dict[str | None, ToolCall]:
    """The calls, made by the caller, that the results at a place may answer."""
    while at > 0 and messages[at].tool_results:
        at -= 1
    message = messages[at]
    return {call.id: call for call in message.tool_calls} if message.speaker == caller else {}


def read(arguments: str) -> dict[str, Any]:
    """The arguments of a call; empty where they are no JSON object."""
    try:
        found = json.loads(arguments or "{}", strict=False)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def wanted_names(arguments: str) -> list[str]:
    """The names that a call of the meta-tool wants registered.

    Example:
        >>> wanted_names('{"tool_names": ["add", "add", "sub"]}')
        ['add', 'sub']
    """
    found = read(arguments)
    value = found.get("tool_name", found.get("tool_names", found.get("name")))
    names = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))


def called(arguments: str) -> tuple[str, str]:
    """The tool, and the arguments as JSON text, that a call of `call_tool` means.

    Example:
        >>> called('{"name": "add", "arguments": {"a": 1}}')
        ('add', '{"a": 1}')
    """
    found = read(arguments)
    name, inner = found.get("name"), found.get("arguments", {})
    text = inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)
    return (name if isinstance(name, str) else ""), text
