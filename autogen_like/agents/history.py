"""What an agent has said and been told: one conversation for each other agent, sending and receiving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.conversation import Conversation
from ..core.errors import ConfigError
from ..core.message import ChatMessage, Message, message_from_dict
from ..core.run import Run
from ..core.sync import run as run_sync
from ..core.transcript import Transcript, View
from .agent import as_participant
from .pair import Answered, Pair


class HistoryMixin:
    """Conversations with other agents, in AutoGen 0.2's vocabulary.

    Attributes:
        reply_at_receive: Whom the agent answers when it is sent something outside a chat.
    """

    name: str
    _default_limit: float

    def _init_history(self, chat_messages: Mapping[Any, Sequence[Mapping[str, Any]]] | None) -> None:
        self._conversations: dict[Any, Conversation] = {}
        self._limits: dict[Any, float] = {}
        self.reply_at_receive: dict[Any, bool] = {}
        for agent, messages in (chat_messages or {}).items():
            said = [message_from_dict(raw, self._speaker_of(raw, agent)) for raw in messages]
            self._conversations[agent] = self._new_conversation(agent, Transcript(said))

    def _speaker_of(self, raw: Mapping[str, Any], other: Any) -> str:
        named = raw.get("name")
        return named if isinstance(named, str) else self.name if raw.get("role") == "assistant" else other.name

    def _new_conversation(self, other: Any, transcript: Transcript | None = None) -> Conversation:
        pair = Pair(as_participant(self), as_participant(other))
        return Conversation((pair.initiator, pair.recipient), pair, lambda one: _plain(pair.other(one)), transcript)

    def _conversation_with(self, other: Any) -> Conversation:
        """The conversation with another agent; one is begun if there is none."""
        known = self._conversations.get(other)
        if known is None:
            theirs = getattr(other, "_conversations", {}).get(self)
            known = theirs if theirs is not None else self._new_conversation(other)
            self._remember(other, known)
        return known

    def _remember(self, other: Any, conversation: Conversation) -> None:
        self._conversations[other] = conversation
        theirs = getattr(other, "_conversations", None)
        if theirs is not None:
            theirs[self] = conversation

    # --- reading

    @property
    def chat_messages(self) -> dict[Any, View]:
        """What was said in each conversation, as this agent sees it: ``{other agent: messages}``."""
        return {other: chat.transcript.view(self.name) for other, chat in self._conversations.items()}

    def chat_messages_for_summary(self, agent: Any) -> View:
        """The conversation with an agent, to be summed up."""
        return self._conversation_with(agent).transcript.view(self.name)

    def last_message(self, agent: Any = None) -> ChatMessage | None:
        """The newest message of a conversation.

        Args:
            agent: The other agent; may be left out while there is only one.

        Returns:
            The message; None if nothing was said at all.

        Raises:
            KeyError: If there is no conversation with that agent.
            ValueError: If there are several conversations and no agent was named.
        """
        if agent is None:
            if not self._conversations:
                return None
            if len(self._conversations) > 1:
                names = [other.name for other in self._conversations]
                raise ConfigError(f"{self.name} talks to several agents: say which one's message you want, of {names}")
            agent = next(iter(self._conversations))
        if agent not in self._conversations:
            raise KeyError(f"{self.name} has no conversation with {agent.name!r}")
        view = self._conversations[agent].transcript.view(self.name)
        return view[-1] if view else None

    # --- forgetting

    def clear_history(self, recipient: Any = None, nr_messages_to_preserve: int | None = None) -> None:
        """Forgets conversations; the other agents still remember them.

        Args:
            recipient: With whom; everybody by default.
            nr_messages_to_preserve: How many of the newest messages to keep. A tool result keeps its call with it.
        """
        keep = nr_messages_to_preserve or 0
        for other, chat in self._conversations.items():
            if recipient is None or other is recipient:
                chat.transcript.forget(self.name, keep)

    def forget(self, other: Any) -> None:
        """Drops the conversation with another agent, on both sides, and what was set for that agent.

        Args:
            other: The other agent, which is not talked to any more.
        """
        for mine, theirs in ((self, other), (other, self)):
            for kept in ("_conversations", "_limits", "reply_at_receive"):
                getattr(mine, kept, {}).pop(theirs, None)

    def reset(self) -> None:
        """Forgets all conversations, counters and the state of reply functions."""
        self.clear_history()
        self.reset_consecutive_auto_reply_counter()
        self.stop_reply_at_receive()

    def stop_reply_at_receive(self, sender: Any = None) -> None:
        """No longer answers what an agent (everybody by default) sends outside a chat."""
        if sender is None:
            self.reply_at_receive.clear()
        else:
            self.reply_at_receive[sender] = False

    # --- replies in a row

    def update_max_consecutive_auto_reply(self, value: int, sender: Any = None) -> None:
        """Sets how often the agent may answer in a row, to everybody or to one agent."""
        if sender is None:
            self._default_limit = value
            self._limits.clear()
        else:
            self._limits[sender] = value

    def max_consecutive_auto_reply(self, sender: Any = None) -> float:
        """How often the agent may answer in a row without a person."""
        return self._limits.get(sender, self._default_limit) if sender is not None else self._default_limit

    def reset_consecutive_auto_reply_counter(self, sender: Any = None) -> None:
        """Starts counting the replies in a row anew, to everybody or to one agent."""
        for other, chat in self._conversations.items():
            if sender is None or other is sender:
                chat.auto_replies.pop(self.name, None)

    # --- sending outside a chat

    async def a_send(
        self, message: Any, recipient: Any, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Says something to another agent.

        Args:
            message: A string or a chat dict.
            recipient: The other agent.
            request_reply: Whether it should answer. What is answered then is answered in turn by whoever answers by
                itself, which is what `reply_at_receive` says: both, if a chat without ``max_turns`` was begun before.
                By default that is so of the first message, too.
            silent: Whether nothing is printed.

        Raises:
            TranscriptError: If the message has neither content nor calls.
        """
        chat = self._conversation_with(recipient)
        said = await self._edit_sent(message_from_dict(message, self.name), recipient, bool(silent))
        if request_reply is None:
            request_reply = getattr(recipient, "reply_at_receive", {}).get(self, False)
        await self._say(chat, recipient, said, bool(request_reply), silent)

    async def a_receive(
        self, message: Any, sender: Any, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Is told something by another agent; see `a_send` for the arguments."""
        if request_reply is None:
            request_reply = self.reply_at_receive.get(sender, False)
        chat = self._conversation_with(sender)
        await self._say(chat, sender, message_from_dict(message, sender.name), bool(request_reply), silent)

    async def _say(
        self, chat: Conversation, other: Any, message: Message, request_reply: bool, silent: bool | None
    ) -> None:
        async def main(run: Run[None]) -> None:
            if request_reply:
                await chat.converse(run, message, stop=Answered(chat, _answers))
            else:
                await chat.add(message, run)

        if chat.active is not None and not request_reply:
            await chat.add(message, chat.active)
            return
        run = Run(main, name=other.name)
        chat.silent = bool(silent)
        self._print(run, other, silent)
        await run

    async def _edit_sent(self, message: Message, recipient: Any, silent: bool) -> Message:
        raise NotImplementedError  # HooksMixin's

    def _print(self, run: Run[Any], recipient: Any, silent: bool | None) -> None:
        raise NotImplementedError  # ChatsMixin's

    def send(
        self, message: Any, recipient: Any, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Says something to another agent; see `a_send`."""
        run_sync(self.a_send(message, recipient, request_reply, silent))

    def receive(
        self, message: Any, sender: Any, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Is told something by another agent; see `a_receive`."""
        run_sync(self.a_receive(message, sender, request_reply, silent))


def _answers(participant: Any, other: Any) -> bool:
    known = getattr(_plain(participant), "reply_at_receive", None)
    return known is None or bool(known.get(_plain(other), False))  # who isn't one of ours decides when it is told


def _plain(participant: Any) -> Any:
    """The object that a script knows: what an adapter wraps, or the participant itself."""
    from .agent import ForeignAgent

    return participant.agent if isinstance(participant, ForeignAgent) else participant
