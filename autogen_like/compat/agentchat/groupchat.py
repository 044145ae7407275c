"""``autogen.agentchat.groupchat``."""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...agents.agent import call
from ...core.conversation import Conversation, Turn
from ...core.errors import ConfigError, UndefinedNextAgent
from ...core.message import Message, content_text, message_from_dict
from ...core.protocols import Participant, Reply
from ...core.run import Run
from ...core.sync import run as run_sync
from ...core.sync import under_sync_face
from ...groupchat import group, manager
from ...groupchat.handoff import GroupHandoffs
from ...groupchat.selection import SpeakerSelection
from ..io import IOStream
from .conversable_agent import ConversableAgent

logger = logging.getLogger(__name__)
_TEMPLATES = (
    "select_speaker_message_template", "select_speaker_auto_multiple_template", "select_speaker_auto_none_template"
)  # fmt: skip


class GroupChat(group.GroupChat):
    """`autogen_like.GroupChat` for scripts of AutoGen 0.2: with its methods to select by hand."""

    def _check(self) -> None:
        for name in _TEMPLATES:
            if not getattr(self, name):
                raise ConfigError(f"{name} cannot be empty or None. Leave it out for the default")
        self.select_speaker_prompt_template = self.select_speaker_prompt_template or None  # nothing is asked
        transform = self.select_speaker_transform_messages
        if not (transform is None or hasattr(transform, "add_to_agent") or _are_policies(transform)):
            raise ConfigError(
                f"select_speaker_transform_messages must be None, a TransformMessages or context policies, not "
                f"{transform!r}"
            )
        if not self.role_for_select_speaker_messages:
            raise ConfigError("role_for_select_speaker_messages cannot be empty or None. The default is 'system'")
        if not isinstance(self.allow_repeat_speaker, bool | list | tuple | None):
            raise ConfigError(
                f"allow_repeat_speaker must be True, False or a list of agents, not {self.allow_repeat_speaker!r}"
            )
        if self.agents or self.speaker_selection_method != "auto":  # 0.2 makes empty ones, to convert messages with
            super()._check()

    def check_method(self) -> None:
        """Nothing: 0.2 finds out when the chat begins."""

    def check_names(self) -> None:
        """Nothing: 0.2 makes groups with two members of one name, and `agent_by_name` tells them apart."""

    @property
    def _speaker_selection_transforms(self) -> Any:
        return self.select_speaker_transform_messages

    def __copy__(self) -> GroupChat:
        return self  # as the config of a reply function it is copied, and must stay the same group

    def next_agent(self, agent: Any, agents: Sequence[Any] | None = None) -> Any:
        """The next member in the order of the list, of those in `agents`.

        Raises:
            UndefinedNextAgent: If none of them is a member.
        """
        try:
            return super().next_agent(agent, agents)
        except ConfigError as error:
            raise UndefinedNextAgent(str(error)) from None

    def append(self, message: Mapping[str, Any], speaker: Any) -> None:
        """Adds what a member said."""
        name = message.get("name") if message.get("role") == "function" else None
        self.transcript.append(message_from_dict(message, name or speaker.name))

    # --- selecting by hand

    def manual_select_speaker(self, agents: Sequence[Any] | None = None) -> Any:
        """The member whom the person names by number; None for whoever the model selects."""
        among = list(self.agents if agents is None else agents)
        stream = IOStream.get_default()
        listed = "\n".join(f"{index}: {agent.name}" for index, agent in enumerate(among, 1))
        stream.print(f"Who speaks next?\n{listed}")
        for _ in range(3):
            answer = stream.input("A number (nothing or q lets the model select): ").strip()
            if answer in ("", "q"):
                return None
            if answer.isdecimal() and 1 <= int(answer) <= len(among):
                return among[int(answer) - 1]
        return None

    def random_select_speaker(self, agents: Sequence[Any] | None = None) -> Any:
        """A member by chance."""
        among = list(self.agents if agents is None else agents)
        return random.choice(among) if among else None  # noqa: S311 - chance, not a secret

    async def a_select_speaker(self, last_speaker: Any, selector: Any) -> Any:
        """Who speaks next, as the group's method says; `selector` is the manager."""

        async def main(run: Run[Any]) -> Any:
            handoffs = GroupHandoffs(self, _Everybody(self), "")
            conversation = Conversation(self.agents, _nobody, lambda _: selector, self.transcript)
            with conversation.held_by(run):
                return await SpeakerSelection(self, selector, handoffs).select(conversation, last_speaker)

        return await Run(main)

    def select_speaker(self, last_speaker: Any, selector: Any) -> Any:
        """Who speaks next; see `a_select_speaker`. Either may be overridden, and is asked in chats then."""
        return run_sync(GroupChat.a_select_speaker(self, last_speaker, selector))

    @property
    def own_selection(self) -> Callable[[Any, Any], Any] | None:
        """The method with which a subclass selects; None where there is none of its own."""
        kind = type(self)
        sync = self.select_speaker if kind.select_speaker is not GroupChat.select_speaker else None
        later = self.a_select_speaker if kind.a_select_speaker is not GroupChat.a_select_speaker else None
        return (sync or later) if under_sync_face() else (later or sync)

    def _mentioned_agents(self, message_content: Any, agents: Sequence[Any] | None) -> dict[str, int]:
        """How often each member is named; underscores may be escaped, or spaces."""
        among = self.agents if agents is None else agents
        text = message_content.get("content", "") if isinstance(message_content, Mapping) else message_content
        found = {}
        for agent in among:
            forms = {agent.name, agent.name.replace("_", " "), agent.name.replace("_", r"\_")}
            names = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
            count = len(re.findall(rf"(?<!\w)(?:{names})(?!\w)", str(text)))
            if count:
                found[agent.name] = count
        return found


