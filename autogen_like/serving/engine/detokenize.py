"""A reply's text as its tokens arrive: never half a character, never a piece of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from .tokenizer import TextTokenizer


class Detokenizer:
    """Turns tokens into text that can be shown at once.

    Args:
        tokenizer: Whose tokens they are.
        stop: Texts that end the reply; they are not part of it.
        after: Whether text of the same turn precedes, so that a first space counts.

    Attributes:
        stopped: Whether a stop string was found.

    Example:
        >>> class Letters:
        ...     spaces_first = False
        ...     def token_bytes(self, token): return bytes([token])
        >>> text = Detokenizer(Letters(), stop=["END"])
        >>> [text.add(byte) for byte in b"aENbEND"]
        ['a', '', '', 'ENb', '', '', '']
        >>> text.stopped
        True
    """

    def __init__(self, tokenizer: TextTokenizer, stop: Sequence[str] = (), *, after: bool = False) -> None:
        self.stopped = False
        self._tokenizer = tokenizer
        self._stop = tuple(text for text in stop if text)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._first = tokenizer.spaces_first and not after

    def add(self, token: int) -> str:
        """What may be shown now that this token has come."""
        return self._release(self._decoder.decode(self._bytes(token)))

    def finish(self) -> str:
        """What was held back, at the end."""
        text = self._release(self._decoder.decode(b"", final=True))
        held, self._held = self._held, ""
        return text if self.stopped else text + held

    def _bytes(self, token: int) -> bytes:
        found = self._tokenizer.token_bytes(token)
        if self._first and found:
            self._first = False
            return found.removeprefix(b" ")
        return found

    def _release(self, text: str) -> str:
        if self.stopped:
            return ""
        if not self._stop:
            return text
        text = self._held + text
        found = min((place for stop in self._stop if (place := text.find(stop)) >= 0), default=-1)
        if found >= 0:
            self.stopped, self._held = True, ""
            return text[:found]
        keep = max(_beginning_at_end(text, stop) for stop in self._stop)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _beginning_at_end(text: str, stop: str) -> int:
    """Length of the longest end of a text that is the beginning of a stop string."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
