"""ConversableAgent: a name, a description and an ordered chain of backends."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..coding.executor import CodeExecutor
from ..core.errors import ConfigError
from ..core.journal import JournalStore
from ..core.limits import Limits
from ..core.message import content_text
from ..core.protocols import Tool
from ..core.run import Ask
from ..core.sync import in_place
from ..core.sync import run as run_sync
from ..core.termination import StopCondition
from ..core.usage import UsageLedger
from ..models.client import ModelClient
from ..models.config import Settings, check_config, client_from
from ..models.custom import activate
from ..tools.approval import ApprovalRule
from ..tools.toolbox import ToolSource
from .as_tool import as_tool
from .chain import ChainMixin
from .chat_result import ChatResult
from .chats import refuse_async
from .queue import a_chain, a_initiate_chats, check_queue, in_one_run
from .toolkit import ToolkitMixin
from .usage import UsageMixin

if TYPE_CHECKING:
    from ..tools.tool import FunctionTool
    from .context import Context, ContextPolicy

HUMAN_INPUT_MODES = ("ALWAYS", "TERMINATE", "NEVER")
_NAME = re.compile(r"\S.*\S|\S", re.DOTALL)


def _is_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def ends_with_terminate(message: Mapping[str, Any]) -> bool:
    """AutoGen 0.2's way to end a chat: the message ends with the word TERMINATE.

    Example:
        >>> ends_with_terminate({"content": "All done. TERMINATE."})
        True
    """
    return content_text(message.get("content")).rstrip(" \t\r\n.!*`\"'").endswith("TERMINATE")


class ConversableAgent(UsageMixin, ToolkitMixin, ChainMixin):
    """An agent that converses: with a person, tools, code and a model behind it, asked in this order.

    Args:
        name: Unique within a conversation.
        system_message: What its model is told about itself.
        is_termination_msg: Whether a message it is sent ends the chat; by default, whether it ends with "TERMINATE".
        max_consecutive_auto_reply: How often it may answer in a row without a person; 100 by default.
        human_input_mode: "ALWAYS" asks a person before each reply, "TERMINATE" when the chat would end, "NEVER" never.
        function_map: Functions that it runs when they are called, by name.
        code_execution_config: False or None to run no code; a dict to run it: ``{}`` in Docker, which must be there,
            ``{"executor": "local"}``, ``{"executor": ...}``.
        llm_config: Its model: a dict, an `LLMConfig` or a `ModelClient`; False or None for no model.
        default_auto_reply: What it says when no backend has anything to say.
        description: What it is good for, for a group's speaker selection; the system message by default.
        chat_messages: What was said before: ``{other agent: messages}``.
        silent: Whether none of its chats is printed.
        tools: Functions or `Tool` objects that its model may call and that it runs itself.
        context: What its model sees of a long conversation: a policy such as ``LastMessages(20)``, or several in order;
            everything by default.
        tool_approval: Which calls of the tools that it runs need a person's yes, beside those whose tool says so
            itself: True for all, or a rule such as `NeedsApproval`.

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
        context: ContextPolicy | Sequence[ContextPolicy] | None = None,
        tool_approval: ApprovalRule | None = None,
    ) -> None:
        if not _is_name(name):
            raise ConfigError(f"an agent needs a name that is a string with no space at its ends, not {name!r}")
        if human_input_mode not in HUMAN_INPUT_MODES:
            raise ConfigError(
                f"human_input_mode of {name} must be one of {HUMAN_INPUT_MODES}, not {human_input_mode!r}"
            )
        if max_consecutive_auto_reply is not None and max_consecutive_auto_reply < 0:
            raise ConfigError(
                f"max_consecutive_auto_reply of {name} must be 0 or more, not {max_consecutive_auto_reply}"
            )
        if inspect.iscoroutinefunction(is_termination_msg):
            raise ConfigError(f"is_termination_msg of {name} must be a plain function: it is called at every message")
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
        checked = check_config(self.DEFAULT_CONFIG if llm_config is None else llm_config)
        self.llm_config = Settings(checked) if isinstance(checked, Mapping) else checked
        self.usage = UsageLedger()
        self._client: ModelClient | None = None
        self.context = context
        self._init_history(chat_messages)
        self._init_hooks()
        self._init_tools(tools, function_map)
        self.tool_approval = tool_approval
        if code_execution_config is True:
            raise ConfigError(f"code_execution_config of {name} must name an executor, as {{'executor': 'local'}}")
        config = None if code_execution_config is False else code_execution_config
        self.code_executor: CodeExecutor | None = _executor(config) if config is not None else None
        self._init_chain(self, (config or {}).get("last_n_messages", "auto"))

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
            self._client = client_from(config)
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
        client = self.model_client
        if client is None:
            raise ConfigError(f"{self.name} has no llm_config that could name {model_client_cls.__name__}")
        activate(client, model_client_cls, **kwargs)

    @property
    def context(self) -> Context | None:
        """What its model sees of a long conversation, as policies say; None for everything. May be set to policies."""
        return self._context

    @context.setter
    def context(self, context: Context | ContextPolicy | Sequence[ContextPolicy] | None) -> None:
        if context is None:
            self._context = None
            return
        from .context import Context  # only where there is a policy

        self._context = Context(context.policy if isinstance(context, Context) else context)

    _context: Context | None = None

    def reset(self) -> None:
        """Forgets all conversations, counters, the state of reply functions, and what code that it ran left behind."""
        super().reset()
        if self.code_executor is not None:
            self.code_executor.restart()

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

    # --- several chats

    def initiate_chats(
        self,
        chat_queue: Iterable[Mapping[str, Any]],
        *,
        store: JournalStore | str | None = None,
        resume: str | None = None,
        human: Ask | str | None = None,
    ) -> list[ChatResult]:
        """Has chats one after another, begun by this agent where none names a sender; see `initiate_chats`."""
        checked = check_queue(chat_queue, self)
        refuse_async(*(chat[side] for chat in checked for side in ("sender", "recipient")))
        results = run_sync(in_one_run(lambda: a_chain(checked), store, resume, human))
        self._finished_chats = results
        return results

    async def a_initiate_chats(
        self,
        chat_queue: Iterable[Mapping[str, Any]],
        *,
        store: JournalStore | str | None = None,
        resume: str | None = None,
        human: Ask | str | None = None,
    ) -> dict[Any, ChatResult]:
        """Has chats as a graph, begun by this agent where none names a sender; see `a_initiate_chats`."""
        results = await a_initiate_chats(chat_queue, self, store=store, resume=resume, human=human)
        self._finished_chats = list(results.values())
        return results

    _finished_chats: Sequence[ChatResult] = ()

    def get_chat_results(self, chat_index: int | None = None) -> Sequence[ChatResult] | ChatResult:
        """The results of the last `initiate_chats`, or of one chat in it."""
        return self._finished_chats if chat_index is None else self._finished_chats[chat_index]

    # --- as a tool

    def as_tool(
        self,
        name: str | None = None,
        description: str | None = None,
        *,
        clear_history: bool = True,
        summary_method: str | Callable[..., Any] | None = "last_msg",
        summary_args: Mapping[str, Any] | None = None,
        stop: StopCondition | None = None,
        limits: Limits | None = None,
        max_depth: int = 5,
        **options: Any,
    ) -> FunctionTool:
        """A tool with which another agent asks this one, or a group by its manager, and gets the answer as the result.

        Each call is a conversation of its own, part of the run in which it is made: budgets, usage, events and
        cancellation hold across. The result says so where the conversation didn't come to its own end.

        Args:
            name: What the model calls the tool; the agent's name by default.
            description: What the agent is good for, for the model; its description by default.
            clear_history: Whether the agent forgets each call before the next.
            summary_method: How the answer is made of the conversation; see `run`.
            summary_args: Arguments for it.
            stop: A condition that ends each conversation.
            limits: Budgets for each conversation.
            max_depth: How many agents may be asked inside one another where this one is the last, so that agents that
                have each other, or themselves, as tools come to an end.
            **options: Further arguments of `FunctionTool`: ``approval``, ``timeout``, ``tags``.

        Raises:
            ConfigError: If a setting can't be right.

        Example:
            >>> from autogen_like import ConversableAgent, ScriptedModel
            >>> expert = ConversableAgent("expert", description="Knows.", llm_config=ScriptedModel(["42"]))
            >>> tool = expert.as_tool()
            >>> tool.name, list(tool.schema["function"]["parameters"]["properties"])
            ('expert', ['message'])
        """
        return as_tool(
            self, name, description, clear_history=clear_history, summary_method=summary_method,
            summary_args=summary_args, stop=stop, limits=limits, max_depth=max_depth, **options,
        )  # fmt: skip

    def __repr__(self) -> str:
        chain = ", ".join(backend.name for backend in self.backends)
        return f"{type(self).__name__}({self.name!r}, backends=[{chain}])"


def _executor(config: Mapping[str, Any]) -> CodeExecutor | None:
    from ..coding.factory import create  # only where code is to be run

    return create(config)
