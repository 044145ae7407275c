"""Messages: what was said, by whom. Frozen, and rendered at most twice.

A message names its *speaker*, not a role: "assistant" and "user" depend on who is looking. `Message.render` gives the
dict that chat APIs know, once as seen by its speaker and once as seen by everybody else; all views share the two.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NoReturn, TypeAlias

from .errors import TranscriptError

_counter = count(1)
_prefix = os.urandom(5).hex()


def _renew_prefix() -> None:
    global _prefix  # noqa: PLW0603 - one for the process
    _prefix = os.urandom(5).hex()


# A forked child would otherwise hand out its parent's ids again.
os.register_at_fork(after_in_child=_renew_prefix)


def new_id() -> str:
    """A new id, unique across processes; a counter behind a random prefix, since it is made for every message."""
    return f"{_prefix}{next(_counter):06x}"


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text in a message of several parts."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image: an ``https:`` address or a ``data:`` URI.

    Args:
        url: Where the image is, or the image itself as a data URI.
        detail: How closely a model should look: "auto", "low" or "high".
    """

    url: str
    detail: str = "auto"

    @classmethod
    def from_bytes(cls, data: bytes, mime: str, *, detail: str = "auto") -> Image:
        """An image from its bytes.

        Args:
            data: The bytes.
            mime: What they are: "image/png", "image/jpeg", ...
            detail: How closely a model should look.

        Example:
            >>> Image.from_bytes(b"GIF89a", "image/gif").url
            'data:image/gif;base64,R0lGODlh'
        """
        return cls(data_uri(data, mime), detail)


@dataclass(frozen=True, slots=True)
class File:
    """A file, as a ``data:`` URI or an id that the endpoint knows.

    Args:
        name: The file's name.
        data: Its content as a data URI, or None when `file_id` is given.
        file_id: The endpoint's id of an uploaded file.
    """

    name: str
    data: str | None = None
    file_id: str | None = None

    @classmethod
    def from_bytes(cls, name: str, data: bytes, mime: str) -> File:
        """A file from its bytes.

        Args:
            name: The file's name.
            data: The bytes.
            mime: What they are: "application/pdf", "text/csv", ...
        """
        return cls(name, data_uri(data, mime))


def data_uri(data: bytes, mime: str) -> str:
    """Bytes as an address that holds them itself."""
    from base64 import b64encode  # only where there are bytes: the core imports little

    return f"data:{mime};base64,{b64encode(data).decode()}"


Part: TypeAlias = Text | Image | File
Content: TypeAlias = str | tuple[Part, ...] | None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to call a tool.

    Args:
        id: The call's id; None for the retired ``function_call`` form, which has one call and no id.
        name: The tool's name.
        arguments: The arguments as the model wrote them: JSON text, unchecked.
    """

    id: str | None
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to one `ToolCall`.

    Args:
        call_id: The id of the call it answers (None for the retired form).
        name: The tool's name.
        content: What the model reads.
        error: Whether the call failed; the content then says how.
        value: What the tool really returned, for programs; never sent to a model.
        parts: Images and files that came with it; who runs the tool says them in the message that bears the result.
        whole: The whole text, where `content` had to be cut; None where it is all there.
        error_type: What kind of failure it was: an exception's class, "timeout", ...; for who watches, not for models.
    """

    call_id: str | None
    name: str
    content: str
    error: bool = False
    value: Any = field(default=None, compare=False, repr=False)
    parts: tuple[Part, ...] = ()
    whole: str | None = field(default=None, repr=False)
    error_type: str | None = field(default=None, compare=False, repr=False)


