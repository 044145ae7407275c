"""SocietyOfMindAgent: a group chat that speaks with one voice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ...core.conversation import Turn
from ...core.errors import ConfigError
from ...core.message import Message, content_text, part_from_dict
from ...core.protocols import Reply
from ...core.termination import StopReason
from ...core.transcript import Transcript
from ..agent import as_message, call
from ..chats import ChatsMixin
from ..conversable import ConversableAgent
from .asking import ask

# A question to the agent's own model, or (agent, messages) -> reply; sync or async.
ResponsePreparer: TypeAlias = "str | Callable[..., Any]"

_BEFORE = "You were given a request, and discussed it with your team. This is what was said:"
_STANDALONE = (
    "Now answer the request. Your answer stands alone: who reads it has seen nothing of the discussion, and need not "
    "know that there was one."
)


class SocietyOfMindAgent(ConversableAgent):
    """An agent that asks a group before it answers, and says what came of it in a message of its own.

    Each message that it is sent opens a fresh chat of the group; what was said outside before, the members know too. It
    is a part of the run around it: budgets, events and cancellation hold across, and an error inside is an error.

    Args:
        name: Unique within a conversation, and within the group.
        chat_manager: The group's `GroupChatManager`.
        response_preparer: What makes an answer of the discussion: a question to the agent's own model, or a function
            ``(agent, messages) -> answer``. By default the model is asked for an answer that stands alone; without a
            model the last message is the answer.
        is_termination_msg: Whether a message it is sent ends the chat.
        max_consecutive_auto_reply: How often it may answer in a row.
        human_input_mode: "TERMINATE" by default.
        function_map: Functions that it runs when they are called.
        code_execution_config: Where it runs code; nowhere by default.
        llm_config: The model that makes the answer.
        default_auto_reply: What it says when it has nothing to say.
        **kwargs: The other arguments of `ConversableAgent`.

    Raises:
        ConfigError: If `chat_manager` manages no group, or `response_preparer` is a question and there is no model.

    Example:
        >>> from autogen_like import AssistantAgent, GroupChat, GroupChatManager, ScriptedModel
        >>> members = [AssistantAgent("ada", llm_config=ScriptedModel(["Four."])),
        ...            AssistantAgent("bob", llm_config=ScriptedModel(["Right. TERMINATE"]))]
        >>> group = GroupChatManager(GroupChat(members, speaker_selection_method="round_robin"))
        >>> team = SocietyOfMindAgent("team", group)
        >>> team.generate_reply([{"role": "user", "content": "2 + 2?"}])
        'Right.'
    """

    def __init__(
        self,
        name: str,
        chat_manager: Any,  # a GroupChatManager, whose room is above this one
        response_preparer: ResponsePreparer | None = None,
        is_termination_msg: Callable[[Mapping[str, Any]], Any] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: str = "TERMINATE",
        function_map: Mapping[str, Callable[..., Any]] | None = None,
        code_execution_config: Mapping[str, Any] | bool | None = False,
        llm_config: Any = False,  # a dict, an LLMConfig, a ModelClient or False
        default_auto_reply: Any = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name,
            is_termination_msg=is_termination_msg,
            max_consecutive_auto_reply=max_consecutive_auto_reply,
            human_input_mode=human_input_mode,
            function_map=function_map,
            code_execution_config=code_execution_config,
            llm_config=llm_config,
            default_auto_reply=default_auto_reply,
            **kwargs,
        )
        self.update_chat_manager(chat_manager)
        if response_preparer is None and self.llm_config is not False:
            response_preparer = _STANDALONE
        if isinstance(response_preparer, str) and self.llm_config is False:
            raise ConfigError(
                f"response_preparer of {name} is a question, and there is no model to ask: give it an llm_config, or a "
                "function of (agent, messages)"
            )
        if not (response_preparer is None or isinstance(response_preparer, str) or callable(response_preparer)):
            raise ConfigError(f"response_preparer of {name} must be a text or a function, not {response_preparer!r}")
        self.response_preparer: ResponsePreparer = response_preparer or _last_words
        talk = InnerTalk(self)
        self._built_in = (*self._built_in, talk)
        self.backends.insert(self.backends.index(self._last_word), talk)

    @property
    def chat_manager(self) -> Any:  # a GroupChatManager
        """The manager of the group that is asked; None where nobody is asked."""
        return self._chat_manager

    def update_chat_manager(self, chat_manager: Any) -> None:  # a GroupChatManager
        """Puts another group in the place of the one that is asked; None for none.

        Raises:
            ConfigError: If it manages no group, or a member has this agent's name.
        """
        if chat_manager is not None:
            group = getattr(chat_manager, "groupchat", None)
            if group is None or not isinstance(chat_manager, ChatsMixin):
                raise ConfigError(f"chat_manager of {self.name} must be a GroupChatManager, not {chat_manager!r}")
            if self.name in group.agent_names:
                raise ConfigError(f"a member of the group is called {self.name!r} too: give one another name")
        self._chat_manager = chat_manager

    async def prepared(self, messages: Sequence[Message]) -> Reply:
        """The answer that is made of a discussion.

        Args:
            messages: What was said in the group.
        """
        view = Transcript(messages).view(None)
        if not isinstance(self.response_preparer, str):
            return as_message(await call(self.response_preparer, self, list(view)), self.name)
        client = self.model_client
        if client is None:
            raise ConfigError(f"{self.name} has no model any more to make an answer of the discussion")
        asked = [
            {"role": "system", "content": _BEFORE},
            *view.wire,
            {"role": "system", "content": self.response_preparer},
        ]
        return Message(self.name, await ask(client, asked, name=self.name, usage=self.usage))


class InnerTalk:
    """Has the group talk about the last message, and answers with what comes of it."""

    name = "society"

    def __init__(self, agent: SocietyOfMindAgent) -> None:
        self._agent = agent

    async def reply(self, turn: Turn) -> Reply:
        agent, manager = self._agent, self._agent.chat_manager
        if manager is None or not turn.messages:
            return None
        *before, last = turn.messages
        manager.groupchat.messages = [_told(one) for one in before if content_text(one.get("content"))]
        opening = Message(agent.name, _content(last))
        result = await agent.run(
            manager, opening, clear_history=False, silent=turn.conversation.silent, summary_method=None
        )
        if result.paused is not None:
            raise ConfigError(
                f"a member of {agent.name}'s group waits for a person, and a discussion can't pause: pass "
                'human="events" or an async function'
            )
        said = result.messages[next(at for at, one in enumerate(result.messages) if one.id == opening.id) :]
        if len(said) == 1:
            return StopReason("no_reply", f"the group of {agent.name} said nothing: {result.stop_reason}", agent.name)
        return await agent.prepared(said)


def _told(message: Mapping[str, Any]) -> dict[str, Any]:
    """What was said outside, as the members hear it."""
    return {"name": message.get("name"), "content": content_text(message["content"])}


def _content(message: Mapping[str, Any]) -> Any:
    content = message.get("content")
    return tuple(part_from_dict(raw) for raw in content) if isinstance(content, list | tuple) else content or ""


def _last_words(_: Any, messages: Sequence[Mapping[str, Any]]) -> str:
    return content_text(messages[-1].get("content")).replace("TERMINATE", "").strip()
