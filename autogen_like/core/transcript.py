"""Transcript: everything that was said in a conversation, once. View: how one participant sees it.

The transcript is append-only. A view renders each message when it arrives and never again; it is a list of references
to the renderings that the messages themselves cache, so ten participants cost ten references, not ten copies.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NoReturn, SupportsIndex, overload
from weakref import ref

from .errors import TranscriptError
from .message import ChatMessage, Message, ToolCall, new_id

_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - one for the process
    _lock = threading.Lock()


# A forked child must not inherit it locked.
os.register_at_fork(after_in_child=_renew_lock)


class View(list[ChatMessage]):
    """The transcript as one participant sees it: a read-only list of chat dicts, extended as messages arrive.

    ``list(view)``, a slice or ``view + [...]`` give ordinary lists; ``copy.deepcopy(view)`` gives ordinary dicts.
    """

    __slots__ = ("_messages", "_seen", "_wire", "start", "viewer")

    def __init__(self, messages: list[Message], viewer: str | None, start: int = 0) -> None:
        super().__init__()
        self.viewer = viewer
        self.start = start
        self._messages = messages  # the transcript's own list; not the transcript, which is freed without a collection
        self._seen = start
        self._wire: list[Mapping[str, Any]] | None = None

    def sync(self) -> View:
        """Takes in what was said since the last look. Costs as much as there is new.

        Returns:
            The view itself.
        """
        messages = self._messages
        if self._seen < len(messages):
            with _lock:  # a tool on another thread may look at the same moment
                self._take_in(messages)
        return self

    def _take_in(self, messages: Sequence[Message]) -> None:
        viewer, wire, end = self.viewer, self._wire, len(messages)
        for index in range(self._seen, end):
            message = messages[index]
            list.append(self, message.render(viewer))
            if wire is not None:
                wire.extend(message.wire(viewer))
        self._seen = end

    @property
    def wire(self) -> Sequence[Mapping[str, Any]]:
        """The view as a chat endpoint takes it: each tool result a message of its own. Live: don't edit or keep it."""
        if self._wire is None:
            with _lock:
                wire: list[Mapping[str, Any]] = []
                for message in self._messages[self.start : self._seen]:
                    wire.extend(message.wire(self.viewer))
                self._wire = wire
        self.sync()
        return self._wire

    def forget(self, keep: int = 0) -> None:
        """Lets this participant see only the last `keep` messages from now on. Others see what they saw.

        A tool result whose call would be forgotten keeps the call too, also one that is still to come. What was
        forgotten before stays forgotten.
        """
        start = max(self.start, _boundary(self._messages, len(self._messages) - keep))
        with _lock:
            self.start = self._seen = start
            self._wire = None
            list.clear(self)
        self.sync()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a view of a transcript is read-only: take list(view), or say something with agent.send(...)")

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def copy(self) -> list[ChatMessage]:
        """An ordinary list of the same (read-only) dicts."""
        return list(self)

    def __copy__(self) -> list[ChatMessage]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[dict[str, Any]]:
        return [message.__deepcopy__(memo) for message in self]

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


class Life:
    """Lives as long as a participant's part in a conversation; who keeps something for that long watches it weakly."""

    __slots__ = ("__weakref__",)


