"""An agent as a tool of another: it is asked in a conversation of its own, and its answer is the result."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any

from ..core.errors import ConfigError
from ..core.limits import Limits
from ..core.message import Message, Text, ToolResult
from ..core.termination import StopCondition
from .handoff import tool_name

if TYPE_CHECKING:
    from ..tools.tool import FunctionTool
    from .chat_result import ChatResult
    from .chats import ChatsMixin

# How a chat ends that came to its own end; whatever else ended it, the model is told.
_FINISHED = ("answered", "termination_message", "condition")

_asked: ContextVar[tuple[str, ...]] = ContextVar("asked_as_tools", default=())
"""The agents that are being asked as tools, each by a tool call of the one before."""


def as_tool(
    agent: ChatsMixin,
    name: str | None = None,
    description: str | None = None,
    *,
    clear_history: bool = True,
    summary_method: str | Callable[..., Any] | None = "last_msg",
    summary_args: Mapping[str, Any] | None = None,
    stop: StopCondition | None = None,
    limits: Limits | None = None,
    max_depth: int = 5,
    **options: Any,  # of FunctionTool, which checks them
) -> FunctionTool:
    """A tool that asks an agent; see `ConversableAgent.as_tool`."""
    from ..tools.tool import FunctionTool  # with pydantic behind it: only where a tool is made

    called: str = name or tool_name(agent.name)
    if name is None and not re.search("[A-Za-z0-9]", called):
        raise ConfigError(f"endpoints take no tool name made of {agent.name!r}: give one, as_tool(name=...)")
    described = description or str(getattr(agent, "description", None) or "").strip()
    if not described:
        raise ConfigError(f"a model must be told what {agent.name} is good for: as_tool(description=...)")
    if max_depth < 1:
        raise ConfigError(f"max_depth must be at least 1, not {max_depth}")

    async def ask(
        message: Annotated[str, "What to ask, with all there is to know: nothing else of this conversation is seen."],
    ) -> ToolResult:
        asked = _asked.get()
        if len(asked) >= max_depth:
            chain = " asks ".join((*asked, agent.name))
            return _failed(f"{agent.name} isn't asked: too many wait for one another ({chain}). Answer yourself.")
        opening = Message(agent._asker.name, message)  # noqa: SLF001 - to tell the answer from the question
        token = _asked.set((*asked, agent.name))
        try:
            result = await agent.run(
                message=opening,
                clear_history=clear_history,
                summary_method=summary_method,
                summary_args=summary_args,
                stop=stop,
                limits=limits,
            )
        finally:
            _asked.reset(token)
        return _told(agent.name, result, opening)

    # In a run that goes on after its process ended, the chat inside goes on too: nothing of it is done twice.
    options.setdefault("repeatable", True)
    return FunctionTool(ask, name=called, description=described, **options)


def _told(name: str, result: ChatResult, opening: Message) -> ToolResult:
    """What a chat came to, for the model that asked."""
    from ..tools.results import text_and_parts

    last, reason = result.messages[-1], result.stop_reason
    if last.id == opening.id or last.tool_calls:
        return _failed(f"{name} did not answer: {reason.detail or reason.kind}", result)
    text, parts = text_and_parts(result.summary)
    if reason.kind not in _FINISHED:
        text = f"{text}\n\n[{name} did not finish: {reason}]".lstrip()
    if last.content is not None and not isinstance(last.content, str):
        parts = (*parts, *(part for part in last.content if not isinstance(part, Text)))
    return ToolResult(None, name, text, value=result, parts=parts)


def _failed(why: str, result: ChatResult | None = None) -> ToolResult:
    return ToolResult(None, "", f"Error: {why}", error=True, value=result)
