"""A flow as an agent: it speaks in any chat, and each of its answers is a run of the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..agents.conversable import ConversableAgent
from ..core.conversation import Turn
from ..core.errors import ConfigError
from ..core.message import Message
from ..core.protocols import Reply
from ..tools.results import result_text

if TYPE_CHECKING:
    from .machine import StateFlow


class FlowBackend:
    """Answers with a run of a flow: the last message is its task, what was said before its past.

    Args:
        agent: The agent.
        flow: The flow.
    """

    name = "stateflow"

    def __init__(self, agent: ConversableAgent, flow: StateFlow) -> None:
        self._agent = agent
        self._flow = flow

    async def reply(self, turn: Turn) -> Reply:
        """The flow's answer."""
        messages = turn.transcript.messages[turn.view.start :]
        if not messages:
            raise ConfigError(f"{self._agent.name} was asked to reply to nothing: begin the chat with a message")
        own = self._agent.name
        past = [
            Message(self._flow.name if message.speaker == own else message.speaker, message.content, role=message.role)
            for message in messages[:-1]
            if message.content is not None and not message.tool_results
        ]
        last = messages[-1]
        task = last.text or "\n\n".join(result.content for result in last.tool_results)
        result = await self._flow.run(task, past=past, silent=turn.conversation.silent)
        if not result.finished:
            turn.notice(f"the flow ended in {result.state!r}: {result.stop_reason}", "warning")
        return Message(own, result_text(result.summary))


def flow_agent(flow: StateFlow, name: str, description: str | None) -> ConversableAgent:
    """An agent that answers with runs of a flow; see `StateFlow.as_agent`."""
    agent = ConversableAgent(name, human_input_mode="NEVER", description=description or f"Runs the flow {flow.name}.")
    agent.backends.append(FlowBackend(agent, flow))
    return agent
