"""A user's own reply function, with AutoGen 0.2's arguments."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from ...core.conversation import Turn
from ...core.errors import ConfigError, SenderRequired
from ...core.message import Message
from ...core.protocols import Reply
from ...core.sync import in_place, under_sync_face
from ...core.termination import StopReason
from ..agent import as_message
from ..pair import Asker

# (recipient, messages, sender, config) -> (final, reply); open, since users write them.
ReplyFunction: TypeAlias = Callable[..., Any]
# An agent, its class or name, a predicate of the sender, None, or a list of these.
Trigger: TypeAlias = Any


def check_trigger(trigger: Trigger) -> None:
    """Checks a trigger when it is given, not at the first message.

    Raises:
        ConfigError: If it is of no known kind.
    """
    if isinstance(trigger, list | tuple | set):
        for one in trigger:
            check_trigger(one)
    elif not (trigger is None or isinstance(trigger, str) or callable(trigger) or hasattr(trigger, "name")):
        raise ConfigError(f"a trigger must be an agent, its class or name, a function, None or a list, not {trigger!r}")


def matches(trigger: Trigger, sender: Any) -> bool:
    """Whether a reply function with this trigger answers this sender.

    Raises:
        ConfigError: If the trigger is of no known kind.
        SenderRequired: If it goes by the sender's name, and there is no sender.
    """
    if trigger is None:
        return sender is None or isinstance(sender, Asker)
    if isinstance(trigger, str):
        if sender is None:
            raise SenderRequired(f"the trigger {trigger!r} needs a sender: pass sender= to generate_reply")
        return bool(trigger == sender.name)
    if isinstance(trigger, type):
        return isinstance(sender, trigger)
    if isinstance(trigger, list | tuple | set):
        return any(matches(one, sender) for one in trigger)
    if hasattr(trigger, "name"):
        return trigger is sender
    if callable(trigger):
        answer = trigger(sender)
        if not isinstance(answer, bool):
            raise ConfigError(f"the trigger {trigger!r} must return True or False, not {answer!r}")
        return answer
    raise ConfigError(f"a trigger must be an agent, its class or name, a function, None or a list, not {trigger!r}")


class FunctionBackend:
    """Calls a reply function where its trigger matches the sender.

    Args:
        agent: The agent that answers; the function's `recipient`.
        function: ``(recipient, messages, sender, config) -> (final, reply)``, sync or async.
        trigger: Whom it answers.
        config: Passed on to the function.
        reset_config: ``(config) -> None``, called when the agent is reset; otherwise the config is copied anew.
        ignore_async_in_sync_chat: Whether an async function is left out of synchronous chats.
    """

    def __init__(
        self,
        agent: Any,  # any agent: the function decides what it needs of it
        function: ReplyFunction,
        trigger: Trigger,
        config: Any = None,
        reset_config: Callable[[Any], None] | None = None,
        ignore_async_in_sync_chat: bool = False,
    ) -> None:
        self._agent = agent
        self.function = function
        self.trigger = trigger
        self.init_config = config
        self.config = copy.copy(config)
        self.reset_config = reset_config
        self.ignore_async_in_sync_chat = ignore_async_in_sync_chat
        self._by_type: dict[type, bool] = {}
        self._types_only = _types_only(trigger)

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    @property
    def is_async(self) -> bool:
        """Whether the function is async."""
        return inspect.iscoroutinefunction(self.function)

    def reset(self) -> None:
        """Puts the config back to what it was."""
        if self.reset_config is not None:
            self.reset_config(self.config)
        else:
            self.config = copy.copy(self.init_config)

    def applies(self, sender: Any) -> bool:
        """Whether the trigger matches; remembered by the sender's type where that is all it looks at."""
        if not self._types_only:
            return matches(self.trigger, sender)
        kind = type(sender)
        if kind not in self._by_type:
            self._by_type[kind] = matches(self.trigger, sender)
        return self._by_type[kind]

    async def reply(self, turn: Turn) -> Reply:
        """What the function says, if it is final."""
        if not self.applies(turn.sender):
            return None
        if self.is_async:
            if self.ignore_async_in_sync_chat and under_sync_face():
                return None
            answer = await self.function(self._agent, messages=turn.messages, sender=turn.sender, config=self.config)
        else:
            answer = await in_place(
                self.function, self._agent, messages=turn.messages, sender=turn.sender, config=self.config
            )
            if inspect.isawaitable(answer):
                answer = await answer
        return self._final(answer)

    def _final(self, answer: object) -> Reply:
        if isinstance(answer, Message | StopReason) or answer is None:
            return as_message(answer, self._agent.name)
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise ConfigError(
                f"the reply function {self.name!r} must return (final, reply), for instance (True, 'Hello') or "
                f"(False, None); it returned {answer!r}"
            )
        final, reply = answer
        if not final:
            return None
        if reply is None:
            return StopReason("no_reply", f"{self.name} had nothing to say", self._agent.name)
        return as_message(reply, self._agent.name)


def _types_only(trigger: Trigger) -> bool:
    if isinstance(trigger, list | tuple | set):
        return all(_types_only(one) for one in trigger)
    return trigger is None or isinstance(trigger, type)
