"""The chain of backends: asking them in order, and putting reply functions of one's own into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from ..core.conversation import Conversation, Turn
from ..core.errors import ConfigError, NothingToAnswer
from ..core.message import Message, message_from_dict
from ..core.protocols import Reply
from ..core.run import Run
from ..core.sync import in_place
from ..core.sync import run as run_sync
from ..core.termination import StopReason
from ..core.transcript import Transcript
from .agent import as_message
from .backends import (
    Backend,
    CodeBackend,
    FunctionBackend,
    HumanBackend,
    ModelBackend,
    TerminationBackend,
    ToolBackend,
)
from .backends.function import ReplyFunction, Trigger, check_trigger
from .backends.nested import NestedBackend, nested_function
from .chats import ChatsMixin
from .hooks import SENT, HooksMixin


class ChainMixin(HooksMixin, ChatsMixin):
    """Replying, in AutoGen 0.2's vocabulary.

    Attributes:
        backends: The chain, in order; may be read, reordered and extended.
        default_auto_reply: What the agent says when no backend has anything to say.
    """

    backends: list[Backend]
    default_auto_reply: Any  # a string or a chat dict

    def _init_chain(self, agent: Any, last_n_messages: int | str) -> None:
        # Annotated loosely: each backend has a protocol of its own for what it knows of the agent.
        self._last_word = ModelBackend(agent)
        self._built_in: tuple[Backend, ...] = (
            TerminationBackend(agent),
            HumanBackend(agent),
            ToolBackend(agent),
            CodeBackend(agent, last_n_messages),
            self._last_word,
        )
        self.backends = list(self._built_in)

    # --- replying

    async def reply(self, turn: Turn) -> Reply:
        """Asks the backends in order; the first that has something to say answers.

        Args:
            turn: The conversation so far, and whom to answer.
        """
        if turn.final:
            turn.backend = "model"
            said = await self._last_word.reply(turn)
        elif self._reply_is_overridden:
            said = await self._overridden_reply(turn)
        else:
            said = await self._first_reply(turn, ())
        if isinstance(said, Message):
            if self.hook_lists[SENT]:
                turn.backend = "hooks"
            return await self._edit_sent(said, turn.sender, turn.conversation.silent)
        return said

    async def _first_reply(self, turn: Turn, excluded: tuple[object, ...]) -> Reply:
        if self._reads_hooked:
            turn.backend = "hooks"
            await self._edit_received(turn)
        for backend in self.backends:
            if excluded and _is_excluded(backend, excluded):
                continue
            turn.backend = backend.name
            said = await backend.reply(turn)
            if said is not None:
                return said
        turn.backend = "default_auto_reply"
        return as_message(self.default_auto_reply, self.name)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._reply_is_overridden = (
            cls.generate_reply is not ChainMixin.generate_reply
            or cls.a_generate_reply is not ChainMixin.a_generate_reply
        )

    _reply_is_overridden: ClassVar[bool] = False

    async def _overridden_reply(self, turn: Turn) -> Reply:
        turn.backend = "generate_reply"
        if type(self).a_generate_reply is not ChainMixin.a_generate_reply:
            said = await self.a_generate_reply(turn.messages, sender=turn.sender)
        else:
            said = await in_place(self.generate_reply, turn.messages, sender=turn.sender)
        return as_message(said, self.name)

    async def a_generate_reply(
        self, messages: Sequence[Mapping[str, Any]] | None = None, sender: Any = None, **kwargs: Any
    ) -> str | dict[str, Any] | None:
        """Answers, without saying it.

        Args:
            messages: What to answer, as chat dicts; the conversation with `sender` by default.
            sender: Whom to answer.
            **kwargs: ``exclude``: reply functions that are not to be asked.

        Returns:
            The text, a chat dict where there is more than text, or None.

        Raises:
            ConfigError: If there is neither a message nor a sender.
        """
        if messages is None and sender is None:
            raise NothingToAnswer("generate_reply needs messages, a sender, or both")
        chat = self._occasion(messages, sender)

        async def main(run: Run[Reply]) -> Reply:
            turn = Turn(chat, run, self, sender)
            return await self._first_reply(turn, tuple(kwargs.get("exclude") or ()))

        return _as_chat(await Run(main, name=self.name), self.name)

    def generate_reply(
        self, messages: Sequence[Mapping[str, Any]] | None = None, sender: Any = None, **kwargs: Any
    ) -> str | dict[str, Any] | None:
        """Answers, without saying it; see `a_generate_reply`."""
        return run_sync(ChainMixin.a_generate_reply(self, messages, sender, **kwargs))

    def _occasion(self, messages: Sequence[Mapping[str, Any]] | None, sender: Any) -> Conversation:
        """A conversation in which these messages were said."""
        if messages is None:
            return self._conversation_with(sender)
        other = sender if sender is not None else self._asker
        known = self._conversations.get(sender)
        if known is not None and known.transcript.view(self.name) is messages:
            return known  # a reply function passes on what it was given
        said = [message_from_dict(raw, self._speaker_of(raw, other)) for raw in messages]
        chat = self._new_conversation(other, Transcript(said))
        if known is not None:
            chat.auto_replies = known.auto_replies
        return chat

    # --- reply functions

    def register_reply(
        self,
        trigger: Trigger,
        reply_func: ReplyFunction,
        position: int = 0,
        config: Any = None,
        reset_config: Callable[[Any], None] | None = None,
        *,
        ignore_async_in_sync_chat: bool = False,
        remove_other_reply_funcs: bool = False,
    ) -> None:
        """Adds a reply function to the chain.

        Args:
            trigger: Whom it answers: an agent, its class or name, a predicate of the sender, None (nobody in
                particular), or a list of these.
            reply_func: ``(recipient, messages, sender, config) -> (final, reply)``, sync or async.
            position: Its place in `backends`; 0 is first, 2 is behind termination and person.
            config: Passed on to the function.
            reset_config: ``(config) -> None``, called when the agent is reset.
            ignore_async_in_sync_chat: Whether an async function is left out of synchronous chats.
            remove_other_reply_funcs: Whether it replaces the whole chain.

        Raises:
            ConfigError: If the trigger is of no known kind.
        """
        check_trigger(trigger)
        if remove_other_reply_funcs:
            self.backends.clear()
        backend = FunctionBackend(self, reply_func, trigger, config, reset_config, ignore_async_in_sync_chat)
        self.backends.insert(position, backend)

    def replace_reply_func(self, old_reply_func: ReplyFunction, new_reply_func: ReplyFunction) -> None:
        """Puts another function in the place of a registered one."""
        for backend in self.backends:
            if isinstance(backend, FunctionBackend) and backend.function == old_reply_func:
                backend.function = new_reply_func

    def register_nested_chats(
        self,
        chat_queue: Sequence[Mapping[str, Any]],
        trigger: Trigger,
        reply_func_from_nested_chats: str | Callable[..., Any] = "summary_from_nested_chats",
        position: int = 2,
        use_async: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Lets the agent answer with the summary of chats of its own.

        Args:
            chat_queue: The chats, as for `initiate_chats`; see `NestedBackend`.
            trigger: Whom it answers so; see `register_reply`.
            reply_func_from_nested_chats: A function ``(chat_queue, recipient, messages, sender, config)`` that answers
                instead.
            position: Its place in the chain; by default behind termination and person.
            use_async: Whether the chats are a graph (``prerequisites``) whose independent parts run in parallel.
            **kwargs: ``config``, passed on to message functions.

        Raises:
            ConfigError: If `reply_func_from_nested_chats` is neither a function nor the name of the built-in one.
        """
        config = kwargs.get("config")
        backend: Backend
        if callable(reply_func_from_nested_chats):
            backend = nested_function(self, chat_queue, trigger, reply_func_from_nested_chats, config)
        elif reply_func_from_nested_chats == "summary_from_nested_chats":
            backend = NestedBackend(self, chat_queue, trigger, parallel=bool(use_async), config=config)
        else:
            raise ConfigError(
                f'reply_func_from_nested_chats must be a function or "summary_from_nested_chats", '
                f"not {reply_func_from_nested_chats!r}"
            )
        self.backends.insert(position, backend)

    def reset(self) -> None:
        """Forgets all conversations, counters and the state of reply functions."""
        super().reset()
        for backend in self.backends:
            if isinstance(backend, FunctionBackend):
                backend.reset()

    # --- the built-in reply functions, by AutoGen 0.2's names: usable unbound, and in `exclude`

    async def _ask_backend(self, kinds: tuple[type, ...], messages: Any, sender: Any) -> tuple[bool, Any]:
        chat = self._occasion(messages, sender)

        async def main(run: Run[Reply]) -> Reply:
            turn = Turn(chat, run, self, sender)
            for backend in self._built_in:
                if isinstance(backend, kinds):
                    said = await backend.reply(turn)
                    if said is not None:
                        return said
            return None

        said = await Run(main)
        return said is not None, _as_chat(said, self.name)

    async def a_generate_oai_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """What the model says: ``(final, reply)``."""
        return await self._ask_backend((ModelBackend,), messages, sender)

    def generate_oai_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """What the model says: ``(final, reply)``."""
        return run_sync(self._ask_backend((ModelBackend,), messages, sender))

    async def a_generate_tool_calls_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """The results of the tools that were called: ``(final, reply)``."""
        return await self._ask_backend((ToolBackend,), messages, sender)

    def generate_tool_calls_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """The results of the tools that were called: ``(final, reply)``."""
        return run_sync(self._ask_backend((ToolBackend,), messages, sender))

    a_generate_function_call_reply = a_generate_tool_calls_reply
    generate_function_call_reply = generate_tool_calls_reply

    def generate_code_execution_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """What the code that was said prints: ``(final, reply)``."""
        return run_sync(self._ask_backend((CodeBackend,), messages, sender))

    async def a_check_termination_and_human_reply(
        self, messages: Any = None, sender: Any = None, config: Any = None
    ) -> Any:
        """Whether the chat ends here, or what the person says: ``(final, reply)``."""
        return await self._ask_backend((TerminationBackend, HumanBackend), messages, sender)

    def check_termination_and_human_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """Whether the chat ends here, or what the person says: ``(final, reply)``."""
        return run_sync(self._ask_backend((TerminationBackend, HumanBackend), messages, sender))


_BUILT_IN: dict[str, tuple[type, ...]] = {
    "generate_oai_reply": (ModelBackend,),
    "generate_tool_calls_reply": (ToolBackend,),
    "generate_function_call_reply": (ToolBackend,),
    "generate_code_execution_reply": (CodeBackend,),
    "check_termination_and_human_reply": (TerminationBackend, HumanBackend),
}


def _is_excluded(backend: Backend, excluded: tuple[object, ...]) -> bool:
    for function in excluded:
        if isinstance(backend, FunctionBackend):
            if backend.function == function:
                return True
            continue
        name = getattr(function, "__name__", "").removeprefix("a_")
        if isinstance(backend, _BUILT_IN.get(name, ())):
            return True
    return False


def _as_chat(reply: Reply, speaker: str) -> str | dict[str, Any] | None:
    """A reply as AutoGen 0.2's scripts expect it: a plain string where there is only text."""
    if reply is None or isinstance(reply, StopReason):
        return None
    if reply.tool_calls or reply.tool_results or not isinstance(reply.content, str) or reply.extra:
        return dict(reply.render(speaker))
    return reply.content