class ChatMessage(dict[str, Any]):
    """A message as chat APIs write it. Read-only, since many views share it: ``dict(message)`` gives a copy to edit.

    Attributes:
        encoded: The message as JSON, once a client has encoded it: a long conversation is encoded once, then joined.
    """

    __slots__ = ("encoded",)
    encoded: bytes

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a message in a transcript is read-only: edit a copy, dict(message), and send that")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def copy(self) -> dict[str, Any]:
        """An ordinary dict with the same content."""
        return dict(self)

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        from copy import deepcopy

        return {key: deepcopy(value, memo) for key, value in self.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that was said.

    Args:
        speaker: Name of the participant who said it.
        content: Text, parts (text, images, files), or None when there are only tool calls.
        tool_calls: Tools that the speaker wants called.
        tool_results: Results of calls made before.
        role: A role to show to everybody (``"system"``), instead of the one that depends on who looks.
        extra: Further keys to keep with it (AutoGen 0.2's ``context`` and ``name``).
        id: Unique id.

    Example:
        >>> Message("ada", "Hello").render("ada")["role"]
        'assistant'
        >>> Message("ada", "Hello").render("bob")["role"]
        'user'
    """

    speaker: str
    content: Content = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    role: str | None = None
    extra: Mapping[str, Any] | None = None
    id: str = field(default_factory=new_id)
    _own: ChatMessage | None = field(default=None, init=False, repr=False, compare=False)
    _others: ChatMessage | None = field(default=None, init=False, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # Without its renderings: they would come back as ordinary dicts.
        return type(self), (
            self.speaker, self.content, self.tool_calls, self.tool_results, self.role, self.extra, self.id
        )  # fmt: skip

    @property
    def text(self) -> str:
        """The message's text, its parts joined; images and files are named in angle brackets."""
        return content_text(self.content)

    def render(self, viewer: str | None) -> ChatMessage:
        """The message as a chat dict, as `viewer` sees it.

        Args:
            viewer: Name of the participant who looks; None for somebody outside, who sees only "user" messages.

        Returns:
            A read-only dict with ``content``, ``role``, ``name`` and, where there are any, ``tool_calls``,
            ``function_call`` or ``tool_responses``. The same object for the same side, each time.
        """
        if viewer == self.speaker:
            own = self._own
            if own is None:
                own = ChatMessage(self._rendering("assistant"))
                object.__setattr__(self, "_own", own)
            return own
        others = self._others
        if others is None:
            others = ChatMessage(self._rendering("user"))
            object.__setattr__(self, "_others", others)
        return others

    def _rendering(self, role: str) -> dict[str, Any]:
        content = self.content
        shown = content if content is None or isinstance(content, str) else [part_to_dict(part) for part in content]
        chat: dict[str, Any] = {"content": shown, "role": self.role or role, "name": self.speaker}
        if self.tool_calls:
            chat["role"] = "assistant"  # chat APIs allow calls from nobody else, whoever looks
            if self.tool_calls[0].id is None:
                call = self.tool_calls[0]
                chat["function_call"] = {"name": call.name, "arguments": call.arguments}
            else:
                chat["tool_calls"] = [_call_to_dict(call) for call in self.tool_calls]
        if self.tool_results:
            self._render_results(chat)
        if self.extra:
            chat.update(self.extra)
        return chat

    def _render_results(self, chat: dict[str, Any]) -> None:
        results = self.tool_results
        if results[0].call_id is None:
            chat.update(role="function", name=results[0].name, content=results[0].content)
            return
        chat["role"] = "tool"
        chat["tool_responses"] = [
            {"tool_call_id": result.call_id, "role": "tool", "content": result.content} for result in results
        ]
        if self.content is None:
            chat["content"] = "\n\n".join(result.content for result in results)

    def wire(self, viewer: str | None) -> Sequence[Mapping[str, Any]]:
        """The message as one or more dicts that a chat endpoint takes: one for each tool result, text apart."""
        chat = self.render(viewer)
        if self.tool_results and self.tool_results[0].call_id is not None:
            wires: list[Mapping[str, Any]] = list(chat["tool_responses"])
            if self.content is not None:  # a person interrupted the calls and said something
                spoken: dict[str, Any] = {"content": chat["content"], "role": "user", "name": self.speaker}
                wires.append(ChatMessage(spoken))
            return wires
        if "context" in chat:
            return (ChatMessage({key: value for key, value in chat.items() if key != "context"}),)
        return (chat,)


def _call_to_dict(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def part_to_dict(part: Part) -> dict[str, Any]:
    """A content part as chat APIs write it."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        return {"type": "image_url", "image_url": {"url": part.url, "detail": part.detail}}
    described = {"filename": part.name, "file_data": part.data, "file_id": part.file_id}
    return {"type": "file", "file": {key: value for key, value in described.items() if value is not None}}


def part_from_dict(raw: Any) -> Part:
    """The content part that a chat API's dict stands for.

    Raises:
        TranscriptError: If it is of no known type.
    """
    if isinstance(raw, Text | Image | File):
        return raw
    if isinstance(raw, str):
        return Text(raw)
    kind = raw.get("type") if isinstance(raw, Mapping) else None
    if kind == "text":
        return Text(raw["text"])
    if kind == "image_url":
        image = raw["image_url"]
        return Image(image) if isinstance(image, str) else Image(image["url"], image.get("detail", "auto"))
    if kind == "file":
        spec = raw["file"]
        return File(spec.get("filename", "file"), spec.get("file_data"), spec.get("file_id"))
    raise TranscriptError(f"a content part must be of type text, image_url or file, not {raw!r}")


def content_text(content: Content | Sequence[Any]) -> str:
    """The text of a message's content; what is not text is named in angle brackets.

    Example:
        >>> content_text((Text("Look: "), Image("https://example.org/a.png")))
        'Look: <image>'
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    shown = []
    for raw in content:
        part = part_from_dict(raw)
        shown.append(
            part.text if isinstance(part, Text) else "<image>" if isinstance(part, Image) else f"<{part.name}>"
        )
    return "".join(shown)


_KEPT = ("context", "name")


def message_from_dict(raw: Mapping[str, Any] | str, speaker: str) -> Message:
    """The message that a chat dict (or a plain string) stands for.

    Args:
        raw: AutoGen 0.2's or OpenAI's form: ``content`` and, as may be, ``tool_calls``, ``function_call``,
            ``tool_responses``, ``role``, ``name``, ``context``.
        speaker: Who says it.

    Raises:
        TranscriptError: If there is neither content nor a call in it, or a part is of no known type.
    """
    if isinstance(raw, str):
        return Message(speaker, raw)
    if not isinstance(raw, Mapping):
        raise TranscriptError(f"a message must be a string or a message dict, not {raw!r}")
    try:
        calls = tuple(_calls_from_dict(raw))
        results = tuple(_results_from_dict(raw))
    except (KeyError, TypeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise TranscriptError(f"a message's tool calls or results are not in OpenAI's form ({why}): {raw!r}") from None
    content = raw.get("content")
    if content is None and not calls and not results:
        raise TranscriptError(f"a message needs 'content', 'function_call' or 'tool_calls'; got keys {sorted(raw)}")
    if calls and results:
        raise TranscriptError("a message makes tool calls or answers them, not both: send two messages")
    role = raw.get("role")
    repeated = not raw.get("tool_responses") or content == "\n\n".join(result.content for result in results)
    if results and (repeated or results[0].call_id is None):
        content = None  # it only says what they say
    if content is not None and not isinstance(content, str):
        if not isinstance(content, list | tuple):
            raise TranscriptError(f"a message's content must be a string, None or a list of parts, not {content!r}")
        content = tuple(part_from_dict(part) for part in content)
    extra = {key: raw[key] for key in _KEPT if raw.get(key) is not None and raw[key] != speaker} or None
    if results and extra:
        extra.pop("name", None)
    return Message(speaker, content, calls, results, "system" if role == "system" else None, extra or None)


def _calls_from_dict(raw: Mapping[str, Any]) -> Iterable[ToolCall]:
    for call in raw.get("tool_calls") or ():
        function = call["function"]
        yield ToolCall(call.get("id") or new_id(), function["name"], function.get("arguments") or "{}")
    retired = raw.get("function_call")
    if retired:
        yield ToolCall(None, retired["name"], retired.get("arguments") or "{}")


def _results_from_dict(raw: Mapping[str, Any]) -> Iterable[ToolResult]:
    responses = raw.get("tool_responses")
    if responses:
        for response in responses:
            yield ToolResult(response.get("tool_call_id"), response.get("name", ""), _said(response.get("content")))
    elif raw.get("role") == "tool":
        yield ToolResult(raw.get("tool_call_id"), raw.get("name", ""), _said(raw.get("content")))
    elif raw.get("role") == "function":
        yield ToolResult(None, raw.get("name", ""), _said(raw.get("content")))


def _said(content: Any) -> str:
    """What a result says: text, parts of text, or whatever a program put there."""
    return content_text(content) if content is None or isinstance(content, str | list | tuple) else str(content)
