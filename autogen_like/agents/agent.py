"""What AutoGen 0.2 calls an agent, and how anything that fits it takes part in our conversations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from ..core.conversation import Turn
from ..core.errors import ConfigError
from ..core.message import Message, message_from_dict
from ..core.protocols import Participant, Reply
from ..core.sync import in_place
from ..core.termination import StopReason


@runtime_checkable
class Agent(Protocol):
    """Anything with a name that can be sent messages and be asked for a reply."""

    @property
    def name(self) -> str:
        """Unique within a conversation."""
        ...

    @property
    def description(self) -> str:
        """What the agent is good for; a group's speaker selection reads it."""
        ...

    # Values are open on purpose: scripts pass chat dicts and plain strings.
    def send(self, message: Any, recipient: Any, request_reply: bool | None = None) -> Any:
        """Says something to another agent."""
        ...

    def receive(self, message: Any, sender: Any, request_reply: bool | None = None) -> Any:
        """Is told something by another agent."""
        ...

    def generate_reply(self, messages: Any = None, sender: Any = None, **kwargs: Any) -> Any:
        """Answers without saying it."""
        ...


class ForeignAgent:
    """Lets an object that only has AutoGen 0.2's methods take turns in a conversation.

    Args:
        agent: It needs a ``name`` and one of ``a_generate_reply``, ``generate_reply``, ``a_receive`` and ``receive``.

    Raises:
        ConfigError: If it has none of them.
    """

    def __init__(self, agent: Any) -> None:
        if not isinstance(getattr(agent, "name", None), str):
            raise ConfigError(f"{agent!r} cannot take part in a chat: it needs a 'name' that is a string")
        methods = ("a_generate_reply", "generate_reply", "a_receive", "receive")
        if not any(_method(agent, method) for method in methods):
            raise ConfigError(f"{agent!r} cannot take part in a chat: it has none of the methods {', '.join(methods)}")
        self.agent = agent
        self.name: str = agent.name

    async def reply(self, turn: Turn) -> Reply:
        """Asks the object for a reply; one that can only receive is told the message and says nothing."""
        messages, sender = turn.messages, turn.sender
        for method in ("a_generate_reply", "generate_reply"):
            generate = _method(self.agent, method)
            if generate is not None:
                turn.backend = method
                return as_message(await call(generate, messages=messages, sender=sender), self.name)
        told = _told(messages[-1]) if messages else None
        for method in ("a_receive", "receive"):
            receive = _method(self.agent, method)
            if receive is not None:
                turn.backend = method
                await call(receive, told, sender, request_reply=False)
                break
        return None


def _method(agent: Any, name: str) -> Callable[..., Any] | None:
    """A method of an object; None where it only has it from a protocol, whose methods do nothing."""
    found = getattr(agent, name, None)
    owner = next((kind for kind in type(agent).__mro__ if name in vars(kind)), object)
    only_declared = Protocol in owner.__bases__ and getattr(found, "__func__", None) is vars(owner)[name]
    return found if callable(found) and not only_declared else None


def _told(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message for ``receive``, which is given the sender: its name is left out, but not that of a function."""
    return {key: value for key, value in message.items() if key != "name" or message.get("role") == "function"}


def as_participant(agent: Any) -> Participant:
    """The agent itself, if it can take turns; otherwise an adapter around it."""
    return agent if inspect.iscoroutinefunction(getattr(agent, "reply", None)) else ForeignAgent(agent)


# What a user's function takes and returns is the user's affair.
async def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Calls a user's function: awaited if it is async, otherwise where sync callbacks run (`core.sync.in_place`)."""
    if inspect.iscoroutinefunction(function):
        return await function(*args, **kwargs)
    result = await in_place(function, *args, **kwargs)
    return await result if inspect.isawaitable(result) else result


def as_message(reply: object, speaker: str) -> Reply:
    """What a reply function returned, as a message.

    Raises:
        ConfigError: If it can't be one, or is somebody else's; says what may be returned.
    """
    if reply is None or isinstance(reply, StopReason):
        return reply
    if isinstance(reply, Message):
        if reply.speaker != speaker:
            raise ConfigError(f"a reply of {speaker} must be said by {speaker}, not by {reply.speaker!r}")
        return reply
    if isinstance(reply, str | Mapping):
        return message_from_dict(reply, speaker)
    raise ConfigError(f"a reply must be a string, a message dict, a Message or None, not {type(reply).__name__}")
