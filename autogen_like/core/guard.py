"""What ends a conversation that goes nowhere."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from .events import Notice
from .message import Message
from .run import Run
from .termination import Progress, StopReason

if TYPE_CHECKING:
    from .conversation import Conversation

EMPTY_REPLIES = 3
SAME_CALLS = 3


class LoopGuard:
    """Ends conversations that go nowhere: three empty replies in a row, or the same call and result three times.

    Two calls that take turns, each with the same result each time, go nowhere either.

    Args:
        conversation: The conversation.
        run: The run that it is part of.

    Attributes:
        announce: Whether listeners are told of text that is said again.
    """

    __slots__ = ("_calls", "_conversation", "_empty", "_exchanges", "_run", "_said", "announce")

    def __init__(self, conversation: Conversation, run: Run[Any]) -> None:
        self._conversation = conversation
        self._run = run
        self.announce = False
        self._empty = 0
        self._exchanges: deque[tuple[object, object]] = deque(maxlen=2 * SAME_CALLS)
        self._calls: tuple[tuple[str, str], ...] = ()
        self._said: dict[str, str] = {}

    def check(self, progress: Progress) -> StopReason | None:
        """Looks at the newest message; the reason to stop, if it gives one."""
        message = progress.last
        assert message is not None  # noqa: S101 - for the type checker
        if message.tool_calls:
            self._empty = 0
            self._calls = tuple((call.name, call.arguments) for call in message.tool_calls)
            return None
        if message.tool_results:
            self._empty = 0
            return self._same_exchange(message)
        if not message.text.strip():
            self._empty += 1
            if self._empty >= EMPTY_REPLIES:
                return StopReason("empty_replies", f"{EMPTY_REPLIES} empty replies in a row", message.speaker)
            return None
        self._empty = 0
        text = message.text
        if self._said.get(message.speaker) == text and self.announce:
            self._run.emit(Notice(self._conversation.id, message.speaker, "said the same text again", "repeated_text"))
        self._said[message.speaker] = text
        return None

    def _same_exchange(self, message: Message) -> StopReason | None:
        said = self._exchanges
        said.append((self._calls, tuple(result.content for result in message.tool_results)))
        recent = list(said)
        for length in (1, 2):
            same = recent[-length:]
            if self._calls and recent[-length * SAME_CALLS :] == same * SAME_CALLS:
                names = ", ".join(name for name, _ in self._calls)
                why = f"{names}: the same call and result {SAME_CALLS} times"
                return StopReason("repeated_call", why, message.speaker)
        return None
