"""Finding tools among thousands: by words (BM25), or by meaning where there is an embedder."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

from ..core.errors import ConfigError, MissingExtra
from .catalog import Listed, words_of

if TYPE_CHECKING:
    import numpy as np

_COMMON = frozenset(
    "a an and are as at be by can do for from i in is it me my of on or please that the this to with".split()  # noqa: SIM905
)


class Embedder(Protocol):
    """Makes vectors of texts, near each other where they mean something alike."""

    def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[float]] | Awaitable[Sequence[Sequence[float]]]:
        """One vector for each text, all of one length.

        Args:
            texts: The texts.
        """
        ...


class ToolIndex(Protocol):
    """What finds tools."""

    async def search(self, query: str, most: int) -> list[str]:
        """Names of the tools that fit best, the best first.

        Args:
            query: In words.
            most: How many names.
        """
        ...


class SharedIndex:
    """An index that is made once for all conversations, on whatever event loops these are; who comes early waits.

    Args:
        make: Makes it. Where that fails, who waits tries again.
    """

    def __init__(self, make: Callable[[], Awaitable[ToolIndex]]) -> None:
        self._make = make
        self._made: Future[ToolIndex] | None = None
        self._lock = threading.Lock()

    async def get(self) -> ToolIndex:
        """The index."""
        while True:
            with self._lock:
                made, first = self._made or Future[ToolIndex](), self._made is None
                self._made = made
            if first:
                return await self._begun(made)
            try:
                return await asyncio.shield(asyncio.wrap_future(made))
            except _Failed:
                continue

    async def _begun(self, made: Future[ToolIndex]) -> ToolIndex:
        try:
            index = await self._make()
        except BaseException:  # cancelled too
            self._made = None
            made.set_exception(_Failed())
            raise
        made.set_result(index)
        return index


class _Failed(Exception):
    """Whoever made the index could not."""


def check_words() -> None:
    """Finds out whether tools can be searched by words.

    Raises:
        MissingExtra: If the optional part for searching is not installed.
    """
    if importlib.util.find_spec("bm25s") is None:
        raise MissingExtra("searching among many tools", "ecoact")


def stems(text: str) -> list[str]:
    """The words that a search compares: names taken apart, plurals made singular.

    Example:
        >>> sorted(stems("listCities of the countries"))
        ['citi', 'countri', 'list']
    """
    return sorted(_stem(word) for word in words_of(text) - _COMMON)


def _stem(word: str) -> str:
    for ending, stem in (("ies", "i"), ("es", ""), ("s", ""), ("y", "i"), ("e", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: len(word) - len(ending)] + stem
    return word


def text_for_search(listed: Listed, name: str) -> str:
    """What is searched of a tool: its name, its description and its parameters' names."""
    function = listed.function(name)
    parameters = function.get("parameters", {}).get("properties", {})
    return f"{name} {function.get('description', '')} {' '.join(parameters)}"


class WordIndex:
    """The tools by their words.

    Args:
        listed: The tools.

    Raises:
        MissingExtra: If the optional part for searching is not installed.
    """

    def __init__(self, listed: Listed) -> None:
        check_words()
        import bm25s  # type: ignore[import-untyped]

        self._names = listed.names
        words = [stems(text_for_search(listed, name)) for name in listed.names]
        self._known = {word for some in words for word in some}
        self._index: Any = None  # bm25s has no types
        if self._known:
            self._index = bm25s.BM25()
            self._index.index(words, show_progress=False)

    async def search(self, query: str, most: int) -> list[str]:
        """Names of the tools that fit best, the best first; none that has no word of the query.

        Args:
            query: In words.
            most: How many names.
        """
        words = [word for word in stems(query) if word in self._known]
        if not words:
            return []
        most = min(most, len(self._names))
        found, scores = self._index.retrieve([words], k=most, show_progress=False)
        return [self._names[at] for at, score in zip(found[0], scores[0], strict=True) if score > 0]


class MeaningIndex:
    """The tools by what they mean.

    Args:
        listed: The tools.
        embedder: What makes vectors.
    """

    def __init__(self, listed: Listed, embedder: Embedder) -> None:
        self._names = listed.names
        self._embedder = embedder
        self._vectors: np.ndarray

    @classmethod
    async def of(cls, listed: Listed, embedder: Embedder) -> MeaningIndex:
        """The index, with the vectors of all tools.

        Args:
            listed: The tools.
            embedder: What makes vectors.

        Raises:
            ConfigError: If the embedder doesn't give one vector for each text.
        """
        made = cls(listed, embedder)
        made._vectors = await made._embedded([text_for_search(listed, name) for name in listed.names])
        return made

    async def search(self, query: str, most: int) -> list[str]:
        """Names of the tools that are nearest, the nearest first.

        Args:
            query: In words.
            most: How many names.

        Raises:
            ConfigError: If the embedder doesn't give one vector for each text.
        """
        likeness = self._vectors @ (await self._embedded([query]))[0]
        return [self._names[at] for at in likeness.argsort()[::-1][:most]]

    async def _embedded(self, texts: Sequence[str]) -> np.ndarray:
        try:
            import numpy as np
        except ImportError:
            raise MissingExtra("searching among many tools", "ecoact") from None
        given = self._embedder(texts)
        vectors = np.asarray(await given if inspect.isawaitable(given) else given, dtype=float)
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise ConfigError(f"the embedder must give one vector for each of {len(texts)} texts, all of one length")
        lengths: np.ndarray = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        scaled: np.ndarray = vectors / lengths
        return scaled
