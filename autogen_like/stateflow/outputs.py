"""What is done in a state: outputs, run in order, each of which may say something."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ..agents.agent import call as call_function
from ..core.conversation import Conversation, Turn
from ..core.errors import ConfigError
from ..core.message import Content, Message
from ..core.protocols import Reply
from ..core.run import Run
from ..models.client import ModelClient
from ..tools.results import result_text
from .context import Context
from .position import Outcome
from .views import filled

if TYPE_CHECKING:
    from .machine import StateFlow

# How a chat ends that came to its own end.
FINISHED = ("answered", "termination_message", "condition")
NOTHING = "[no output]"


@dataclass(frozen=True, slots=True)
class Moment:
    """Where an output is produced.

    Args:
        context: Where the flow is.
        conversation: The flow's conversation.
        run: The run.
        turn: The turn in which it is produced; None for what says nothing.
        speaker: Who speaks.
    """

    context: Context
    conversation: Conversation
    run: Run[Any]
    turn: Turn | None
    speaker: str

    def says(self, content: Content, outcome: Outcome) -> Message:
        """A message of the speaker, with what came of the output."""
        self.context.position.last = outcome
        return Message(self.speaker, content or NOTHING)


class Output(Protocol):
    """Something that is done in a state."""

    @property
    def kind(self) -> str:
        """What it is: "ask", "run", ..."""
        ...

    @property
    def speaker(self) -> str:
        """Who speaks; "" for the flow itself."""
        ...

    @property
    def agent(self) -> Any:
        """The agent that speaks; None where it isn't one."""
        ...

    @property
    def client(self) -> ModelClient | None:
        """The model of its own that it asks."""
        ...

    async def produce(self, at: Moment) -> Reply:
        """Does it: a message to be said, a reason to end the run, or None where there is nothing to say."""
        ...

    def done(self, at: Moment) -> bool:
        """Whether it is done, after it has said something."""
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """An output that says one thing, under the flow's own name, without a model; others override what differs."""

    @property
    def speaker(self) -> str:
        return ""

    @property
    def agent(self) -> Any:
        return None

    @property
    def client(self) -> ModelClient | None:
        return None

    def done(self, at: Moment) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Instruct(Plain):
    """Adds a text to the history, for all that comes; see `instruct`."""

    prompt: str
    kind: str = field(default="instruct", init=False)

    async def produce(self, at: Moment) -> Reply:
        at.context.position.last = Outcome(self.kind)
        return Message(at.speaker, filled(self.prompt, at.context) or NOTHING, role="user")


@dataclass(frozen=True, slots=True)
class Call(Plain):
    """Calls a function of the context; see `call`."""

    function: Callable[[Context], Any]
    kind: str = field(default="call", init=False)

    @property
    def name(self) -> str:
        """The function's name."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    async def produce(self, at: Moment) -> Reply:
        value = await call_function(self.function, at.context)
        outcome = Outcome(self.kind, name=self.name, value=value)
        at.context.position.last = outcome
        if value is None:
            return None
        if isinstance(value, Message):
            return Message(at.speaker, value.content, role=value.role)
        return Message(at.speaker, result_text(value) or NOTHING, role="user")


@dataclass(frozen=True, slots=True)
class Chat(Plain):
    """Has a chat with an agent, or with a group by its manager, apart from the flow's own history; see `chat`."""

    who: Any
    message: str | Callable[[Context], Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    kind: str = field(default="chat", init=False)

    @property
    def agent(self) -> Any:
        return self.who

    @property
    def speaker(self) -> str:
        return str(self.who.name)

    async def produce(self, at: Moment) -> Reply:
        message = await _message(self.message, at.context)
        result = await self.who.run(message=message, **self.options)
        ok = result.stop_reason.kind in FINISHED
        return at.says(result_text(result.summary), Outcome(self.kind, ok, self.speaker, result))


@dataclass(frozen=True, slots=True)
class Nested(Plain):
    """Runs another flow; see `flow`."""

    flow: StateFlow
    task: str | Callable[[Context], Any] | None = None
    kind: str = field(default="flow", init=False)

    @property
    def speaker(self) -> str:
        return self.flow.name

    async def produce(self, at: Moment) -> Reply:
        result = await self.flow.run(await _message(self.task, at.context))
        return at.says(result_text(result.summary), Outcome(self.kind, result.finished, self.speaker, result))


async def _message(message: str | Callable[[Context], Any] | None, context: Context) -> Any:
    if message is None:
        return context.text
    if callable(message):
        return await call_function(message, context)
    return filled(message, context)


def instruct(prompt: str) -> Instruct:
    """Adds a text to the history, where all that comes after sees it; `ask`'s own prompt is seen by that request only.

    Args:
        prompt: The text; may have {task}, {last}, {history}, {state} and {flow}.

    Raises:
        ConfigError: If it is empty.
    """
    if not prompt.strip():
        raise ConfigError("instruct() takes the text to add, not an empty one")
    return Instruct(prompt)


def call(function: Callable[[Context], Any]) -> Call:
    """Calls a function, sync or async, with the `Context`; what it returns is said, and None says nothing.

    It may be called again where a run goes on after its process ended; for what may not, `run` a tool.

    Args:
        function: The function.

    Raises:
        ConfigError: If it is none.
    """
    if not callable(function):
        raise ConfigError(f"call() takes a function of the context, not {function!r}")
    return Call(function)


def chat(agent: Any, message: str | Callable[[Context], Any] | None = None, **options: Any) -> Chat:
    """Has a chat with an agent in a conversation of its own, and says its summary in the agent's name.

    Args:
        agent: The agent, or a group's manager.
        message: What to say to it: a template, or a function of the context; the newest message by default.
        **options: Further arguments of the agent's ``run``: ``limits``, ``summary_method``, ...

    Raises:
        ConfigError: If it is no agent that can be run.
    """
    if not isinstance(getattr(agent, "name", None), str) or not callable(getattr(agent, "run", None)):
        raise ConfigError(f"chat() takes an agent or a group's manager, not {agent!r}")
    return Chat(agent, message, options)


def flow(other: StateFlow, task: str | Callable[[Context], Any] | None = None) -> Nested:
    """Runs another flow inside, in a conversation of its own, and says its answer in its name.

    Args:
        other: The flow.
        task: Its task: a template, or a function of the context; the newest message by default.

    Raises:
        ConfigError: If it is no flow.
    """
    from .machine import StateFlow

    if not isinstance(other, StateFlow):
        raise ConfigError(f"flow() takes a StateFlow, not {other!r}")
    return Nested(other, task)
