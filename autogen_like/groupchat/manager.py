"""GroupChatManager: the agent to address when a group is meant."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..agents.agent import as_participant
from ..agents.conversable import ConversableAgent
from ..agents.pair import Asker, runs
from ..core.conversation import Conversation, Turn
from ..core.errors import ConfigError, NoEligibleSpeaker
from ..core.message import Message, content_text, message_from_dict
from ..core.protocols import Participant, Reply
from ..core.run import Run
from ..core.sync import run as run_sync
from ..core.termination import StopReason
from ..core.transcript import Transcript, View
from .group import GroupChat
from .handoff import GroupHandoffs
from .selection import SpeakerSelection


class GroupRule:
    """Who speaks next in a group: its selection, until its rounds are used up or a message ends it.

    Args:
        manager: The group's manager.
        initiator: Who began the chat.
        max_turns: How often the group is started: after each but the last, the initiator speaks again.
    """

    def __init__(self, manager: GroupChatManager, initiator: Participant, max_turns: int | None = None) -> None:
        self._manager = manager
        self._group = manager.groupchat
        self._initiator = initiator
        self._turns_left = (max_turns or 1) - 1
        self._handoffs = GroupHandoffs(manager.groupchat, self, initiator.name)
        self._selection = self._selects()
        self._participants = {agent.name: as_participant(agent) for agent in self._group.agents}
        self._agents = {agent.name: agent for agent in self._group.agents}
        self._agents.setdefault(initiator.name, initiator)
        self._participants.setdefault(initiator.name, initiator)  # it may have tools of its own to run
        self.rounds = 0

    def _selects(self) -> SpeakerSelection:
        return SpeakerSelection(self._group, self._manager, self._handoffs)

    def snapshot(self) -> dict[str, Any]:
        """How many rounds are used up, and how often the group may still be started."""
        return {"version": 1, "rounds": self.rounds, "turns_left": self._turns_left}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state that `snapshot` gave."""
        self.rounds, self._turns_left = state["rounds"], state["turns_left"]

    async def next(self, conversation: Conversation) -> Participant | StopReason:
        """The participant whose turn it is, or why nobody's is."""
        messages = conversation.transcript.messages
        last = messages[-1]
        speaker = self._agents.get(last.speaker)
        if self._group.enable_clear_history:
            self._clear(last, speaker, conversation)
        if last.tool_calls:
            if self.runs_itself(speaker, last):
                self.rounds += 1
                return self._participants[last.speaker]
        elif self.goes_on(messages) and self._handoffs.target(conversation) is None:
            return self._participants[last.speaker]  # its turn isn't over
        self.rounds += 1
        if self._manager.is_termination_msg(last.render(None)):
            return StopReason("termination_message", f"{last.speaker} ended the chat", last.speaker)
        if self._group.max_round is not None and self.rounds >= self._group.max_round:
            return self._again_or(StopReason("max_round", f"max_round={self._group.max_round}"))
        try:
            chosen = await self._selection.select(conversation, speaker)
        except NoEligibleSpeaker as error:
            return StopReason("no_speaker", str(error))
        if isinstance(chosen, StopReason):
            return self._again_or(chosen) if chosen.kind == "answered" else chosen
        return self._participants[chosen.name]

    def runs_itself(self, speaker: Any, message: Message) -> bool:
        """Whether who called tools runs them, without anybody being selected."""
        return runs(speaker, message)

    def goes_on(self, messages: Sequence[Message]) -> bool:
        """Whether who spoke last speaks again, before anybody is selected: it ran tools that it had called itself."""
        return _ran_its_own(messages)

    def eligible(self, speaker: str) -> Sequence[Any]:
        """To whom a speaker may hand the conversation over."""
        after = self._group.transitions.after(self._agents.get(speaker), self._group.agents)
        return [agent for agent in after if agent.name != speaker]

    def _again_or(self, reason: StopReason) -> Participant | StopReason:
        """The initiator, where the group is to be started once more."""
        if self._turns_left <= 0:
            return reason
        self._turns_left -= 1
        self.rounds = 0
        return self._initiator

    def _clear(self, last: Message, speaker: Any, conversation: Conversation) -> None:
        """Carries out a person's "clear history"; models don't decide what the others remember."""
        if getattr(speaker, "human_input_mode", "NEVER") == "NEVER":
            return
        command = clear_command(last.text, self._participants)
        if command is not None:
            self.forget(conversation, *command.groups())

    def forget(self, conversation: Conversation, wanted: str | None, keep: str | None) -> None:
        """Lets a member, or everybody, forget all but the last message and `keep` before it."""
        only = [name for name in self._participants if wanted is not None and name.casefold() == wanted.casefold()]
        for name in only or [*self._participants, None]:
            # The message with the command itself is what they answer.
            conversation.transcript.forget(name, int(keep or 0) + 1)


