"""The protocol of vector databases, in AutoGen 0.2's vocabulary, and where the ones that are here are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NotRequired, Protocol, TypeAlias, TypedDict, runtime_checkable

from ....core.errors import ConfigError
from ....core.limits import is_count


class Document(TypedDict):
    """A text with an id.

    Attributes:
        id: Unique in its collection.
        content: The text.
        metadata: Anything that is JSON.
        embedding: The text's vector; made where it isn't given.
    """

    id: str
    content: str
    metadata: NotRequired[Mapping[str, Any] | None]
    embedding: NotRequired[Sequence[float] | None]


QueryResults: TypeAlias = "list[list[tuple[Document, float]]]"
"""For each query its documents with their cosine distance: 0 for the same direction, 1 for nothing in common."""


@runtime_checkable
class VectorDB(Protocol):
    """Whatever finds texts by vectors. Its methods may block: agents don't call them on the loop."""

    def create_collection(self, collection_name: str, overwrite: bool = False, get_or_create: bool = True) -> Any:
        """Makes a collection, which then is the one that is meant where none is named.

        Args:
            collection_name: Its name.
            overwrite: Whether one that is there is deleted first.
            get_or_create: Whether one that is there will do.
        """
        ...

    def get_collection(self, collection_name: str | None = None) -> Any:
        """A collection; the one made last by default. It is then the one that is meant where none is named."""
        ...

    def delete_collection(self, collection_name: str) -> Any:
        """Deletes a collection with all that is in it."""
        ...

    def insert_docs(self, docs: Sequence[Document], collection_name: str | None = None, upsert: bool = False) -> None:
        """Adds documents.

        Args:
            docs: The documents.
            collection_name: Where to.
            upsert: Whether those whose id is there take their place.
        """
        ...

    def update_docs(self, docs: Sequence[Document], collection_name: str | None = None) -> None:
        """Puts documents in the place of those with their ids, which must be there."""
        ...

    def delete_docs(self, ids: Sequence[str], collection_name: str | None = None) -> None:
        """Deletes documents; ids that aren't there are passed over."""
        ...

    def retrieve_docs(
        self,
        queries: Sequence[str],
        collection_name: str | None = None,
        n_results: int = 10,
        distance_threshold: float = -1,
    ) -> QueryResults:
        """The documents nearest to each query, the nearest first.

        Args:
            queries: Texts.
            collection_name: Where to look.
            n_results: How many for each, at most.
            distance_threshold: The largest distance; any where it is negative.
        """
        ...

    def get_docs_by_ids(self, ids: Sequence[str] | None = None, collection_name: str | None = None) -> list[Document]:
        """Documents by their ids; all of them by default."""
        ...


class VectorDBFactory:
    """Makes vector databases by name."""

    PREDEFINED_VECTOR_DB: ClassVar[tuple[str, ...]] = ("embedded", "pgvector")

    @staticmethod
    def create_vector_db(db_type: str, **kwargs: Any) -> VectorDB:
        """A vector database.

        Args:
            db_type: "embedded" or "pgvector".
            **kwargs: Arguments of `EmbeddedVectorDB` or `PgVectorDB`.

        Raises:
            ConfigError: If there is none of that name, or an argument isn't one.
        """
        try:
            if db_type == "embedded":
                from .embedded import EmbeddedVectorDB

                return EmbeddedVectorDB(**kwargs)
            if db_type == "pgvector":
                from .pgvector import PgVectorDB

                return PgVectorDB(**kwargs)
        except TypeError as error:
            raise ConfigError(f"the arguments of the vector database {db_type!r}: {error}") from error
        names = ", ".join(VectorDBFactory.PREDEFINED_VECTOR_DB)
        raise ConfigError(
            f"there is no vector database {db_type!r} here; there are {names}. Any other is an object with VectorDB's "
            "methods"
        )


def check_search(n_results: int) -> None:
    """Checks how many results are wanted.

    Raises:
        ConfigError: If it can't be.
    """
    if not is_count(n_results):
        raise ConfigError(f"n_results must be at least 1, not {n_results!r}")


def check_docs(docs: Sequence[Document]) -> None:
    """Checks documents before any of them is stored.

    Raises:
        ConfigError: If one has no id or no content, or two have the same id.
    """
    seen: set[str] = set()
    for doc in docs:
        if not isinstance(doc.get("id"), str) or not isinstance(doc.get("content"), str):
            raise ConfigError(f"a document needs an 'id' and a 'content' that are strings, not {doc!r}")
        if doc["id"] in seen:
            raise ConfigError(f"two of the documents have the id {doc['id']!r}")
        seen.add(doc["id"])


def is_text(value: object) -> bool:
    """Whether a setting is a string that isn't empty."""
    return isinstance(value, str) and bool(value)
