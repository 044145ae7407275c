"""What running code prints: decoded as it comes, and limited."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable


class Output:
    r"""Collects what is printed, from its bytes; the beginning and the end of it are kept, however much there is.

    The beginning is told to a listener as it comes; what lies between is counted and dropped, and the end is told when
    it is known to be the end. So the pieces that a listener hears are, joined, the whole `text`.

    Args:
        limit: Characters that are kept.
        listener: Told each piece. What it raises is raised by `finish`, so that it can't break the reading.

    Example:
        >>> output = Output(10)
        >>> output.feed(b"0123456789abcdefghij")
        >>> output.finish()
        '01234\n[... 10 characters of output were dropped ...]\nfghij'
    """

    def __init__(self, limit: int, listener: Callable[[str], None] | None = None) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._listener = listener
        self._failure: Exception | None = None
        self._told: list[str] = []
        self._room = limit - limit // 2  # what the beginning may still take
        self._tail: deque[str] = deque()
        self._tail_limit = limit // 2
        self._tail_size = 0
        self._dropped = 0

    def feed(self, data: bytes) -> None:
        """Takes the next bytes; a character that is cut in two waits for its other half.

        Args:
            data: What was read, in pieces of any size.
        """
        self._take(self._decoder.decode(data))

    def say(self, text: str) -> None:
        """Adds words of ours.

        Args:
            text: What to add.
        """
        self._take(self._decoder.decode(b"", final=True) + text)

    def finish(self) -> str:
        """Ends it.

        Returns:
            All that was kept.
        """
        self._take(self._decoder.decode(b"", final=True))
        tail = "".join(self._tail)
        self._dropped += max(len(tail) - self._tail_limit, 0)
        if self._dropped:
            self._tell(f"\n[... {self._dropped} characters of output were dropped ...]\n")
        self._tell(tail[max(len(tail) - self._tail_limit, 0) :])
        self._tail.clear()
        if self._failure is not None:
            raise self._failure
        return "".join(self._told)

    def _take(self, text: str) -> None:
        beginning, rest = text[: self._room], text[self._room :]
        self._room -= len(beginning)
        self._tell(beginning)
        if not rest:
            return
        self._tail.append(rest)
        self._tail_size += len(rest)
        while self._tail and self._tail_size - len(self._tail[0]) >= self._tail_limit:
            first = self._tail.popleft()
            self._tail_size -= len(first)
            self._dropped += len(first)

    def _tell(self, text: str) -> None:
        if not text:
            return
        self._told.append(text)
        if self._listener is None or self._failure is not None:
            return
        try:
            self._listener(text)
        except Exception as error:  # noqa: BLE001 - raised by finish
            self._failure = error
