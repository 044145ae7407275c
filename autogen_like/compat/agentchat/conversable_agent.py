"""``autogen.agentchat.conversable_agent``."""

from __future__ import annotations

import functools
import inspect
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from ...agents.carryover import carried
from ...agents.chat_result import ChatResult
from ...agents.summaries import SUMMARY_PROMPT
from ...agents.toolkit import register_function
from ...core.conversation import Turn
from ...core.errors import AsyncInSyncChat
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
from ._code import CodeMixin
from ._letters import LettersMixin, unnamed
from ._private import PrivateNamesMixin

logger = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., Any])
_DEFAULT_PROMPT = "You are a helpful AI Assistant."
_GIVEN = ("llm_config", "code_execution_config", "system_message", "human_input_mode", "max_consecutive_auto_reply")


class ConversableAgent(LettersMixin, CodeMixin, PrivateNamesMixin):
    """`autogen_like.ConversableAgent` for scripts of AutoGen 0.2: with its private names, and methods to override.

    The arguments are those of the base class. ``send`` and ``receive`` may be overridden, people are asked and chats
    printed by the default `IOStream`, and `runtime_logging` is told.

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
        **kwargs: Any,
    ) -> None:
        if llm_config is None:
            from ..llm_config import LLMConfig

            llm_config = LLMConfig.current()
        self._executed: dict[str, Callable[..., Any]] = {}
        self._function_style: set[str] = set()
        self._wrapper: OpenAIWrapper | None = None
        super().__init__(
            name, system_message, is_termination_msg, max_consecutive_auto_reply, human_input_mode, function_map,
            code_execution_config, llm_config, default_auto_reply, description, chat_messages, silent, **kwargs,
        )  # fmt: skip
        self.reply_at_receive = defaultdict(bool, self.reply_at_receive)
        self._init_code(code_execution_config)
        self.client_cache: Any = None
        if isinstance(self.llm_config, Mapping):
            self._function_style.update(spec["name"] for spec in self.llm_config.get("functions") or ())
        if runtime_logging.logging_enabled():
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
        if client is None or not runtime_logging.logging_enabled():
            return client
        from .._logged import LoggedClient

        return LoggedClient(client, self)

    @property
    def client(self) -> Any:
        """Its models as an `OpenAIWrapper`; None where it has none."""
        if self._wrapper is None and isinstance(self.llm_config, Mapping):
            settings = {key: value for key, value in self.llm_config.items() if key not in ("tools", "functions")}
            self._wrapper = OpenAIWrapper(**settings)
            self._wrapper.usage = self.usage
        return self._wrapper

    @client.setter
    def client(self, wrapper: Any) -> None:
        from .._wrapped import WrappedClient

        self._wrapper = wrapper
        self._client = WrappedClient(wrapper) if wrapper is not None else None

    def register_model_client(self, model_client_cls: type, **kwargs: Any) -> None:
        """Puts a model client of your own behind the config entries that name it."""
        super().register_model_client(model_client_cls, **kwargs)
        if self._wrapper is not None:
            self._wrapper.register_model_client(model_client_cls, **kwargs)

    # --- its tools

    @property
    def function_map(self) -> dict[str, Callable[..., Any]]:
        """The functions that it runs; those of `register_for_execution` with what they wrap as ``_origin``."""
        found = super().function_map
        return {name: self._executed.get(name, function) for name, function in found.items()} if found else found

    def register_function(self, function_map: Mapping[str, Callable[..., Any] | None]) -> None:
        """Adds functions that it runs when they are called; None removes one."""
        super().register_function(function_map)
        for name in function_map:
            self._executed.pop(name, None)

    def register_for_execution(self, name: str | None = None) -> Callable[[F], F]:
        """A decorator: the agent runs the function when it is called."""
        register = super().register_for_execution(name)

        def registered(function: F) -> F:
            found = register(function)
            if name and inspect.isfunction(function):  # the decorators above it take the name over
                vars(function)["_name"] = name
            plain = getattr(function, "function", function)  # a tool's, or the function itself
            called = name or getattr(function, "_name", None) or getattr(function, "name", None) or plain.__name__
            self._executed[str(called)] = self._wrap_function(plain)
            return found

        return registered

    def _wrap_function(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """A function that takes dicts for pydantic models, and gives text."""
        from ..function_utils import load_basemodels_if_needed, serialize_to_str

        loaded: Callable[..., Any] | None = None

        def ready() -> Callable[..., Any]:
            nonlocal loaded
            if loaded is None:  # pydantic's part takes time, and is only needed where somebody calls it
                loaded = load_basemodels_if_needed(func)
            return loaded

        @functools.wraps(func)
        def plain(*args: Any, **kwargs: Any) -> str:
            return serialize_to_str(ready()(*args, **kwargs))

        @functools.wraps(func)
        async def awaited(*args: Any, **kwargs: Any) -> str:
            return serialize_to_str(await ready()(*args, **kwargs))

        wrapped: Any = awaited if inspect.iscoroutinefunction(func) else plain
        wrapped._origin = func  # noqa: SLF001 - the name that scripts look for
        return wrapped  # type: ignore[no-any-return]

    def register_for_llm(
        self, *, name: str | None = None, description: str | None = None, api_style: str = "tool"
    ) -> Callable[[F], F]:
        """A decorator: the agent's model may call the function; listed under "functions" with that `api_style`."""
        register = super().register_for_llm(name=name, description=description, api_style=api_style)

        def registered(function: F) -> F:
            if api_style == "function":
                self._function_style.add(name or getattr(function, "_name", None) or function.__name__)
            with self._model_needed():
                return register(function)

        return registered

    def update_function_signature(self, func_sig: str | Mapping[str, Any], is_remove: bool) -> None:
        """Adds a function that is only described, or removes one by name; listed under "functions"."""
        if not is_remove and not isinstance(func_sig, str):
            self._function_style.add(func_sig["name"])
        super().update_function_signature(func_sig, is_remove)

    def update_tool_signature(self, tool_sig: str | Mapping[str, Any], is_remove: bool) -> None:
        """Adds a tool that is only described, or removes one by name."""
        with self._model_needed():
            super().update_tool_signature(tool_sig, is_remove)

    def _model_needed(self) -> AbstractContextManager[None]:
        """An agent without a model is an `AssertionError`, too, where a tool is described to it."""
        return nullcontext() if self.llm_config else raised_as(AssertionError)

    def _tools_changed(self) -> None:
        super()._tools_changed()
        if self._function_style and isinstance(self.llm_config, dict):
            listed = self.llm_config.pop("tools")
            retired = [one["function"] for one in listed if one["function"]["name"] in self._function_style]
            kept = [one for one in listed if one["function"]["name"] not in self._function_style]
            self.llm_config.update({key: value for key, value in (("functions", retired), ("tools", kept)) if value})

    async def a_generate_tool_calls_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """The results of ``tool_calls``: ``(final, reply)``."""
        return await self._ran("tool_calls", messages, sender)

    def generate_tool_calls_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """The results of ``tool_calls``: ``(final, reply)``."""
        return run_sync(self._ran("tool_calls", messages, sender))

    async def a_generate_function_call_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """The result of a ``function_call``: ``(final, reply)``."""
        return await self._ran("function_call", messages, sender)

    def generate_function_call_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """The result of a ``function_call``: ``(final, reply)``."""
        return run_sync(self._ran("function_call", messages, sender))

    async def _ran(self, kind: str, messages: Any, sender: Any) -> Any:
        heard = self.chat_messages[sender] if messages is None else messages
        if not heard or not heard[-1].get(kind):
            return False, None
        final, reply = await super().a_generate_tool_calls_reply(messages, sender)
        return final, unnamed(reply)

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

    # --- people and printing

    def get_human_input(self, prompt: str) -> str:
        """Asks the person by the default `IOStream`; override it to ask elsewhere."""
        return IOStream.get_default().input(prompt)

    def _print(self, run: Run[Any], recipient: Any, silent: bool | None) -> None:
        stream = IOStream.get_default()
        if isinstance(stream, IOConsole):
            super()._print(run, recipient, silent)
        elif not (silent or self.silent or run.parent is not None):
            run.subscribe(ConsolePrinter(StreamFile(stream), color=False), deltas=False)  # type: ignore[arg-type]

    # --- replying

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


__all__ = ["AsyncInSyncChat", "ConversableAgent", "register_function"]
