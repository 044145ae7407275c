"""What a flow's functions and predicates are given: where it is, what was said, what came of the last output."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from ..core.message import Message, ToolResult
from ..core.run import Run
from ..core.transcript import Transcript
from .position import Outcome, Position

if TYPE_CHECKING:
    from .plan import Plan, State


class Context:
    """Where a run of a flow is, for predicates, functions and prompts; to be read, but for `data`.

    Attributes:
        task: What the flow was asked to do.
        transcript: Everything said so far.
        position: Where it is.
        run: The run; None where a group's flow looks back at what was said.
    """

    __slots__ = ("plan", "position", "run", "task", "transcript")

    def __init__(self, plan: Plan, position: Position, task: str, transcript: Transcript, run: Run[Any] | None) -> None:
        self.plan = plan
        self.position = position
        self.task = task
        self.transcript = transcript
        self.run = run

    @property
    def flow(self) -> str:
        """The flow's name."""
        return self.plan.name

    @property
    def state(self) -> str:
        """The state that it is in."""
        return self.position.state

    @property
    def declared(self) -> State:
        """The state's declaration."""
        return self.plan.states[self.position.state]

    @property
    def last(self) -> Outcome | None:
        """What came of the last output."""
        return self.position.last

    @property
    def message(self) -> Message | None:
        """The newest message."""
        return self.transcript.last

    @property
    def text(self) -> str:
        """The newest message's text; that of its tool results where it has some."""
        message = self.transcript.last
        if message is None:
            return ""
        if message.tool_results and message.content is None:
            return "\n\n".join(result.content for result in message.tool_results)
        return message.text

    @property
    def data(self) -> MutableMapping[str, Any]:
        """What the flow's functions keep, for each other; JSON where the run is kept."""
        return self.position.data

    @property
    def visits(self) -> int:
        """How often the state was entered."""
        return self.position.visits(self.state)

    def result_of(self, tool: str) -> ToolResult | None:
        """The newest result of a tool; None where it hasn't run.

        Args:
            tool: The tool's name.
        """
        for message in reversed(self.transcript.messages):
            for result in reversed(message.tool_results):
                if result.name == tool:
                    return result
            if message.speaker == tool and message.content is not None:  # what a `run` output observed
                last = self.last
                newest = message is self.transcript.last and last is not None and last.name == tool
                return ToolResult(None, tool, message.text, error=newest and last is not None and not last.ok)
        return None
