"""AutoGen 0.2's private names that scripts use, on top of what there is instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, MutableSequence
from dataclasses import replace
from typing import Any, overload

from ...agents import conversable
from ...agents.backends import Backend, FunctionBackend
from ...agents.backends.function import matches
from ...core.errors import TranscriptError
from ...core.message import message_from_dict
from ...core.transcript import Transcript


class Chats(dict[Any, Any]):
    """What was said in each conversation: ``{other agent: messages}``; an empty list for one that hasn't begun.

    Setting an entry puts other messages in the place of a conversation's.
    """

    def __init__(self, agent: PrivateNamesMixin, known: Mapping[Any, Any]) -> None:
        super().__init__(known)
        self._agent = agent

    def __missing__(self, other: Any) -> list[Any]:
        return []

    def __setitem__(self, other: Any, messages: Any) -> None:
        self._agent.replace_history(other, messages)
        super().__setitem__(other, messages)


class _Counters(MutableMapping[Any, float]):
    """Numbers by agent, read and set where they really are."""

    def __init__(
        self, agent: PrivateNamesMixin, read: Callable[[Any], float], write: Callable[[Any, Any], None]
    ) -> None:
        self._agent, self._read, self._write = agent, read, write

    def __getitem__(self, other: Any) -> float:
        return self._read(other)

    def __setitem__(self, other: Any, value: Any) -> None:
        self._write(other, value)

    def __delitem__(self, other: Any) -> None:
        self._write(other, None)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._agent.chat_messages)

    def __len__(self) -> int:
        return len(self._agent.chat_messages)


class ReplyFunctions(MutableSequence[dict[str, Any]]):
    """The chain of backends as 0.2's list of dicts: ``trigger``, ``reply_func``, ``config``, ..."""

    def __init__(self, agent: PrivateNamesMixin) -> None:
        self._agent = agent

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> MutableSequence[dict[str, Any]]: ...
    def __getitem__(self, index: Any) -> Any:
        backends = self._agent.backends
        if isinstance(index, slice):
            return [self._shown(one) for one in backends[index]]
        return self._shown(backends[index])

    def __setitem__(self, index: Any, entry: Any) -> None:
        if isinstance(index, slice):
            self._agent.backends[index] = [self._backend(one) for one in entry]
        else:
            self._agent.backends[index] = self._backend(entry)

    def __delitem__(self, index: Any) -> None:
        del self._agent.backends[index]

    def __len__(self) -> int:
        return len(self._agent.backends)

    def insert(self, index: int, entry: Mapping[str, Any]) -> None:
        """Adds a reply function."""
        self._agent.backends.insert(index, self._backend(entry))

    def _shown(self, backend: Backend) -> dict[str, Any]:
        if isinstance(backend, FunctionBackend):
            return {
                "trigger": backend.trigger, "reply_func": backend.function, "config": backend.config,
                "init_config": backend.init_config, "reset_config": backend.reset_config,
                "ignore_async_in_sync_chat": backend.ignore_async_in_sync_chat,
            }  # fmt: skip
        function = getattr(type(self._agent), _METHODS.get(backend.name, ""), backend.reply)
        nothing = {"config": None, "init_config": None, "reset_config": None}
        return {"trigger": [object, None], "reply_func": function, **nothing, "ignore_async_in_sync_chat": False}

    def _backend(self, entry: Mapping[str, Any]) -> Backend:
        built_in = {
            getattr(type(self._agent), _METHODS[one.name]): one
            for one in self._agent._built_in  # noqa: SLF001 - of the same agent
            if one.name in _METHODS
        }
        known = built_in.get(entry["reply_func"])
        if known is not None:
            return known
        return FunctionBackend(
            self._agent, entry["reply_func"], entry["trigger"], entry.get("config"), entry.get("reset_config"),
            bool(entry.get("ignore_async_in_sync_chat")),
        )  # fmt: skip


_METHODS = {
    "society": "generate_inner_monologue_reply",
    "termination": "check_termination_and_human_reply",
    "human": "check_termination_and_human_reply",
    "tool": "generate_tool_calls_reply",
    "code": "generate_code_execution_reply",
    "model": "generate_oai_reply",
}