class _Everybody:
    """A floor without rules: anybody may be handed the conversation."""

    def __init__(self, chat: GroupChat) -> None:
        self._chat = chat

    def eligible(self, speaker: str) -> Sequence[Any]:
        """Everybody else."""
        return [agent for agent in self._chat.agents if agent.name != speaker]


class _Nobody:
    async def next(self, conversation: Conversation) -> Any:
        """Never asked: only a speaker is selected."""
        raise ConfigError("this conversation is only there to select a speaker")


_nobody = _Nobody()


class _OwnSelection(SpeakerSelection):
    """Selects as a group's subclass does."""

    async def select(self, conversation: Conversation, last_speaker: Any) -> Any:
        """The member who speaks next."""
        method = getattr(self.group, "own_selection", None)
        if method is None:
            return await super().select(conversation, last_speaker)
        return self._chosen(await call(method, last_speaker, self._manager), conversation)


class _OldRule(manager.GroupRule):
    """0.2's rule: somebody is selected to run tools among those who can, and after their results."""

    def _selects(self) -> SpeakerSelection:
        return _OwnSelection(self._group, self._manager, self._handoffs)

    commands_taken: dict[str, tuple[str | None, str | None]]

    def runs_itself(self, speaker: Any, message: Message) -> bool:
        """Only who is no member."""
        return speaker not in self._group.agents and super().runs_itself(speaker, message)

    def goes_on(self, messages: Sequence[Message]) -> bool:
        """Never."""
        return False

    def _clear(self, last: Message, speaker: Any, conversation: Conversation) -> None:
        """Carries out the command that was taken out of the message, or that is still in it."""
        taken = self.commands_taken.pop(last.id, None)
        if taken is not None:
            self.forget(conversation, *taken)
        else:
            super()._clear(last, speaker, conversation)


