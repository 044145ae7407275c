"""Hooks: functions that edit what an agent sees before it replies, and what it says before it is sent."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..core.conversation import Turn
from ..core.errors import ConfigError
from ..core.message import Message
from .agent import as_message, call

SENT = "process_message_before_send"
HOOKABLE = ("process_last_received_message", "process_all_messages_before_reply", SENT)


class HooksMixin:
    """AutoGen 0.2's hook points. A hook may be sync or async, and works in both kinds of chat.

    Attributes:
        hook_lists: The hooks of each point, in order.
    """

    name: str
    hook_lists: dict[str, list[Callable[..., Any]]]

    def _init_hooks(self) -> None:
        self.hook_lists = {point: [] for point in HOOKABLE}

    def register_hook(self, hookable_method: str, hook: Callable[..., Any]) -> None:
        """Adds a hook.

        A hook may edit what it is given, which is a copy. One for all messages that has an attribute ``read_only``
        which is true gets the messages themselves, and costs no copy of the history.

        Args:
            hookable_method: "process_last_received_message" (content -> content), "process_all_messages_before_reply"
                (messages -> messages) or "process_message_before_send" (sender, message, recipient, silent ->
                message). The names with ``a_`` in front mean the same.
            hook: The function.

        Raises:
            ConfigError: If there is no such point, or the hook is already there.
        """
        point = hookable_method.removeprefix("a_")
        if point not in self.hook_lists:
            raise ConfigError(f"{hookable_method!r} is no hook point; these are: {', '.join(HOOKABLE)}")
        if hook in self.hook_lists[point]:
            raise ConfigError(f"{hook!r} is already a hook of {self.name}'s {point}")
        self.hook_lists[point].append(hook)

    @property
    def _reads_hooked(self) -> bool:
        return bool(self.hook_lists[HOOKABLE[0]] or self.hook_lists[HOOKABLE[1]])

    async def _edit_received(self, turn: Turn) -> None:
        """Shows the hooks a copy of what they may edit, and the turn what they make of it; the transcript stays."""
        if not turn.messages:
            return
        if turn.last is not None and turn.last.tool_calls:
            return  # tools are to be run; nothing is read
        turn.messages = await self._with_last(await self._with_all(turn.messages))

    async def _with_all(self, messages: list[Any]) -> list[Any]:
        given = True  # until a hook has its own copy to edit
        for hook in self.hook_lists["process_all_messages_before_reply"]:
            if given and not getattr(hook, "read_only", False):
                messages, given = list(copy.deepcopy(messages)), False
            edited = await call(hook, messages)
            if not isinstance(edited, list | tuple):
                raise ConfigError(f"the hook {hook!r} must return the list of messages; it returned {edited!r}")
            messages = list(edited)
        return messages

    async def _with_last(self, messages: list[Any]) -> list[Any]:
        hooks = self.hook_lists["process_last_received_message"]
        if not hooks or not messages:
            return messages
        last = messages[-1]
        content = last.get("content")
        # A call or its result isn't something that was said, and neither is a person's "exit".
        if (
            not content
            or "function_call" in last
            or "tool_calls" in last
            or "tool_responses" in last
            or content == "exit"
        ):
            return messages
        content = copy.deepcopy(content)
        for hook in hooks:
            content = await call(hook, content)
            if content is None:
                raise ConfigError(f"the hook {hook!r} must return the content; it returned None")
        return [*messages[:-1], {**last, "content": content}]

    async def a_process_all_messages_before_reply(self, messages: Sequence[Any]) -> list[Any]:
        """What the hooks for all messages make of them."""
        return await self._with_all(list(messages))

    async def a_process_last_received_message(self, messages: Sequence[Any]) -> list[Any]:
        """What the hooks for the last message make of it."""
        return await self._with_last(list(messages))

    async def _edit_sent(self, message: Message, recipient: Any, silent: bool) -> Message:
        hooks = self.hook_lists[SENT]
        if not hooks:
            return message
        edited: Any = self._as_sent(message)
        for hook in hooks:
            edited = await call(hook, sender=self, message=edited, recipient=recipient, silent=silent)
            if not isinstance(edited, str | Mapping | Message):
                raise ConfigError(f"the hook {hook!r} must return the message to send; it returned {edited!r}")
        said = as_message(edited, self.name)
        return _with_details(said, message) if isinstance(said, Message) else message

    def _as_sent(self, message: Message) -> Any:
        """A message as a hook for what is sent gets it."""
        return dict(message.render(self.name))


def _with_details(edited: Message, message: Message) -> Message:
    """An edited message with what a chat dict can't say of the results that were left as they were."""
    known = {(result.call_id, result.content): result for result in message.tool_results}
    results = tuple(known.get((result.call_id, result.content), result) for result in edited.tool_results)
    return replace(edited, tool_results=results) if results else edited
