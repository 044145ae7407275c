"""The tools of one agent in one conversation, at one moment: what its model is offered, and what its calls do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.conversation import Conversation
from ..core.message import ToolCall, ToolResult
from ..core.protocols import Tool
from ..core.run import Run
from .catalog import Listed, shown, text_of
from .events import ToolRegistered, ToolUnregistered
from .registry import CALL, REGISTER, SEARCH, Registry, called, read, wanted_names

if TYPE_CHECKING:
    from .toolbox import SelectiveToolbox

NO_SUCH_TOOL = "(no such tool)"
"""What stands in the history where a model named a tool that doesn't exist."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The tools at a turn; see `SelectiveToolbox.at`.

    Args:
        box: The toolbox.
        listed: Its tools as they are.
        registry: What is registered.
        conversation: The conversation.
        run: The run.
        caller: Whose model calls them.
    """

    box: SelectiveToolbox
    listed: Listed
    registry: Registry
    conversation: Conversation
    run: Run[Any] | None
    caller: str

    def schemas(self, conversation: str = "") -> Sequence[Mapping[str, Any]]:
        """The tools on offer: all of them, or the meta-tools and what is registered."""
        if not self.registry.chosen:
            return self.listed.schemas()
        if self.box.window is not None:
            self._make_room()
        head = self.box.head(self.listed)
        return head if self.box.layout == "inline" else self.registry.schemas(head, self.listed)

    def get(self, name: str, conversation: str = "") -> Tool | None:
        """What answers a call of this name; None where there is no such tool."""
        if not self.registry.chosen:
            return self.listed.tool(name) or self.box.gone(name)
        if name == REGISTER:
            return Register(self)
        if name == SEARCH and self.box.searches(self.listed):
            return Search(self)
        if name == CALL and self.box.layout == "inline":
            return Call(self)
        tool = self.listed.tool(name)
        if tool is None:
            return self.box.gone(name)
        return tool if self.usable(name) else NotRegistered(tool)

    def usable(self, name: str) -> bool:
        """Whether a tool may be called now."""
        return name in self.registry.used or name in self.box.always(self.listed)

    def noted(self, calls: tuple[ToolCall, ...], offered: Sequence[Mapping[str, Any]]) -> tuple[ToolCall, ...]:
        """The calls of a reply without names that don't exist, which a model would imitate."""
        if not self.registry.chosen:
            return calls
        return tuple(self._noted(call, offered) for call in calls)

    def _noted(self, call: ToolCall, offered: Sequence[Mapping[str, Any]]) -> ToolCall:
        if call.name == REGISTER:
            wanted = wanted_names(call.arguments)
            wrong = [name for name in wanted if name not in self.listed]
            if not wrong:
                return call
            kept: Any = [name for name in wanted if name in self.listed]
            if kept:
                return self._without(call, {"tool_names": [*kept, NO_SUCH_TOOL]}, wrong)
            return self._without(call, {"tool_name": NO_SUCH_TOOL}, wrong)
        if call.name == CALL and self.box.layout == "inline":
            name = called(call.arguments)[0]
            if name in self.listed or name in (REGISTER, SEARCH):
                return call
            return self._without(call, {"name": NO_SUCH_TOOL, "arguments": {}}, [name])
        if call.name in self.listed or any(tool["function"]["name"] == call.name for tool in offered):
            return call
        return self._without(ToolCall(call.id, REGISTER, ""), {"tool_name": NO_SUCH_TOOL}, [call.name])

    def _without(self, call: ToolCall, arguments: Mapping[str, Any], wrong: Sequence[str]) -> ToolCall:
        made = ToolCall(call.id, call.name, text_of(arguments))
        near = [name for one in wrong[:3] for name in self.listed.nearest(one)]
        self.registry.wrong(made, list(dict.fromkeys(near)))
        return made

    def register(self, name: str) -> bool:
        """Registers a tool and tells of it; False where it was registered."""
        new = self.registry.register(name, len(self.conversation.transcript))
        if new:
            self.tell(name)
        return new

    def tell(self, name: str) -> None:
        """Tells listeners that a tool is registered."""
        if self.run is not None and self.run.listening:
            self.run.emit(ToolRegistered(self.conversation.id, self.caller, name, self.listed.tokens(name)))

    def _make_room(self) -> None:
        """Unregisters what has not been used for long, where the window is nearly full."""
        box, registry, listed = self.box, self.registry, self.listed
        room = box.room(registry, listed)
        if room is None:
            return
        for name in room.names:
            registry.unregister(name)
            if self.run is not None and self.run.listening:
                event = ToolUnregistered(self.conversation.id, self.caller, name, listed.tokens(name), room.lost)
                self.run.emit(event)

    def wrong_name(self, call: ToolCall) -> ToolResult:
        """What a call of a tool is told that doesn't exist."""
        near = self.registry.nearest.pop(call.id or "", [])
        hint = f"The nearest are {text_of(near)}." if near else "Take one that is listed."
        return failed(call, f"there is no tool of that name. {hint}", "not_found")

    @property
    def repeats(self) -> bool:
        """Whether what was said may be out of the model's sight, as an agent's context policy has it."""
        whose = next((one for one in self.conversation.participants if one.name == self.caller), None)
        return getattr(whose, "context", None) is not None