class PrivateNamesMixin(conversable.ConversableAgent):
    """The private names."""

    # --- history

    @property
    def chat_messages(self) -> Chats:
        """What was said in each conversation, as this agent sees it."""
        return Chats(self, super().chat_messages)

    @property
    def _oai_messages(self) -> Chats:
        return self.chat_messages

    @_oai_messages.setter
    def _oai_messages(self, known: Mapping[Any, Any]) -> None:
        self._conversations.clear()
        for other, messages in known.items():
            self.replace_history(other, messages)

    def replace_history(self, other: Any, messages: Any) -> None:
        """Puts other messages in the place of a conversation with an agent."""
        said = [message_from_dict(raw, self._speaker_of(raw, other)) for raw in messages]
        self._conversations[other] = self._new_conversation(other, Transcript(said))

    def _append_oai_message(self, message: Any, role: str, conversation_id: Any, is_sending: bool = True) -> bool:
        raw = {"content": message} if isinstance(message, str) else dict(message)
        shown_as = raw.pop("override_role", None)
        speaker = self.name if role == "assistant" else conversation_id.name
        try:
            said = message_from_dict(raw, speaker)
        except TranscriptError:
            return False
        self._conversation_with(conversation_id).transcript.append(replace(said, role=shown_as or said.role))
        return True

    @staticmethod
    def _message_to_dict(message: Any) -> dict[str, Any]:
        return {"content": message} if isinstance(message, str) else dict(message)

    # --- counting

    @property
    def _consecutive_auto_reply_counter(self) -> _Counters:
        return _Counters(self, self._replies_to, self._set_replies_to)

    def _replies_to(self, other: Any) -> float:
        known = self._conversations.get(other)
        return known.auto_replies.get(self.name, 0) if known is not None else 0

    def _set_replies_to(self, other: Any, value: Any) -> None:
        self._conversation_with(other).auto_replies[self.name] = value or 0

    @property
    def _max_consecutive_auto_reply_dict(self) -> _Counters:
        def write(other: Any, value: Any) -> None:
            self._limits[other] = self._default_limit if value is None else value

        return _Counters(self, self.max_consecutive_auto_reply, write)

    @property
    def _max_consecutive_auto_reply(self) -> float:
        return self._default_limit

    # --- the chain

    @property
    def _reply_func_list(self) -> ReplyFunctions:
        return ReplyFunctions(self)

    @_reply_func_list.setter
    def _reply_func_list(self, entries: Any) -> None:
        ReplyFunctions(self)[:] = list(entries)

    def _match_trigger(self, trigger: Any, sender: Any) -> bool:
        return matches(trigger, sender)

    # --- plain attributes by their old names

    @property
    def _name(self) -> str:
        return self.name

    @_name.setter
    def _name(self, name: str) -> None:
        self.name = name

    @property
    def _description(self) -> str:
        return self.description

    @_description.setter
    def _description(self, description: str) -> None:
        self.description = description

    @property
    def _is_termination_msg(self) -> Callable[[Mapping[str, Any]], Any]:
        return self.is_termination_msg

    @_is_termination_msg.setter
    def _is_termination_msg(self, function: Callable[[Mapping[str, Any]], Any]) -> None:
        self.is_termination_msg = function

    @property
    def _default_auto_reply(self) -> Any:
        return self.default_auto_reply

    @_default_auto_reply.setter
    def _default_auto_reply(self, reply: Any) -> None:
        self.default_auto_reply = reply

    @property
    def _oai_system_message(self) -> list[dict[str, str]]:
        return [{"content": self.system_message, "role": "system"}]

    @_oai_system_message.setter
    def _oai_system_message(self, messages: list[dict[str, str]]) -> None:
        self.system_message = messages[0]["content"]

    @property
    def _function_map(self) -> dict[str, Callable[..., Any]]:
        return self.function_map

    @_function_map.setter
    def _function_map(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self.register_function(dict.fromkeys(self.function_map, None))
        self.register_function(functions)

    @property
    def _code_executor(self) -> Any:
        return self.code_executor

    @_code_executor.setter
    def _code_executor(self, executor: Any) -> None:
        self.code_executor = executor

    @property
    def _human_input(self) -> list[str]:
        active = (chat.active for chat in self._conversations.values() if chat.active is not None)
        return next((run.human_input for run in active), [])