class Transcript(Sequence[Message]):
    """An append-only log of messages.

    Args:
        messages: What was said before.
        id: The transcript's id; a new one by default.

    Example:
        >>> log = Transcript()
        >>> log.append(Message("ada", "Hello"))
        >>> [message["role"] for message in log.view("bob")]
        ['user']
    """

    __slots__ = ("_lives", "_views", "id", "messages")

    def __init__(self, messages: Iterable[Message] = (), *, id: str | None = None) -> None:  # noqa: A002
        self.id = id or new_id()
        self.messages: list[Message] = list(messages)
        self._views: dict[str | None, View] = {}
        self._lives: dict[str, Life] = {}

    def append(self, message: Message) -> None:
        """Adds what was just said."""
        self.messages.append(message)

    def become(self, messages: Iterable[Message], id: str) -> None:  # noqa: A002
        """Holds what was said elsewhere, for a conversation that goes on here; whoever has the transcript sees it.

        Args:
            messages: What was said.
            id: That transcript's id.
        """
        self.id = id
        self.messages[:] = messages
        self._views.clear()
        self._lives.clear()

    @property
    def last(self) -> Message | None:
        """The newest message."""
        return self.messages[-1] if self.messages else None

    def view(self, viewer: str | None) -> View:
        """How `viewer` sees it: one view for each viewer, kept and extended; None is somebody outside."""
        view = self._views.get(viewer)
        if view is None:
            view = self._views[viewer] = View(self.messages, viewer)
        return view.sync()

    def life(self, participant: str) -> ref[Life]:
        """What ends when a participant's part does: with the transcript, or when the participant forgets."""
        life = self._lives.get(participant)
        if life is None:
            life = self._lives[participant] = Life()
        return ref(life)

    def forget(self, participant: str, keep: int = 0) -> None:
        """Lets a participant see only the last `keep` messages from now on; see `View.forget`."""
        self.view(participant).forget(keep)
        self._lives.pop(participant, None)

    def fork(self, at: int | None = None) -> Transcript:
        """A new transcript that shares the past and has its own future; what each viewer forgot stays forgotten.

        Args:
            at: How many messages of the past; all by default.
        """
        other = Transcript(self.messages[:at])
        for viewer, view in self._views.items():
            if view.start:
                other._views[viewer] = View(other.messages, viewer, min(view.start, len(other)))
        return other

    def boundary(self, index: int) -> int:
        """The nearest place at or before `index` where the log can be cut without parting a result from its call.

        The results of calls that are still open count as if they followed the last message.
        """
        return _boundary(self.messages, index)

    def open_calls(self) -> tuple[ToolCall, ...]:
        """Calls that no result has answered, in the last message or right before the results at the end."""
        return _open_calls(self.messages)

    def check(self) -> None:
        """Checks that each result answers a call of the message before it, or before the results before it.

        Raises:
            TranscriptError: If one doesn't; names the message.
        """
        calls: set[str | None] = set()
        for index, message in enumerate(self.messages):
            stray = [result.call_id for result in message.tool_results if result.call_id not in calls]
            if stray:
                raise TranscriptError(f"message {index} by {message.speaker!r} answers calls nobody made: {stray}")
            answered = {result.call_id for result in message.tool_results}
            calls = calls - answered if answered else {call.id for call in message.tool_calls}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.messages, self.id, {who: view.start for who, view in self._views.items() if view.start})

    def __len__(self) -> int:
        return len(self.messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> list[Message]: ...
    def __getitem__(self, index: int | slice | SupportsIndex) -> Message | list[Message]:
        return self.messages[index]

    def __repr__(self) -> str:
        return f"Transcript({len(self.messages)} messages, id={self.id!r})"


def _boundary(messages: Sequence[Message], index: int) -> int:
    index = max(0, min(index, len(messages)))
    if index == len(messages) and _open_calls(messages):
        index -= 1
    while 0 < index < len(messages) and messages[index].tool_results:
        index -= 1
    return index


def _open_calls(messages: Sequence[Message]) -> tuple[ToolCall, ...]:
    answered: set[str | None] = set()
    for message in reversed(messages):
        if not message.tool_results:
            return tuple(call for call in message.tool_calls if call.id not in answered)
        answered.update(result.call_id for result in message.tool_results)
    return ()


def _rebuilt(messages: list[Message], id: str, starts: Mapping[str | None, int]) -> Transcript:  # noqa: A002
    """A pickled or copied transcript; views are lists to everybody else, so they are made anew."""
    transcript = Transcript(messages, id=id)
    transcript._views.update({who: View(transcript.messages, who, start) for who, start in starts.items()})  # noqa: SLF001
    return transcript


def wire_messages(messages: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Chat dicts that a program made or edited, as a chat endpoint takes them: each tool result a message."""
    wires: list[Mapping[str, Any]] = []
    for message in messages:
        responses = message.get("tool_responses")
        if responses:
            wires.extend(responses)
            repeated = "\n\n".join(str(response.get("content", "")) for response in responses)
            content = message.get("content")
            if content is not None and content != repeated:  # a person interrupted the calls and said something
                wires.append({"content": content, "role": "user", "name": message.get("name", "user")})
        elif "context" in message:
            wires.append({key: value for key, value in message.items() if key != "context"})
        else:
            wires.append(message)
    return wires


class Appended(Sequence[Mapping[str, Any]]):
    """A long list of messages with a few more behind it, without copying the long one.

    Args:
        head: The long one; live.
        tail: What comes behind it.
    """

    __slots__ = ("_head", "_tail")

    def __init__(self, head: Sequence[Mapping[str, Any]], tail: Sequence[Mapping[str, Any]]) -> None:
        self._head, self._tail = head, tail

    def __len__(self) -> int:
        return len(self._head) + len(self._tail)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return chain(self._head, self._tail)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | list[Mapping[str, Any]]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        return self._head[at] if at < len(self._head) else self._tail[at - len(self._head)]
