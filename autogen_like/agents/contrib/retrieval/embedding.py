"""Vectors of texts: the protocol, and a default that needs no model, no download and no network."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Awaitable, Sequence
from math import log, sqrt
from typing import Protocol
from zlib import crc32

from ....core.errors import ConfigError
from ....core.limits import is_count
from ....core.sync import run as run_sync

_WORD = re.compile(r"[^\W_]+")
_COMMON_WORDS = """
a about an and are as at be but by can did do does for from had has have he how i if in into is it its me my no not of
on or our out she so than that the their them then there they this to up was we were what when where which who why will
with you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())


class Embedder(Protocol):
    """Makes vectors of texts, near each other where the texts mean something alike. May be async."""

    def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[float]] | Awaitable[Sequence[Sequence[float]]]:
        """One vector for each text, all of one length.

        Args:
            texts: The texts.
        """
        ...


class HashedWords:
    """Vectors of the words in a text: each word adds to a place that its hash says, less for each time it is repeated.

    Texts are near each other where they have words in common (small words left out, endings cut). It knows nothing of
    what words mean: "car" and "automobile" are strangers. For that give an embedder that asks a model.

    Args:
        dimension: How long the vectors are; at 1,024 two words seldom share a place.

    Example:
        >>> cats, cat, dog = HashedWords()(["Cats sleep.", "A sleeping cat", "My dog"])
        >>> near, far = (sum(a * b for a, b in zip(cats, other)) for other in (cat, dog))
        >>> near > 0.9, abs(far) < 0.1
        (True, True)
    """

    def __init__(self, dimension: int = 1024) -> None:
        if not is_count(dimension) or dimension < 8:
            raise ConfigError(f"dimension must be at least 8, not {dimension!r}")
        self.dimension = dimension

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors, each of length 1."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        words = Counter(_stem(word) for word in _WORD.findall(text.lower()) if word not in _COMMON)
        vector = [0.0] * self.dimension
        for word, count in words.items():
            place = crc32(word.encode())
            sign = 1.0 if place & 0x8000_0000 else -1.0
            vector[place % self.dimension] += sign * (1.0 + log(count))
        length = sqrt(sum(value * value for value in vector))
        if not length:  # no words: a direction all the same, since databases can't tell how far nothing is
            vector[0] = length = 1.0
        return [value / length for value in vector]


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "ed", "es", "s", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: len(word) - len(ending)]
    return word


def embedded(embedder: Embedder, texts: Sequence[str], dimension: int | None = None) -> list[list[float]]:
    """The vectors of texts, checked.

    Args:
        embedder: What makes them.
        texts: The texts.
        dimension: How long they must be; as long as they are by default.

    Raises:
        ConfigError: If there isn't one for each text, all of one length.
    """
    if not texts:
        return []
    given = embedder(texts)
    if inspect.isawaitable(given):
        given = run_sync(_awaited(given))
    vectors = [[float(value) for value in vector] for vector in given]
    lengths = {len(vector) for vector in vectors}
    if len(vectors) != len(texts) or len(lengths) != 1 or 0 in lengths:
        raise ConfigError(f"the embedder must give one vector for each of {len(texts)} texts, all of one length")
    check_length(lengths.pop(), dimension)
    return vectors


async def _awaited(given: Awaitable[Sequence[Sequence[float]]]) -> Sequence[Sequence[float]]:
    return await given


def check_length(length: int, dimension: int | None) -> None:
    """Checks that vectors go with those that a collection has.

    Raises:
        ConfigError: If they are of another length.
    """
    if dimension is not None and length != dimension:
        raise ConfigError(
            f"the collection has vectors of {dimension} numbers and the embedder makes {length}: use the embedder that "
            "it was made with, or make it anew with overwrite=True"
        )
