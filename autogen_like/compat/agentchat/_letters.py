"""Subclasses that override ``send`` and ``receive``: each message of a chat goes through their methods.

AutoGen 0.2 had no loop: an agent's `send` called the other's `receive`, so scripts override them to show messages
elsewhere, to log or to change them. Here a conversation is a loop, and what an agent says comes by one place, where a
message becomes a **letter**: the override is called with it, and the method of this class, which the override calls in
the end, takes down what was really said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

from ...agents import conversable
from ...agents.agent import call
from ...core.errors import ConfigError
from ...core.message import Message, content_text, message_from_dict
from ...core.sync import under_sync_face
from .._errors import cause_shown


class _Letter:
    """A message on its way through an override."""

    __slots__ = ("kind", "said", "sender", "taken", "to")

    def __init__(self, kind: str, sender: Any, to: Any, *, taken: bool = False) -> None:
        self.kind, self.sender, self.to = kind, sender, to
        self.taken = taken
        self.said: Any = None

    def is_open(self, kind: str, sender: Any, to: Any) -> bool:
        """Whether it is this message that is on its way."""
        return not self.taken and self.kind == kind and self.sender is sender and self.to is to

    def take(self, kind: str, sender: Any, to: Any, message: Any) -> bool:
        """Takes down what the override passes on; False where this call is about something else."""
        if not self.is_open(kind, sender, to):
            return False
        self.taken, self.said = True, message
        return True


_letter: ContextVar[_Letter | None] = ContextVar("letter", default=None)


@contextmanager
def _open(letter: _Letter) -> Iterator[_Letter]:
    token = _letter.set(letter)
    try:
        yield letter
    finally:
        _letter.reset(token)


def as_chat(message: Message, viewer: str) -> Any:
    """A message as 0.2 passes it on: a string where there is only text, otherwise a dict, which names nobody."""
    plain = not (message.tool_calls or message.tool_results or message.extra or message.role)
    if plain and isinstance(message.content, str):
        return message.content
    return unnamed(dict(message.render(viewer)))


def unnamed(reply: Any) -> Any:
    """A chat dict without its speaker's name; the result of a function keeps the function's."""
    if isinstance(reply, dict) and reply.get("role") != "function":
        reply.pop("name", None)
    return reply


def filled_in(message: Any, recipient: Any) -> Any:
    """A chat dict whose content is a function of its ``context``, or a template that the recipient allows, as text."""
    if not isinstance(message, Mapping) or not message.get("context"):
        return message
    content, context = message.get("content"), message["context"]
    if callable(content):
        return {**message, "content": content(context)}
    config = getattr(recipient, "llm_config", None)
    if isinstance(content, str) and isinstance(config, Mapping) and config.get("allow_format_str_template"):
        return {**message, "content": content.format(**context)}
    return message


class LettersMixin(conversable.ConversableAgent):
    """Sending and receiving that subclasses may override."""

    _overrides_send: ClassVar[bool] = False
    _overrides_receive: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        ours = LettersMixin
        cls._overrides_send = cls.send is not ours.send or cls.a_send is not ours.a_send
        cls._overrides_receive = (
            cls.receive is not ours.receive
            or cls.a_receive is not ours.a_receive
            or cls._process_received_message is not ours._process_received_message  # noqa: SLF001 - our own
        )

    # --- called by scripts, and by overrides in the end

    def send(
        self, message: Any, recipient: Any, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Says something to another agent."""
        letter = _letter.get()
        if letter is None or not letter.take("send", self, recipient, message):
            with _open(_Letter("sent", self, recipient)), cause_shown():
                super().send(filled_in(message, recipient), recipient, request_reply, silent)

    async def a_send(
        self, message: Any, recipient: Any, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Says something to another agent; the async form of `send`."""
        letter = _letter.get()
        if letter is not None and letter.is_open("sent", self, recipient):  # the sync form, on its way
            await super().a_send(message, recipient, request_reply, silent)
        elif letter is None or not letter.take("send", self, recipient, message):
            with _open(_Letter("sent", self, recipient)), cause_shown():
                await super().a_send(filled_in(message, recipient), recipient, request_reply, silent)

    def receive(
        self, message: Any, sender: Any, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Is told something by another agent."""
        self._process_received_message(message, sender, bool(silent))
        letter = _letter.get()
        if letter is None or not letter.take("receive", sender, self, message):
            with cause_shown():
                super().receive(filled_in(message, self), sender, request_reply, silent)

    async def a_receive(
        self, message: Any, sender: Any, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Is told something by another agent; the async form of `receive`."""
        letter = _letter.get()
        if letter is None or not letter.take("receive", sender, self, message):
            with cause_shown():
                await super().a_receive(filled_in(message, self), sender, request_reply, silent)
        else:
            self._process_received_message(message, sender, bool(silent))

    def _process_received_message(self, message: Any, sender: Any, silent: bool) -> None:
        """Sees each message that the agent is sent; for subclasses to override."""

    # --- called by the loop

    def _as_sent(self, message: Message) -> Any:
        return as_chat(message, self.name)

    async def _edit_sent(self, message: Message, recipient: Any, silent: bool) -> Message:
        if self._overrides_send and not self._is_sending(recipient):
            message = await self._sent(message, recipient, silent)
        said = await super()._edit_sent(message, recipient, silent)
        hearers = _hearers(self, recipient)
        return said if not hearers else await self._heard(said, recipient, hearers, silent)

    def _is_sending(self, recipient: Any) -> bool:
        """Whether the override is at work already: a script called ``agent.send`` itself."""
        letter = _letter.get()
        return letter is not None and letter.take("sent", self, recipient, None)

    async def _sent(self, message: Message, recipient: Any, silent: bool) -> Message:
        sync = type(self).send is not LettersMixin.send
        method = self.send if sync and (under_sync_face() or type(self).a_send is LettersMixin.a_send) else self.a_send
        with _open(_Letter("send", self, recipient)) as letter:
            await call(method, as_chat(message, self.name), recipient, silent=silent)
        if not letter.taken:
            raise ConfigError(
                f"{type(self).__name__}.{method.__name__} said nothing: it must call super().{method.__name__}(...) "
                "with the message that is to be sent"
            )
        return _changed(message, letter.said, self.name)

    async def _heard(self, message: Message, recipient: Any, hearers: list[Any], silent: bool) -> Message:
        said = message
        for hearer in hearers:
            sender = self if hearer is recipient else recipient
            kind = type(hearer)
            only_sync = kind.a_receive is LettersMixin.a_receive
            method = hearer.receive if under_sync_face() or only_sync else hearer.a_receive
            with _open(_Letter("receive", sender, hearer)) as letter:
                await call(method, as_chat(said, hearer.name), sender, request_reply=False, silent=silent)
            if letter.taken and hearer is recipient:
                said = _changed(said, letter.said, self.name)
        return said


def _hearers(speaker: Any, recipient: Any) -> list[Any]:
    """Those whose class overrides `receive`: the recipient, and the members of its group."""
    group = getattr(recipient, "groupchat", None)
    everybody = [recipient] if group is None else [recipient, *(one for one in group.agents if one is not speaker)]
    return [one for one in everybody if getattr(one, "_overrides_receive", False)]


def _changed(message: Message, said: Any, speaker: str) -> Message:
    """The message itself, unless the override made another of it."""
    if said == as_chat(message, speaker) or (isinstance(said, str) and said == content_text(message.content)):
        return message
    return message_from_dict(said, speaker)


__all__ = ["LettersMixin", "as_chat", "filled_in", "unnamed"]
