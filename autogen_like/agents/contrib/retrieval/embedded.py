"""The embedded vector database: documents in an SQLite file or in memory, searched exactly."""

from __future__ import annotations

import json
import sqlite3
import weakref
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Self

from ....core.errors import ConfigError, MissingExtra
from .embedding import Embedder, HashedWords, check_length, embedded
from .vector_db import Document, QueryResults, check_docs, check_search, is_text

if TYPE_CHECKING:
    import numpy as np

_SCHEMA = """
CREATE TABLE IF NOT EXISTS collections (name TEXT PRIMARY KEY, dimension INTEGER);
CREATE TABLE IF NOT EXISTS documents (
    collection TEXT NOT NULL, id TEXT NOT NULL, content TEXT NOT NULL, metadata TEXT, vector BLOB NOT NULL,
    PRIMARY KEY (collection, id)
) WITHOUT ROWID;
"""
_ROWS = "SELECT id, content, metadata, vector FROM documents WHERE collection = ?"


class EmbeddedVectorDB:
    """A vector database in a file of its own, or in memory. It compares a query with every document: good for 100,000.

    Several threads and processes may use a file at once.

    Args:
        path: The SQLite file, made with its folder if need be; None for memory.
        embedding_function: What makes vectors; by default `HashedWords`, which compares words and not what they mean.

    Raises:
        MissingExtra: If numpy isn't installed.
        ConfigError: If the file is no database of ours.

    Example:
        >>> with EmbeddedVectorDB() as db:
        ...     _ = db.create_collection("facts")
        ...     db.insert_docs([{"id": "1", "content": "Cats sleep a lot."}, {"id": "2", "content": "Dogs bark."}])
        ...     [[(nearest, _)]] = db.retrieve_docs(["a sleeping cat"], n_results=1)
        >>> nearest["id"]
        '1'
    """

    type = "embedded"

    def __init__(self, path: str | Path | None = None, embedding_function: Embedder | None = None) -> None:
        _numpy()
        if embedding_function is not None and not callable(embedding_function):
            raise ConfigError(f"embedding_function must be a function of a list of texts, not {embedding_function!r}")
        self.embedding_function: Embedder = embedding_function or HashedWords()
        self.active_collection: str | None = None
        self._lock = RLock()
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        where = str(path) if path is not None else ":memory:"
        self._connection = sqlite3.connect(where, timeout=30, isolation_level=None, check_same_thread=False)
        self._finalizer = weakref.finalize(self, self._connection.close)
        try:
            self._connection.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self.close()
            raise ConfigError(f"{where} is no database of vectors: {error}") from error
        self._searched: dict[str, tuple[tuple[int, int], list[str], np.ndarray]] = {}
        self._changes = 0

    def close(self) -> None:
        """Closes the file."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- collections

    def create_collection(self, collection_name: str, overwrite: bool = False, get_or_create: bool = True) -> str:
        """Makes a collection; see `VectorDB`.

        Raises:
            ConfigError: If there is one, and it is neither to be overwritten nor to be used.
        """
        if not is_text(collection_name):
            raise ConfigError(f"a collection needs a name, not {collection_name!r}")
        with self._changing():
            if overwrite:
                self._drop(collection_name)
            elif not get_or_create and self._dimension(collection_name) is not _NONE:
                raise ConfigError(f"there is a collection {collection_name!r}: pass get_or_create or overwrite")
            self._connection.execute("INSERT OR IGNORE INTO collections VALUES (?, NULL)", (collection_name,))
        self.active_collection = collection_name
        return collection_name

    def get_collection(self, collection_name: str | None = None) -> str:
        """The name of a collection that is there; see `VectorDB`."""
        with self._lock:
            self.active_collection = self._named(collection_name)
        return self.active_collection

    def delete_collection(self, collection_name: str) -> None:
        """Deletes a collection."""
        with self._changing():
            self._drop(self._named(collection_name))
        if self.active_collection == collection_name:
            self.active_collection = None

    def _drop(self, name: str) -> None:
        self._connection.execute("DELETE FROM documents WHERE collection = ?", (name,))
        self._connection.execute("DELETE FROM collections WHERE name = ?", (name,))

    def _dimension(self, name: str) -> Any:
        row = self._connection.execute("SELECT dimension FROM collections WHERE name = ?", (name,)).fetchone()
        return _NONE if row is None else row[0]

    def _named(self, name: str | None) -> str:
        chosen = name or self.active_collection
        if chosen is None:
            raise ConfigError("no collection was chosen: create_collection(name), or name one")
        if self._dimension(chosen) is _NONE:
            raise ConfigError(f"there is no collection {chosen!r}: create_collection({chosen!r})")
        return chosen

    # --- documents

    def insert_docs(
        self, docs: Sequence[Document], collection_name: str | None = None, upsert: bool = False, **_: Any
    ) -> None:
        """Adds documents, all or none; see `VectorDB`.

        Raises:
            ConfigError: If an id is taken, or a document can't be.
        """
        check_docs(docs)
        with self._lock:
            name = self._named(collection_name)
        rows = self._rows(name, docs)
        with self._changing():
            name = self._named(name)
            if rows:
                dimension, length = self._dimension(name), len(rows[0][4]) // 4
                check_length(length, dimension)
                self._connection.execute("UPDATE collections SET dimension = ? WHERE name = ?", (length, name))
            try:
                verb = "INSERT OR REPLACE" if upsert else "INSERT"
                self._connection.executemany(f"{verb} INTO documents VALUES (?, ?, ?, ?, ?)", rows)
            except sqlite3.IntegrityError:
                raise ConfigError(f"{name!r} has a document with one of these ids: pass upsert=True") from None

    def _rows(self, name: str, docs: Sequence[Document]) -> list[tuple[str, str, str, str | None, bytes]]:
        bare = [doc["content"] for doc in docs if doc.get("embedding") is None]
        made = iter(embedded(self.embedding_function, bare))
        rows = []
        for doc in docs:
            given, metadata = doc.get("embedding"), doc.get("metadata")
            try:
                vector = array("f", given if given is not None else next(made)).tobytes()
                described = json.dumps(metadata) if metadata is not None else None
            except (TypeError, ValueError) as error:
                raise ConfigError(f"the document {doc['id']!r} can't be stored: {error}") from None
            rows.append((name, doc["id"], doc["content"], described, vector))
        if len({len(row[4]) for row in rows}) > 1:
            raise ConfigError("the documents' embeddings are not all of one length")
        return rows

    def update_docs(self, docs: Sequence[Document], collection_name: str | None = None, **_: Any) -> None:
        """Puts documents in the place of those with their ids; see `VectorDB`."""
        known = {doc["id"] for doc in self.get_docs_by_ids([doc["id"] for doc in docs], collection_name)}
        missing = [doc["id"] for doc in docs if doc["id"] not in known]
        if missing:
            raise ConfigError(f"there is no document {missing[0]!r} to update: insert it")
        self.insert_docs(docs, collection_name, upsert=True)

    def delete_docs(self, ids: Sequence[str], collection_name: str | None = None, **_: Any) -> None:
        """Deletes documents; see `VectorDB`."""
        with self._changing():
            name = self._named(collection_name)
            rows = [(name, one) for one in ids]
            self._connection.executemany("DELETE FROM documents WHERE collection = ? AND id = ?", rows)

    def get_docs_by_ids(
        self, ids: Sequence[str] | None = None, collection_name: str | None = None, **_: Any
    ) -> list[Document]:
        """Documents by their ids; see `VectorDB`."""
        with self._lock:
            name = self._named(collection_name)
            if ids is None:
                return [_document(row) for row in self._connection.execute(f"{_ROWS} ORDER BY id", (name,))]
            found = (self._connection.execute(f"{_ROWS} AND id = ?", (name, one)).fetchone() for one in ids)
            return [_document(row) for row in found if row is not None]

    def retrieve_docs(
        self,
        queries: Sequence[str],
        collection_name: str | None = None,
        n_results: int = 10,
        distance_threshold: float = -1,
        **_: Any,
    ) -> QueryResults:
        """The documents nearest to each query; see `VectorDB`."""
        check_search(n_results)
        np = _numpy()
        with self._lock:
            name = self._named(collection_name)
            dimension, (ids, matrix) = self._dimension(name), self._matrix(name)
        if not ids:
            return [[] for _ in queries]
        results: QueryResults = []
        for vector in embedded(self.embedding_function, queries, dimension):
            asked = np.asarray(vector, dtype=np.float32)
            distances = 1.0 - matrix @ (asked / max(float(np.linalg.norm(asked)), 1e-12))
            nearest = distances.argsort(kind="stable")[:n_results]
            wanted = {ids[at]: float(distances[at]) for at in nearest if _near(distances[at], distance_threshold)}
            docs = self.get_docs_by_ids(list(wanted), name)
            results.append([(doc, max(wanted[doc["id"]], 0.0)) for doc in docs])
        return results

    def _matrix(self, name: str) -> tuple[list[str], np.ndarray]:
        """All vectors of a collection, of length 1; kept until somebody, here or elsewhere, changes the file."""
        np = _numpy()
        version = (self._changes, self._connection.execute("PRAGMA data_version").fetchone()[0])
        known = self._searched.get(name)
        if known is None or known[0] != version:
            rows = self._connection.execute("SELECT id, vector FROM documents WHERE collection = ?", (name,)).fetchall()
            matrix = np.frombuffer(b"".join(row[1] for row in rows), dtype=np.float32).reshape(
                len(rows), -1 if rows else 0
            )
            matrix = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
            known = self._searched[name] = (version, [row[0] for row in rows], matrix)
        return known[1], known[2]

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
            self._changes += 1


_NONE = object()


def _near(distance: Any, threshold: float) -> bool:
    return threshold < 0 or float(distance) <= threshold


def _document(row: tuple[str, str, str | None, bytes]) -> Document:
    one, content, metadata, vector = row
    return Document(
        id=one,
        content=content,
        metadata=json.loads(metadata) if metadata is not None else None,
        embedding=array("f", vector).tolist(),
    )


def _numpy() -> Any:  # the module
    try:
        import numpy as np
    except ImportError:
        raise MissingExtra("the embedded vector database", "retrieval") from None
    return np
