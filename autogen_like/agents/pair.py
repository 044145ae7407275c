"""Who speaks next where two talk, or where one is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, count
from typing import Any

from ..core.conversation import Conversation
from ..core.message import Message
from ..core.protocols import Participant, Reply
from ..core.termination import Checker, Progress, StopCondition, StopReason


def runs(participant: Any, message: Message) -> bool:
    """Whether a participant runs all the tools that a message calls."""
    can = getattr(participant, "can_execute_function", None)
    return can is not None and bool(can([call.name for call in message.tool_calls]))


class Pair:
    """Two agents take turns; who called its own tools speaks on until they are done.

    Args:
        initiator: Who began.
        recipient: Who was addressed.
        max_turns: How often the recipient may answer; None for no limit.
    """

    def __init__(self, initiator: Participant, recipient: Participant, max_turns: int | None = None) -> None:
        self.initiator, self.recipient = initiator, recipient
        self.max_turns = max_turns
        self.turns = 0

    def snapshot(self) -> dict[str, Any]:
        """How often the recipient has answered."""
        return {"version": 1, "turns": self.turns}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state that `snapshot` gave."""
        self.turns = state["turns"]

    def other(self, participant: Participant) -> Participant:
        """The one whom this one talks to."""
        return self.recipient if participant is self.initiator else self.initiator

    def speaker_and_next(self, messages: Sequence[Message]) -> tuple[Participant, Participant]:
        """Who spoke last, and whose turn it is: the other one's, unless that one still has tools at work.

        Args:
            messages: What was said.
        """
        last = messages[-1]
        speaker = self.initiator if last.speaker == self.initiator.name else self.recipient
        other = self.other(speaker)
        if last.tool_calls:
            if runs(speaker, last) and not runs(other, last):
                return speaker, speaker
        elif last.tool_results and len(messages) > 1 and messages[-2].speaker == last.speaker:
            return speaker, speaker
        return speaker, other

    async def next(self, conversation: Conversation) -> Participant | StopReason:
        """The one who did not speak last, unless that one still has tools at work."""
        speaker, other = self.speaker_and_next(conversation.transcript.messages)
        if speaker is other:
            return speaker
        if speaker is self.recipient:
            self.turns += 1
            if self.max_turns is not None and self.turns >= self.max_turns:
                return StopReason("max_turns", f"max_turns={self.max_turns}")
        return other


class Answered(StopCondition):
    """Ends a conversation that is had outside a chat where the one whose turn it is doesn't answer by itself.

    Args:
        conversation: The conversation.
        answers: ``(agent, other)``: whether an agent answers whatever the other sends.
    """

    def __init__(self, conversation: Conversation, answers: Callable[[Participant, Participant], bool]) -> None:
        self.conversation, self.answers = conversation, answers

    def begin(self) -> Checker:
        """A checker: the first message was asked to be answered."""

        def check(progress: Progress) -> StopReason | None:
            rule = self.conversation.rule
            if progress.messages == 1 or not isinstance(rule, Pair):
                return None
            speaker, turn = rule.speaker_and_next(self.conversation.transcript.messages)
            if turn is speaker or self.answers(turn, speaker):
                return None
            return StopReason("answered", f"{speaker.name} has answered", speaker.name)

        return check


class Asker:
    """Whoever asks an agent something without being an agent: ``agent.run(message=...)``.

    Args:
        *taken: Names that others have.
    """

    description = "The program that asked."

    def __init__(self, *taken: str) -> None:
        names = chain(("user", "caller"), (f"caller_{number}" for number in count(2)))
        self.name = next(name for name in names if name not in taken)

    async def reply(self, turn: Any) -> Reply:
        """Says nothing: it only asks."""
        return None


class Solo:
    """One agent speaks until it has answered, running its own tools on the way.

    Args:
        agent: The agent.
    """

    def __init__(self, agent: Participant) -> None:
        self.agent = agent

    async def next(self, conversation: Conversation) -> Participant | StopReason:
        """The agent, until its last word calls no tool."""
        last = conversation.transcript.messages[-1]
        if last.speaker != self.agent.name or last.tool_results:
            return self.agent
        if last.tool_calls and runs(self.agent, last):
            return self.agent
        if last.tool_calls:
            names = ", ".join(call.name for call in last.tool_calls)
            return StopReason(
                "answered", f"{self.agent.name} called {names}, which the caller has to run", last.speaker
            )
        return StopReason("answered", f"{self.agent.name} has answered", last.speaker)
