"""Server-sent events: from the bytes of a stream, however they are cut, to what each event says.

The openai package has a decoder of its own; it builds an object for each event and a pydantic model for each chunk,
which costs several times what is done here (``benchmarks/stream_chunk.py``).
"""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json

DONE = b"[DONE]"
_BOM = b"\xef\xbb\xbf"


class EventDecoder:
    """Cuts a stream into its events. Keeps to the standard for lines and fields, and forgives a missing last line end.

    Example:
        >>> decoder = EventDecoder()
        >>> decoder.feed(b'data: {"a"'), decoder.feed(b": 1}"), decoder.finish()
        ([], [], [b'{"a": 1}'])
    """

    __slots__ = ("_after_cr", "_data", "_parts", "_started")

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # a line that has not ended yet
        self._data: list[bytes] = []  # the lines of an event that has not ended yet
        self._after_cr = False
        self._started = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Takes the next bytes, and gives the data of each event that they end."""
        if piece[:6] == b"data: " and piece[-2:] == b"\n\n" and not (self._parts or self._data or b"\r" in piece):
            events = piece[6:-2].split(b"\n\ndata: ")
            if piece.count(b"\n") == 2 * len(events):  # nearly always: whole events of one line each, and nothing else
                self._started, self._after_cr = True, False
                return events
        return self._feed(piece)

    def _feed(self, piece: bytes) -> list[bytes]:
        if self._after_cr or b"\r" in piece:
            piece = self._without_cr(piece)
        if b"\n" not in piece:
            if piece:
                self._parts.append(piece)  # joined once, when the line ends: a long line in small pieces stays cheap
            return []
        if self._parts:
            piece = b"".join((*self._parts, piece))
            self._parts.clear()
        if not self._started:
            self._started = True
            piece = piece.removeprefix(_BOM)
        *lines, rest = piece.split(b"\n")
        if rest:
            self._parts.append(rest)
        events: list[bytes] = []
        data = self._data
        for line in lines:
            if line:
                field, _, value = line.partition(b":")
                if field in (b"data", b"error"):  # some servers tell errors in a field of that name
                    data.append(value.removeprefix(b" "))
            elif data:
                events.append(data[0] if len(data) == 1 else b"\n".join(data))
                data.clear()
        return events

    def finish(self) -> list[bytes]:
        """At the end of the stream: the event that nothing ended, if any."""
        events = self.feed(b"\n\n")
        self._parts.clear()
        return events

    def _without_cr(self, piece: bytes) -> bytes:
        if self._after_cr and piece[:1] == b"\n":
            piece = piece[1:]
            self._after_cr = False
        if piece:
            self._after_cr = piece[-1:] == b"\r"
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def read_json(data: bytes) -> Any:
    """The value that bytes of JSON hold.

    Raises:
        ValueError: If they are no JSON, or no UTF-8.
    """
    try:
        return from_json(data)
    except ValueError:
        return json.loads(data)  # slower, and takes half of a surrogate pair, which an endpoint may send in two chunks
