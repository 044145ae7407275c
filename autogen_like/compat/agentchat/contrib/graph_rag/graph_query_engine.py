"""``autogen.agentchat.contrib.graph_rag.graph_query_engine``: what a graph of knowledge must be able to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from .document import Document


@dataclass
class GraphStoreQueryResult:
    """What a graph knows about a question.

    Args:
        answer: The answer, in words.
        results: What it was found in.
    """

    answer: str | None = None
    results: list[Any] = field(default_factory=list)


@runtime_checkable
class GraphQueryEngine(Protocol):
    """Whatever answers questions from a graph: an object of yours."""

    def init_db(self, input_doc: Sequence[Document] | None = None) -> Any:
        """Makes the graph of documents."""
        ...

    def add_records(self, new_records: Sequence[Any]) -> bool:
        """Adds to the graph."""
        ...

    def query(self, question: str, n_results: int = 1, **kwargs: Any) -> GraphStoreQueryResult:
        """Answers a question."""
        ...


__all__ = ["Document", "GraphQueryEngine", "GraphStoreQueryResult"]
