"""``autogen.agentchat.conversable_agent``."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...agents.agent import call
from ...agents.carryover import carried
from ...agents.chat_result import ChatResult
from ...agents.summaries import SUMMARY_PROMPT
from ...agents.toolkit import register_function
from ...core.conversation import Turn
from ...core.errors import AsyncInSyncChat
from ...core.message import Message
from ...core.protocols import Reply
from ...core.run import Run
from ...core.sync import run as run_sync
from ...models.client import ModelClient
from ...models.config import LLMConfig as Checked
from ...models.config import Settings
from ...observe.console import ConsolePrinter
from .. import runtime_logging
from .._errors import cause_shown, raised_as
from ..io import IOConsole, IOStream
from ..io.base import StreamFile
from ..oai.client import OpenAIWrapper
from ._code import CodeMixin, when_needed
from ._functions import FunctionsMixin
from ._letters import LettersMixin
from ._private import PrivateNamesMixin
from ._state import Update, checked

logger = logging.getLogger(__name__)
_DEFAULT_PROMPT = "You are a helpful AI Assistant."
_GIVEN = ("llm_config", "code_execution_config", "system_message", "human_input_mode", "max_consecutive_auto_reply")


class ConversableAgent(LettersMixin, CodeMixin, FunctionsMixin, PrivateNamesMixin):
    """`autogen_like.ConversableAgent` for scripts of AutoGen 0.2: with its private names, and methods to override.

    The arguments are those of the base class, and AG2's ``functions``, ``context_variables`` and
    ``update_agent_state_before_reply``. ``send`` and ``receive``
    may be overridden, people are asked and chats printed by the default `IOStream`, and `runtime_logging` is told.

    Example:
        >>> agent = ConversableAgent("echo", human_input_mode="NEVER", default_auto_reply="...")
        >>> agent.generate_reply([{"role": "user", "content": "Hello?"}])
        '...'
    """

    DEFAULT_SUMMARY_PROMPT = SUMMARY_PROMPT

    def __init__(
        self,
        name: str,
        system_message: str | list[Any] | None = _DEFAULT_PROMPT,
        is_termination_msg: Callable[[Mapping[str, Any]], Any] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: str = "TERMINATE",
        function_map: Mapping[str, Callable[..., Any]] | None = None,
        code_execution_config: Mapping[str, Any] | bool | None = False,
        llm_config: Any = None,
        default_auto_reply: Any = "",
        description: str | None = None,
        chat_messages: Mapping[Any, Sequence[Mapping[str, Any]]] | None = None,
        silent: bool | None = None,
        update_agent_state_before_reply: Sequence[Update] | Update | None = None,
        functions: Sequence[Callable[..., Any]] | Callable[..., Any] | None = None,
        context_variables: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if llm_config is None:
            from ..llm_config import LLMConfig

            llm_config = LLMConfig.current()
        self._executed: dict[str, Callable[..., Any]] = {}
        self._function_style: set[str] = set()
        self._wrapper: OpenAIWrapper | None = None
        self._updates = checked(update_agent_state_before_reply)
        self.context_variables = context_variables if context_variables is not None else {}
        super().__init__(
            name, system_message, is_termination_msg, max_consecutive_auto_reply, human_input_mode, function_map,
            when_needed(code_execution_config), llm_config, default_auto_reply, description, chat_messages, silent,
            **kwargs,
        )  # fmt: skip
        self.reply_at_receive = defaultdict(bool, self.reply_at_receive)
        self._init_code(code_execution_config)
        self.client_cache: Any = None
        if isinstance(self.llm_config, Mapping):
            self._function_style.update(spec["name"] for spec in self.llm_config.get("functions") or ())
        self._add_functions(functions)
        if runtime_logging.logging_enabled():
            self._as_wrapper()  # which is logged, too
            given = (llm_config, code_execution_config, system_message, human_input_mode, max_consecutive_auto_reply)
            runtime_logging.log_new_agent(self, {"name": name, **dict(zip(_GIVEN, given, strict=True))})

    # --- its model

    @property
    def llm_config(self) -> Any:
        """Its configuration; another may be set."""
        return self._llm_config

    @llm_config.setter
    def llm_config(self, config: Any) -> None:
        if isinstance(config, Mapping) and not isinstance(config, Checked | Settings):
            config = Settings(config)
        self._llm_config = config
        self._client = None
        self._wrapper = None

    @property
    def model_client(self) -> ModelClient | None:
        """The model behind it."""
        client = super().model_client
        if client is None:
            return None
        if type(self)._generate_oai_reply_from_client is not _ask:  # noqa: SLF001 - its own class's
            from .._wrapped import MethodClient

            return MethodClient(client, self)
        if not runtime_logging.logging_enabled():
            return client
        from .._logged import LoggedClient

        return LoggedClient(client, self)

    @property
    def client(self) -> Any:
        """Its models as an `OpenAIWrapper`; None where it has none."""
        return self._as_wrapper()

    @client.setter
    def client(self, wrapper: Any) -> None:
        from .._wrapped import WrappedClient

        self._wrapper = wrapper
        self._client = WrappedClient(wrapper) if wrapper is not None else None

    def _as_wrapper(self) -> OpenAIWrapper | None:
        if self._wrapper is None and isinstance(self.llm_config, Mapping):
            settings = {key: value for key, value in self.llm_config.items() if key not in ("tools", "functions")}
            self._wrapper = OpenAIWrapper(**settings)
            self._wrapper.usage = self.usage
        return self._wrapper

    def _generate_oai_reply_from_client(self, llm_client: Any, messages: Sequence[Any], cache: Any) -> Any:
        """What a model says: its text, a chat dict, or None; for subclasses to override.

        Args:
            llm_client: The agent's `client`.
            messages: What it is asked, the system message first.
            cache: The agent's `client_cache`.
        """
        config = self.llm_config if isinstance(self.llm_config, Mapping) else {}
        offered = {key: config[key] for key in ("tools", "functions") if config.get(key)}
        answer = llm_client.create(messages=messages, cache=cache, agent=self, **offered)
        said = llm_client.extract_text_or_completion_object(answer)[0]
        return said if said is None or isinstance(said, str | Mapping) else said.model_dump(exclude_none=True)

    def register_model_client(self, model_client_cls: type, **kwargs: Any) -> None:
        """Puts a model client of your own behind the config entries that name it."""
        super().register_model_client(model_client_cls, **kwargs)
        if self._wrapper is not None:
            self._wrapper.register_model_client(model_client_cls, **kwargs)

    # --- chats

    async def a_initiate_chat(self, *args: Any, **kwargs: Any) -> ChatResult:
        """Has a chat; see `autogen_like.ConversableAgent.a_initiate_chat`.

        Errors are of 0.2's types, too: wrong arguments are `AssertionError`, and what ends the chat is what was raised.
        """
        with cause_shown(), raised_as(AssertionError):
            return await super().a_initiate_chat(*args, **kwargs)

    def _carrying(self, message: Any, context: Mapping[str, Any]) -> Any:
        parts = message.get("content") if isinstance(message, Mapping) else None
        addition = carried(context)
        if not addition or not isinstance(parts, list):
            return super()._carrying(message, context)
        return {**message, "content": [{"type": "text", "text": addition}, *parts]}  # 0.2's way: before the parts

    def _handle_carryover(self, message: Any, kwargs: Mapping[str, Any]) -> Any:
        return self._carrying(message, kwargs)

    def _process_carryover(self, content: str, kwargs: Mapping[str, Any]) -> str:
        return content + carried(kwargs)

    # --- people and printing

    def get_human_input(self, prompt: str) -> str:
        """Asks the person by the default `IOStream`; override it to ask elsewhere."""
        return IOStream.get_default().input(prompt)

    def _print(self, run: Run[Any], recipient: Any, silent: bool | None) -> None:
        stream = IOStream.get_default()
        if isinstance(stream, IOConsole):
            super()._print(run, recipient, silent)
        elif not (silent or self.silent or run.parent is not None):
            members = getattr(getattr(recipient, "groupchat", None), "agents", ())
            pieces = any(_streams(one) for one in (self, recipient, *members))
            printer = ConsolePrinter(StreamFile(stream), color=False, stream=pieces)  # type: ignore[arg-type]
            run.subscribe(printer, deltas=pieces)

    # --- replying

    async def _edit_sent(self, message: Message, recipient: Any, silent: bool) -> Message:
        said = await super()._edit_sent(message, recipient, silent)
        take: Callable[[Message, Any], Message] | None = getattr(recipient, "take_command", None)
        return said if take is None else take(said, self)

    async def _first_reply(self, turn: Turn, excluded: tuple[object, ...] = ()) -> Reply:
        for update in self._updates:
            await call(update, self, turn.messages)
        return await super()._first_reply(turn, excluded)

    async def reply(self, turn: Turn) -> Reply:
        """Answers, and tells the runtime log."""
        if not runtime_logging.logging_enabled():
            return await super().reply(turn)
        from .. import _logged

        asked = turn.last
        _logged.log_received(self, turn.sender, asked)
        said = await super().reply(turn)
        _logged.log_functions(self, asked, said)
        _logged.log_replied(self, said, turn.backend)
        return said

    def process_all_messages_before_reply(self, messages: Sequence[Any]) -> list[Any]:
        """What the hooks for all messages make of them."""
        return run_sync(self.a_process_all_messages_before_reply(messages))

    def process_last_received_message(self, messages: Sequence[Any]) -> list[Any]:
        """What the hooks for the last message make of it."""
        return run_sync(self.a_process_last_received_message(messages))


def _streams(agent: Any) -> bool:
    config = getattr(agent, "llm_config", None)
    return isinstance(config, Mapping) and bool(config.get("stream"))


_ask = ConversableAgent._generate_oai_reply_from_client  # noqa: SLF001 - to tell overrides from it

__all__ = ["AsyncInSyncChat", "ConversableAgent", "register_function"]