class GroupChatManager(manager.GroupChatManager, ConversableAgent):
    """`autogen_like.GroupChatManager` for scripts of AutoGen 0.2; see `ConversableAgent`.

    Where nobody has a model, "auto" takes turns, as 0.2's failing selections do.
    """

    def __init__(
        self, groupchat: group.GroupChat, name: str | None = "chat_manager", *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(groupchat, name, *args, **kwargs)
        self._commands_taken: dict[str, tuple[str | None, str | None]] = {}  # by the message that they were in

    def take_command(self, message: Message, speaker: Any) -> Message:
        """What a person says without its "clear history", which is carried out before anybody answers."""
        chat, text = self.groupchat, message.content
        if not chat.enable_clear_history or speaker.human_input_mode == "NEVER" or not isinstance(text, str):
            return message
        command = manager.clear_command(text, chat.agent_names)
        if command is None:
            return message
        self._commands_taken[message.id] = command[1], command[2]
        return replace(message, content=_without(text, command))

    def clear_agents_history(self, reply: Mapping[str, Any], groupchat: group.GroupChat) -> str:
        """Carries out the "clear history" in a message; gives the message's text without it."""
        text = content_text(reply.get("content"))
        command = manager.clear_command(text, groupchat.agent_names)
        if command is None:
            return text
        wanted, keep = (command[1] or "").casefold(), int(command[2] or 0)
        for agent in groupchat.agents:
            if wanted in ("", agent.name.casefold()):
                groupchat.transcript.forget(agent.name, keep)
        if not wanted:
            groupchat.messages.forget(keep)
        return _without(text, command)

    def conversation_for(self, initiator: Any, clear_history: bool, max_turns: int | None) -> Conversation:
        """The group's conversation."""
        chat = self.groupchat
        if not chat.agents:
            raise ConfigError("a group chat needs agents")
        group.GroupChat.check_names(chat)
        group.GroupChat.check_method(chat)
        method = chat.speaker_selection_method
        if isinstance(method, str) and method.lower() == "auto" and not _has_model(self, chat):
            if getattr(chat, "own_selection", None) is None:
                logger.warning("nobody in the group has a model that could select: its members take turns")
            chat.speaker_selection_method = "round_robin"
        return super().conversation_for(initiator, clear_history, max_turns)

    def rule_for(self, initiator: Participant, max_turns: int | None) -> manager.GroupRule:
        """Who speaks next."""
        rule = _OldRule(self, initiator, max_turns)
        rule.commands_taken = self._commands_taken
        return rule

    async def reply(self, turn: Turn) -> Reply:
        """The group's last word; nothing, which ends a chat, where nobody said anything."""
        said = await super().reply(turn)
        return None if isinstance(said, Message) and said.content == "" else said

    @property
    def _groupchat(self) -> group.GroupChat:
        return self.groupchat

    @property
    def _last_speaker(self) -> Any:
        return self.last_speaker

    def reset(self) -> None:
        """Forgets all conversations, the group's among them."""
        super().reset()
        self.groupchat.reset()

    def run_chat(self: Any, messages: Any = None, sender: Any = None, config: Any = None) -> tuple[bool, None]:
        """Has the group talk about the last of the messages; unbound, for any agent, with the group as `config`."""
        if isinstance(self, GroupChatManager):
            return manager.GroupChatManager.run_chat(self, messages, sender, config)
        deputy = _Deputy(self, config)
        deputy.run_chat(list(messages or self.chat_messages[sender]), sender, config)
        return True, None

    async def a_resume(
        self,
        messages: Sequence[Mapping[str, Any]] | str,
        remove_termination_string: str | Callable[[str], str] | None = None,
        silent: bool | None = False,
    ) -> tuple[Any, dict[str, Any]]:
        """Takes up a group chat; see `autogen_like.GroupChatManager.a_resume`. What nobody is named for is its own."""
        told = self.messages_from_string(messages) if isinstance(messages, str) else list(messages)
        named = [one if _has_speaker(one) else {**one, "name": self.name} for one in told]
        speaker, last = await super().a_resume(named, remove_termination_string, silent)
        if self.is_termination_msg(last):
            logger.warning("WARNING: the last message still ends the chat: %r", last["content"])
        return speaker, {**told[-1], "content": last["content"]}

    def _without(self, message: dict[str, Any], ending: str | Callable[[str], str] | None) -> dict[str, Any]:
        """The message without a text, wherever it is in it."""
        content = message.get("content")
        if isinstance(ending, str) and isinstance(content, str):
            return {**message, "content": content.replace(ending, "")}
        return super()._without(message, ending)

    def _process_resume_termination(
        self, remove_termination_string: str | Callable[[str], str] | None, messages: list[dict[str, Any]]
    ) -> None:
        """Takes what ends the chat out of the last of the messages."""
        messages[-1] = self._without(messages[-1], remove_termination_string)

    def messages_to_string(self, messages: Sequence[Mapping[str, Any]] | None = None) -> str:
        """Messages as JSON text; the group's by default."""
        return super().messages_to_string(self.groupchat.messages if messages is None else messages)

    def _valid_resume_messages(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Checks that messages can be resumed from."""
        if not messages:
            raise ConfigError("there are no messages to resume from")
        names = {agent.name for agent in self.groupchat.agents} | {self.name}
        strangers = [one["name"] for one in messages if one.get("name") not in (None, *names)]
        if strangers:
            raise ConfigError(f"{strangers} said something, and are not in the group {self.groupchat.agent_names}")


class _Deputy(GroupChatManager):
    """Manages a group in the name of an agent that is no manager.

    Args:
        agent: The agent.
        chat: The group.
    """

    def __init__(self, agent: Any, chat: group.GroupChat) -> None:
        super().__init__(chat, agent.name, llm_config=agent.llm_config)
        self._agent = agent

    def _remember(self, other: Any, conversation: Conversation) -> None:
        if other is not self._agent:
            self._agent._conversations[other] = conversation  # noqa: SLF001 - it stands for the agent
            other._conversations[self._agent] = conversation  # noqa: SLF001


def _without(text: str, command: re.Match[str]) -> str:
    """A text without the command that is in it."""
    rest = text[: command.start()].rstrip(), text[command.end() :].lstrip(" \t.,;:!")
    return " ".join(filter(None, rest))


def _are_policies(transform: Any) -> bool:
    from ...agents.context import ContextPolicy

    return all(
        isinstance(one, ContextPolicy) for one in (transform if isinstance(transform, list | tuple) else [transform])
    )


def _has_speaker(message: Mapping[str, Any]) -> bool:
    return bool(message.get("name") or message.get("role") == "tool" or message.get("tool_responses"))


def _has_model(selecting: Any, chat: group.GroupChat) -> bool:
    if chat.select_speaker_auto_llm_config is not None:
        return True
    return any(getattr(agent, "model_client", None) is not None for agent in (selecting, *chat.agents))


__all__ = ["GroupChat", "GroupChatManager"]