def clear_command(text: str, names: Iterable[str]) -> re.Match[str] | None:
    """Where a text says "clear history", and of whom and how much to keep: its two groups.

    Example:
        >>> found = clear_command("Clear history ada 2, please.", ["ada", "bob"])
        >>> found.groups() if found else None
        ('ada', '2')
    """
    named = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.search(rf"clear history(?:\s+({named})(?!\w))?(?:\s+(\d+))?", text, re.IGNORECASE)


def _ran_its_own(messages: Sequence[Message]) -> bool:
    """Whether who spoke last ran the tools that it had called itself."""
    if len(messages) < 2 or not messages[-1].tool_results:
        return False
    return messages[-2].speaker == messages[-1].speaker and bool(messages[-2].tool_calls)


class GroupChatManager(ConversableAgent):
    """Stands for a group: a chat with it is a chat in the group.

    Args:
        groupchat: The group.
        name: Its name.
        max_consecutive_auto_reply: Kept for AutoGen 0.2's scripts; a group has rounds.
        human_input_mode: "NEVER" by default.
        system_message: Kept for AutoGen 0.2's scripts.
        silent: Whether its chats aren't printed.
        **kwargs: The other arguments of `ConversableAgent`; its ``llm_config`` selects the next speaker.

    Raises:
        ConfigError: If its llm_config has tools: members have tools.

    Example:
        >>> from autogen_like import AssistantAgent, ScriptedModel, UserProxyAgent
        >>> ada = AssistantAgent("ada", llm_config=ScriptedModel(["Done. TERMINATE"]))
        >>> user = UserProxyAgent("user", human_input_mode="NEVER")
        >>> group = GroupChat([user, ada], speaker_selection_method="round_robin")
        >>> user.initiate_chat(GroupChatManager(group), message="Go", silent=True).stop_reason.kind
        'termination_message'
    """

    def __init__(
        self,
        groupchat: GroupChat,
        name: str | None = "chat_manager",
        max_consecutive_auto_reply: int | None = sys.maxsize,
        human_input_mode: str = "NEVER",
        system_message: str | list[Any] | None = "Group chat manager.",
        silent: bool | None = None,
        **kwargs: Any,
    ) -> None:
        config = kwargs.get("llm_config")
        if isinstance(config, Mapping) and (config.get("tools") or config.get("functions")):
            raise ConfigError("a GroupChatManager calls no tools: take 'tools' and 'functions' out of its llm_config")
        super().__init__(
            name or "chat_manager",
            system_message,
            max_consecutive_auto_reply=max_consecutive_auto_reply,
            human_input_mode=human_input_mode,
            silent=silent,
            **kwargs,
        )
        self.groupchat = groupchat

    @property
    def last_speaker(self) -> Any:
        """The member who spoke last; the manager itself before anybody has."""
        last = self.groupchat.transcript.last
        return (self.groupchat.agent_by_name(last.speaker) if last is not None else None) or self

    def chat_messages_for_summary(self, agent: Any) -> View:
        """All that was said in the group."""
        return self.groupchat.messages

    def conversation_for(self, initiator: Any, clear_history: bool, max_turns: int | None) -> Conversation:
        """The group's conversation; see `ConversableAgent.conversation_for`."""
        group = self.groupchat
        if clear_history:
            group.reset()
        else:
            for chat in self._conversations.values():
                if chat.transcript is group.transcript and chat.active:
                    group.transcript = chat.transcript.fork(chat.began)
                    break
        if group.send_introductions and not group.transcript:
            group.transcript.append(Message(self.name, group.introductions_msg()))
        begins = as_participant(initiator)
        rule = self.rule_for(begins, max_turns)
        members = [as_participant(agent) for agent in group.agents]
        everybody = members if initiator in group.agents else [begins, *members]
        conversation = Conversation(everybody, rule, lambda _: self, group.transcript)
        for agent in group.agents:
            self._remember(agent, conversation)
        return conversation

    def rule_for(self, initiator: Participant, max_turns: int | None) -> GroupRule:
        """Who speaks next in a chat that `initiator` begins; for subclasses with rules of their own."""
        return GroupRule(self, initiator, max_turns)

    def _conversation_asked(self, asker: Asker, clear_history: bool) -> Conversation:
        return self.conversation_for(asker, clear_history, None)

    def _names_taken(self) -> Sequence[str]:
        return (self.name, *self.groupchat.agent_names)

    async def reply(self, turn: Turn) -> Reply:
        """As a member of another conversation: the group talks about the last message; its last word is the reply."""
        turn.backend = "groupchat"
        last = turn.last
        if last is None:
            raise ConfigError(f"{self.name} was asked to reply to nothing: begin the chat with a message")

        conversation = self.conversation_for(turn.sender, True, None)
        conversation.silent = turn.conversation.silent

        opening = Message(turn.sender.name, last.content if last.content is not None else last.text)

        async def main(run: Run[StopReason]) -> StopReason:
            return await conversation.converse(run, opening)

        reason = await Run(main, name=self.name)
        said = conversation.transcript.messages[-1]
        if said.id == opening.id:
            turn.notice(f"the group said nothing: {reason}", "warning")
            return Message(self.name, "")
        return Message(self.name, content_text(said.render(None)["content"]))

    # --- going on with an earlier chat

    async def a_resume(
        self,
        messages: Sequence[Mapping[str, Any]] | str,
        remove_termination_string: str | Callable[[str], str] | None = None,
        silent: bool | None = False,
    ) -> tuple[Any, dict[str, Any]]:
        """Takes up a group chat where it ended.

        Args:
            messages: What was said, as chat dicts with ``name``, or `messages_to_string`'s JSON.
            remove_termination_string: What to take out of the last message so that it ends the chat no more: a text,
                or a function of the text.
            silent: Kept for AutoGen 0.2's scripts.

        Returns:
            The agent who said the last message, and that message. Go on with
            ``agent.initiate_chat(manager, message=message, clear_history=False)``.

        Raises:
            ConfigError: If there are no messages, or one is by somebody who is not in the group.
        """
        said = self.messages_from_string(messages) if isinstance(messages, str) else list(messages)
        if not said:
            raise ConfigError("there are no messages to resume from")
        members = {agent.name: agent for agent in self.groupchat.agents} | {self.name: self}
        for index, raw in enumerate(said):
            if raw.get("name") not in members and not (raw.get("role") == "tool" or raw.get("tool_responses")):
                raise ConfigError(
                    f"message {index} is by {raw.get('name')!r}, who is not in the group {self.groupchat.agent_names}"
                )
        transcript = Transcript(self._speakers(said))
        transcript.check()
        last = transcript.messages.pop()
        self.groupchat.transcript = transcript
        for agent in self.groupchat.agents:
            self._remember(agent, Conversation((), _Nobody(), lambda _: self, transcript))
        return members[last.speaker], self._without(dict(last.render(None)), remove_termination_string)

    def resume(
        self,
        messages: Sequence[Mapping[str, Any]] | str,
        remove_termination_string: str | Callable[[str], str] | None = None,
        silent: bool | None = False,
    ) -> tuple[Any, dict[str, Any]]:
        """Takes up a group chat where it ended; see `a_resume`."""
        return run_sync(self.a_resume(messages, remove_termination_string, silent))

    def _speakers(self, said: Sequence[Mapping[str, Any]]) -> list[Message]:
        """The messages; results of tools are said by whoever runs the tools."""
        messages: list[Message] = []
        for raw in said:
            name = raw.get("name")
            if name is None and messages:
                names = [call.name for call in messages[-1].tool_calls]
                runner = next((agent for agent in self.groupchat.agents if agent.can_execute_function(names)), None)
                name = runner.name if runner is not None else messages[-1].speaker
            messages.append(message_from_dict(raw, name or self.name))
        return messages

    def _without(self, message: dict[str, Any], ending: str | Callable[[str], str] | None) -> dict[str, Any]:
        content = message.get("content")
        if ending is not None and isinstance(content, str):
            message["content"] = ending(content) if callable(ending) else content.removesuffix(ending).rstrip()
        return message

    def messages_from_string(self, message_string: str) -> list[dict[str, Any]]:
        """Messages out of `messages_to_string`'s JSON.

        Raises:
            ConfigError: If it isn't a JSON list of objects.
        """
        try:
            messages = json.loads(message_string)
        except ValueError as error:
            raise ConfigError(f"the messages are not valid JSON: {error}") from error
        if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
            raise ConfigError("the messages must be a JSON list of objects")
        return messages

    def messages_to_string(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """Messages as JSON text."""
        return json.dumps(list(messages))

    # --- AutoGen 0.2's reply function

    async def a_run_chat(self, messages: Any = None, sender: Any = None, config: Any = None) -> tuple[bool, None]:
        """Has the group talk about the last of the messages; what is said is in `groupchat`."""
        chat = self._occasion(messages, sender)

        async def main(run: Run[Reply]) -> Reply:
            return await self.reply(Turn(chat, run, self, sender))

        await Run(main)
        return True, None

    def run_chat(self, messages: Any = None, sender: Any = None, config: Any = None) -> tuple[bool, None]:
        """Has the group talk about the last of the messages; see `a_run_chat`."""
        return run_sync(self.a_run_chat(messages, sender, config))


class _Nobody:
    """The rule of a conversation that was read back and has not been started again."""

    async def next(self, conversation: Conversation) -> Participant | StopReason:
        return StopReason("no_speaker", "start the chat with initiate_chat")