class _Meta:
    """What the meta-tools have in common. They may run again: the second time changes nothing."""

    repeatable = True
    description = ""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    @property
    def schema(self) -> Mapping[str, Any]:
        """The OpenAI tool dict."""
        moment = self._moment
        return next(one for one in moment.box.head(moment.listed) if one["function"]["name"] == self.name)

    @property
    def name(self) -> str:
        """What the model calls it."""
        raise NotImplementedError


class Register(_Meta):
    """`tool_register`."""

    name = REGISTER

    async def call(self, call: ToolCall) -> ToolResult:
        """Registers the tools that are named; one that doesn't exist is told, and the others are registered."""
        moment = self._moment
        names = wanted_names(call.arguments)
        if not names:
            return failed(call, f'{REGISTER} takes {{"tool_name": "<one of the names>"}}.', "invalid_arguments")
        known = [name for name in names if name in moment.listed]
        if not known:
            return moment.wrong_name(call)
        if len(known) > 1 and moment.box.mode != "multiple":
            return failed(call, "register one tool at a time: the one that you need next.", "invalid_arguments")
        told = [self._registered(name) for name in known]
        if len(known) < len(names):
            told.append(moment.wrong_name(call).content)
        return ToolResult(call.id, call.name, "\n".join(told))

    def _registered(self, name: str) -> str:
        moment = self._moment
        new = moment.register(name)
        if moment.box.layout == "native":
            return f"{shown(name)} is registered{': you can call it now' if new else ' already'}."
        if new or moment.repeats:
            return f"Call this with {CALL}:\n{text_of(moment.listed.function(name))}"
        return f"{shown(name)} is registered already; its parameters stand above."


class Search(_Meta):
    """`tool_search`."""

    name = SEARCH

    async def call(self, call: ToolCall) -> ToolResult:
        """Finds tools: names with short descriptions."""
        moment = self._moment
        query = read(call.arguments).get("query")
        if not isinstance(query, str) or not query.strip():
            return failed(call, f'{SEARCH} takes {{"query": "<what the tool should do>"}}.', "invalid_arguments")
        names = await moment.box.search(query)
        if not names:
            return ToolResult(call.id, call.name, "Nothing fits: describe what the tool should do in other words.")
        listed = moment.listed
        found = [{"name": name, "description": listed.described(name)} for name in names if name in listed]
        return ToolResult(call.id, call.name, text_of(found))


class Call(_Meta):
    """`call_tool`, which stands for a registered tool."""

    name = CALL

    def meant(self, call: ToolCall) -> tuple[Tool, ToolCall] | None:
        """The registered tool and its call."""
        name, arguments = called(call.arguments)
        tool = self._moment.get(name) if name != CALL else None
        return (tool, ToolCall(call.id, name, arguments)) if tool is not None else None

    async def call(self, call: ToolCall) -> ToolResult:
        """Says that there is no such tool: for any other, `meant` does."""
        if not called(call.arguments)[0]:
            return failed(call, f'{CALL} takes {{"name": "<a tool>", "arguments": {{...}}}}.', "invalid_arguments")
        return self._moment.wrong_name(call)


class NotRegistered:
    """A tool that exists, and was called before it was registered.

    Args:
        tool: The tool.
    """

    repeatable = True

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self.name, self.description = tool.name, tool.description

    @property
    def schema(self) -> Mapping[str, Any]:
        """The tool's own."""
        return self._tool.schema

    async def call(self, call: ToolCall) -> ToolResult:
        """Says so."""
        told = json.dumps({"tool_name": self.name}, ensure_ascii=False)
        return failed(
            call, f"{shown(self.name)} is not registered: call {REGISTER} with {told} first.", "not_registered"
        )


class Gone:
    """A tool that was taken out, or that its server doesn't have any more.

    Args:
        name: What it was called.
    """

    repeatable = True
    description = ""

    def __init__(self, name: str) -> None:
        self.name = name
        self.schema: Mapping[str, Any] = {"type": "function", "function": {"name": name}}

    async def call(self, call: ToolCall) -> ToolResult:
        """Says so."""
        return failed(call, f"the tool {shown(self.name)} is not there any more.", "gone")


def failed(call: ToolCall, why: str, kind: str) -> ToolResult:
    """A result that says what to mend."""
    return ToolResult(call.id, call.name, f"Error: {why}", error=True, error_type=kind)
