"""Who speaks next by handoffs: the one handed to, otherwise the one who has the conversation, or the person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..agents.handoff import Floor, handed_over, handoff_of
from ..core.conversation import Conversation
from ..core.errors import NoEligibleSpeaker
from ..core.message import Message
from ..core.termination import StopReason
from .group import GroupChat


class GroupHandoffs:
    """The handoffs of a group.

    Args:
        group: The group.
        floor: Its rule.
        initiator: Who began the chat.
    """

    def __init__(self, group: GroupChat, floor: Floor, initiator: str) -> None:
        self._group = group
        self._floor = floor
        self._initiator = initiator
        self._holder: Any = None

    def target(self, conversation: Conversation) -> Any:
        """To whom the last message hands over; None if to nobody."""
        messages = conversation.transcript.messages
        return self._handed(messages, conversation.id, len(messages))

    def calls_for_others(self, message: Message, conversation: Conversation) -> list[str]:
        """The tools that a message calls, without its speaker's handoffs: those whoever runs the others answers."""
        speaker = self._group.agent_by_name(message.speaker)
        names = [call.name for call in message.tool_calls]
        return [name for name in names if handoff_of(name, conversation.id, speaker) is None]

    def next(self, conversation: Conversation, last_speaker: Any, candidates: Sequence[Any]) -> Any:
        """Who speaks next where handoffs alone decide: who has the conversation, or the person after that one.

        Args:
            conversation: The group's conversation.
            last_speaker: Who spoke last; may be no member.
            candidates: Who may.

        Returns:
            A member; a `StopReason` where who has the conversation has answered, and the initiator is no member.

        Raises:
            NoEligibleSpeaker: If the transitions don't let that one follow.
        """
        last = conversation.transcript.last
        if last is not None and last.tool_calls:  # only those who can run the tools are left
            return candidates[0]
        holder = self._who_has(conversation)
        chosen = holder
        if last_speaker is holder:
            chosen = self._group.agent_by_name(self._initiator)
            if chosen is None:
                return StopReason("answered", f"{holder.name} has answered", holder.name)
        if chosen not in candidates:
            raise NoEligibleSpeaker(f"the transitions don't let {chosen.name} speak after {last_speaker.name}")
        return chosen

    def _who_has(self, conversation: Conversation) -> Any:
        """The last one handed to, or the first member; the initiator is answered, and so never has it."""
        if self._holder is None:  # looked for once in a run: it may have been handed over in an earlier one
            messages = conversation.transcript.messages
            targets = (self._handed(messages, conversation.id, end) for end in range(len(messages), 0, -1))
            found = next((target for target in targets if target is not None and target.name != self._initiator), None)
            others = [agent for agent in self._group.agents if agent.name != self._initiator]
            self._holder = found or next(iter(others), self._group.agents[0])
        return self._holder

    def _handed(self, messages: Sequence[Message], conversation: str, end: int) -> Any:
        if end < 1 or not messages[end - 1].tool_results:
            return None
        agents = {agent.name: agent for agent in self._group.agents}
        target = handed_over(messages, agents, self._floor, conversation, end)
        if target is not None and target.name != self._initiator:
            self._holder = target
        return target
