"""ConversableAgent: a name, a description and an ordered chain of backends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ..coding.executor import CodeExecutor
from ..coding.factory import create
from ..core.conversation import Conversation, Turn
from ..core.errors import ConfigError
from ..core.message import Message, content_text, message_from_dict
from ..core.protocols import Reply, Tool
from ..core.run import Run
from ..core.sync import in_place
from ..core.sync import run as run_sync
from ..core.termination import StopReason
from ..core.transcript import Transcript
from ..core.usage import UsageLedger
from ..models.client import ModelClient
from ..models.config import LLMConfig, client_from
from ..tools.toolbox import ToolSource
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
from .chat_result import ChatResult
from .chats import ChatsMixin, refuse_async
from .hooks import HooksMixin
from .pair import Asker
from .queue import a_chain, a_initiate_chats, check_queue
from .toolkit import ToolkitMixin
from .usage import UsageMixin

HUMAN_INPUT_MODES = ("ALWAYS", "TERMINATE", "NEVER")
_NAME = re.compile(r"\S.*\S|\S", re.DOTALL)


def ends_with_terminate(message: Mapping[str, Any]) -> bool:
    """AutoGen 0.2's way to end a chat: the message ends with the word TERMINATE.

    Example:
        >>> ends_with_terminate({"content": "All done. TERMINATE."})
        True
    """
    return content_text(message.get("content")).rstrip(" \t\r\n.!*`\"'").endswith("TERMINATE")


class ConversableAgent(HooksMixin, UsageMixin, ToolkitMixin, ChatsMixin):
    """An agent that converses: with a person, tools, code and a model behind it, asked in this order.

    Args:
        name: Unique within a conversation.
        system_message: What its model is told about itself.
        is_termination_msg: Whether a message it is sent ends the chat; by default, whether it ends with "TERMINATE".
        max_consecutive_auto_reply: How often it may answer in a row without a person; 100 by default.
        human_input_mode: "ALWAYS" asks a person before each reply, "TERMINATE" when the chat would end, "NEVER" never.
        function_map: Functions that it runs when they are called, by name.
        code_execution_config: False or None to run no code; ``{"executor": ...}``, ``{"executor": "local"}``.
        llm_config: Its model: a dict, an `LLMConfig` or a `ModelClient`; False or None for no model.
        default_auto_reply: What it says when no backend has anything to say.
        description: What it is good for, for a group's speaker selection; the system message by default.
        chat_messages: What was said before: ``{other agent: messages}``.
        silent: Whether none of its chats is printed.
        tools: Functions or `Tool` objects that its model may call and that it runs itself.

    Raises:
        ConfigError: If a setting can't be right; says which and how to mend it.

    Example:
        >>> from autogen_like import ScriptedModel
        >>> agent = ConversableAgent("ada", llm_config=ScriptedModel(["Hello!"]))
        >>> agent.generate_reply([{"role": "user", "content": "Hi"}])
        'Hello!'
    """

    DEFAULT_CONFIG: ClassVar[Any] = False
    MAX_CONSECUTIVE_AUTO_REPLY: ClassVar[int] = 100

    def __init__(
        self,
        name: str,
        system_message: str | list[Any] | None = "You are a helpful AI Assistant.",
        is_termination_msg: Callable[[Mapping[str, Any]], Any] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: str = "TERMINATE",
        function_map: Mapping[str, Callable[..., Any]] | None = None,
        code_execution_config: Mapping[str, Any] | bool | None = False,
        llm_config: Any = None,  # a dict, an LLMConfig, a ModelClient or False
        default_auto_reply: Any = "",
        description: str | None = None,
        chat_messages: Mapping[Any, Sequence[Mapping[str, Any]]] | None = None,
        silent: bool | None = None,
        *,
        tools: Iterable[Tool | Callable[..., Any]] | ToolSource | None = None,
    ) -> None:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigError(f"an agent needs a name that is a string with no space at its ends, not {name!r}")
        if human_input_mode not in HUMAN_INPUT_MODES:
            raise ConfigError(
                f"human_input_mode of {name} must be one of {HUMAN_INPUT_MODES}, not {human_input_mode!r}"
            )
        if max_consecutive_auto_reply is not None and max_consecutive_auto_reply < 0:
            raise ConfigError(
                f"max_consecutive_auto_reply of {name} must be 0 or more, not {max_consecutive_auto_reply}"
            )
        self.name = name
        self.system_message = content_text(system_message)
        self.description = self.system_message if description is None else description
        self.human_input_mode = human_input_mode
        self.is_termination_msg = is_termination_msg or ends_with_terminate
        self.default_auto_reply = default_auto_reply
        self.silent = silent
        self._default_limit = (
            self.MAX_CONSECUTIVE_AUTO_REPLY if max_consecutive_auto_reply is None else max_consecutive_auto_reply
        )
        self.llm_config = _checked_config(self.DEFAULT_CONFIG if llm_config is None else llm_config, name)
        self._custom_clients: dict[str, Callable[[dict[str, Any]], Any]] = {}
        self.usage = UsageLedger()
        self._client: ModelClient | None = None
        self._init_history(chat_messages)
        self._init_hooks()
        self._init_tools(tools, function_map)
        config = code_execution_config if isinstance(code_execution_config, Mapping) else None
        self.code_executor: CodeExecutor | None = create(code_execution_config)
        self._last_word = ModelBackend(self)
        self._built_in: tuple[Backend, ...] = (
            TerminationBackend(self),
            HumanBackend(self),
            ToolBackend(self),
            CodeBackend(self, (config or {}).get("last_n_messages", "auto")),
            self._last_word,
        )
        self.backends: list[Backend] = list(self._built_in)

    # --- model

    @property
    def model_client(self) -> ModelClient | None:
        """The agent's model, made from `llm_config` when it is first asked; None if it has none."""
        if self._client is None and self.llm_config is not False:
            config = self.llm_config
            if isinstance(config, Mapping):  # tools go with each request: they may change, and differ by conversation
                config = {
                    key: value for key, value in config.items() if key not in ("tools", "functions", "tool_choice")
                }
            self._client = client_from(config, custom=self._custom_clients)
        return self._client

    client = model_client

    def register_model_client(self, model_client_cls: type, **kwargs: Any) -> None:
        """Puts a model client of your own behind the config entries that name it in ``model_client_cls``.

        Args:
            model_client_cls: A class with AutoGen 0.2's methods: ``create(params)``, ``message_retrieval(response)``,
                ``cost(response)``, ``get_usage(response)``.
            **kwargs: Passed on to it when it is made.

        Raises:
            ConfigError: If no config entry names the class.
        """
        name = model_client_cls.__name__
        entries = LLMConfig(self.llm_config).entries if isinstance(self.llm_config, Mapping) else ()
        if not any(entry.get("model_client_cls") == name for entry in entries):
            raise ConfigError(f"no entry of {self.name}'s llm_config has 'model_client_cls': {name!r}")
        self._custom_clients[name] = lambda entry: model_client_cls(entry, **kwargs)
        self._client = None

    def update_system_message(self, system_message: str) -> None:
        """Changes what the model is told about itself."""
        self.system_message = system_message

    # --- people

    def get_human_input(self, prompt: str) -> str:
        """Asks the person at the terminal; override it to ask elsewhere.

        Args:
            prompt: What to ask.
        """
        return input(prompt)

    async def a_get_human_input(self, prompt: str) -> str:
        """Asks the person; calls `get_human_input` without blocking the loop, unless it is overridden."""
        return await in_place(self.get_human_input, prompt)

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
            return await self._edit_sent(said, turn.sender, turn.conversation.silent)
        return said

    async def _first_reply(self, turn: Turn, excluded: tuple[object, ...]) -> Reply:
        if self.hook_lists:
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
            cls.generate_reply is not ConversableAgent.generate_reply
            or cls.a_generate_reply is not ConversableAgent.a_generate_reply
        )

    _reply_is_overridden: ClassVar[bool] = False

    async def _overridden_reply(self, turn: Turn) -> Reply:
        turn.backend = "generate_reply"
        if type(self).a_generate_reply is not ConversableAgent.a_generate_reply:
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
            raise ConfigError("generate_reply needs messages, a sender, or both")
        chat = self._occasion(messages, sender)

        async def main(run: Run[Reply]) -> Reply:
            turn = Turn(chat, run, self, sender)
            return await self._first_reply(turn, tuple(kwargs.get("exclude") or ()))

        return _as_chat(await Run(main), self.name)

    def generate_reply(
        self, messages: Sequence[Mapping[str, Any]] | None = None, sender: Any = None, **kwargs: Any
    ) -> str | dict[str, Any] | None:
        """Answers, without saying it; see `a_generate_reply`."""
        return run_sync(ConversableAgent.a_generate_reply(self, messages, sender, **kwargs))

    def _occasion(self, messages: Sequence[Mapping[str, Any]] | None, sender: Any) -> Conversation:
        """A conversation in which these messages were said."""
        if messages is None:
            return self._conversation_with(sender)
        other = sender if sender is not None else Asker(self.name)
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
        from .backends.nested import NestedBackend, nested_function

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

    # --- several chats

    def initiate_chats(self, chat_queue: Iterable[Mapping[str, Any]]) -> list[ChatResult]:
        """Has chats one after another, begun by this agent where none names a sender; see `initiate_chats`."""
        checked = check_queue(chat_queue, self)
        refuse_async(*(chat[side] for chat in checked for side in ("sender", "recipient")))
        self._finished_chats = run_sync(a_chain(checked))
        return self._finished_chats

    async def a_initiate_chats(self, chat_queue: Iterable[Mapping[str, Any]]) -> dict[Any, ChatResult]:
        """Has chats as a graph, begun by this agent where none names a sender; see `a_initiate_chats`."""
        results = await a_initiate_chats(chat_queue, self)
        self._finished_chats = list(results.values())
        return results

    _finished_chats: Sequence[ChatResult] = ()

    def get_chat_results(self, chat_index: int | None = None) -> Sequence[ChatResult] | ChatResult:
        """The results of the last `initiate_chats`, or of one chat in it."""
        return self._finished_chats if chat_index is None else self._finished_chats[chat_index]

    def __repr__(self) -> str:
        chain = ", ".join(backend.name for backend in self.backends)
        return f"{type(self).__name__}({self.name!r}, backends=[{chain}])"


def _checked_config(config: Any, name: str) -> Any:
    """A model's configuration as the agent keeps it: a dict of its own, a client, or False."""
    if config is False or config is None:
        return False
    if config is True:
        raise ConfigError(f"llm_config of {name} must name a model, as {{'model': 'gpt-4.1-mini'}}; True says nothing")
    if isinstance(config, ModelClient) and not isinstance(config, Mapping):
        return config
    return dict(LLMConfig(config))


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
