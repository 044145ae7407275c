"""A vector database in PostgreSQL, with its extension pgvector."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any, Self

from ....core.errors import ConfigError, MissingExtra
from .embedding import Embedder, HashedWords, embedded
from .vector_db import Document, QueryResults, check_docs, check_search, is_text

if TYPE_CHECKING:
    import psycopg


class PgVectorDB:
    """Collections as tables of a schema of their own in PostgreSQL, which must have the extension ``vector``.

    Searches are exact; for millions of documents make an index of your own: ``CREATE INDEX ON autogen_like.<collection>
    USING hnsw (embedding vector_cosine_ops)``.

    Args:
        connection_string: As libpq takes it: ``postgresql://user:password@host/database``.
        embedding_function: What makes vectors; by default `HashedWords`, which compares words and not what they mean.
        schema: The schema that the tables are in; no other is touched.

    Raises:
        MissingExtra: If psycopg isn't installed.
        ConfigError: If a setting can't be right.

    Example:
        A database of one's own::

            db = PgVectorDB("postgresql://me@localhost/facts")
            db.create_collection("facts")
            db.insert_docs([{"id": "1", "content": "Cats sleep a lot."}])
            db.retrieve_docs(["a sleeping cat"])
    """

    type = "pgvector"

    def __init__(
        self,
        connection_string: str,
        embedding_function: Embedder | None = None,
        *,
        schema: str = "autogen_like",
    ) -> None:
        try:
            import psycopg
        except ImportError:
            raise MissingExtra("a vector database in PostgreSQL", "postgres") from None
        if not is_text(connection_string):
            raise ConfigError("connection_string must say which database: 'postgresql://user:password@host/database'")
        if embedding_function is not None and not callable(embedding_function):
            raise ConfigError(f"embedding_function must be a function of a list of texts, not {embedding_function!r}")
        self.embedding_function: Embedder = embedding_function or HashedWords()
        self.active_collection: str | None = None
        self.schema = schema
        self._where = connection_string.replace("postgresql+psycopg://", "postgresql://")
        self._psycopg: Any = psycopg
        self._connection: psycopg.Connection[Any] | None = None
        self._lock = RLock()

    def __repr__(self) -> str:
        return f"PgVectorDB(schema={self.schema!r})"

    def close(self) -> None:
        """Closes the connection; the next use opens another."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[Any]:  # psycopg's cursor
        with self._lock:
            if self._connection is None or self._connection.closed:
                self._connection = self._opened()
            try:
                with self._connection.transaction(), self._connection.cursor() as cursor:
                    yield cursor
            except self._psycopg.OperationalError:
                self.close()  # the server went away, say
                raise

    def _opened(self) -> psycopg.Connection[Any]:
        errors, sql = self._psycopg.errors, self._psycopg.sql
        connection: psycopg.Connection[Any] = self._psycopg.connect(self._where, autocommit=True)
        try:
            known = connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone()
            if known is None:
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(self.schema)))
        except (errors.FeatureNotSupported, errors.UndefinedFile, errors.InsufficientPrivilege) as error:
            connection.close()
            raise ConfigError(
                f"the database can't hold vectors ({str(error).splitlines()[0]}): install pgvector on the server, and "
                "run CREATE EXTENSION vector once, as its owner"
            ) from None
        except BaseException:
            connection.close()
            raise
        return connection

    def _table(self, statement: str, name: str) -> Any:  # psycopg's composed statement
        sql = self._psycopg.sql
        # Statements are always run with parameters, where a percent sign is written twice.
        named = (part.replace("%", "%%") for part in (self.schema, name))
        return sql.SQL(statement).format(table=sql.Identifier(*named))

    # --- collections

    def create_collection(self, collection_name: str, overwrite: bool = False, get_or_create: bool = True) -> str:
        """Makes a collection; see `VectorDB`. The length of its vectors is that of the embedder's."""
        if not is_text(collection_name) or len(collection_name.encode()) > 63:
            raise ConfigError(f"a collection's name has 1 to 63 bytes, unlike {collection_name!r}")
        (vector,) = embedded(self.embedding_function, [collection_name])
        with self._transaction() as cursor:
            if overwrite:
                cursor.execute(self._table("DROP TABLE IF EXISTS {table}", collection_name), ())
            elif not get_or_create and self._is_there(cursor, collection_name):
                raise ConfigError(f"there is a collection {collection_name!r}: pass get_or_create or overwrite")
            made = (
                "CREATE TABLE IF NOT EXISTS {table} (id text PRIMARY KEY, content text NOT NULL, metadata jsonb, "
                f"embedding vector({len(vector)}) NOT NULL)"
            )
            cursor.execute(self._table(made, collection_name), ())
        self.active_collection = collection_name
        return collection_name

    def get_collection(self, collection_name: str | None = None) -> str:
        """The name of a collection that is there; see `VectorDB`."""
        with self._transaction() as cursor:
            self.active_collection = self._named(cursor, collection_name)
        return self.active_collection

    def delete_collection(self, collection_name: str) -> None:
        """Deletes a collection."""
        with self._transaction() as cursor:
            cursor.execute(self._table("DROP TABLE {table}", self._named(cursor, collection_name)), ())
        if self.active_collection == collection_name:
            self.active_collection = None

    def _is_there(self, cursor: Any, name: str) -> bool:
        asked = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = %s"
        return cursor.execute(asked, (self.schema, name)).fetchone() is not None

    def _named(self, cursor: Any, name: str | None) -> str:
        chosen = name or self.active_collection
        if chosen is None:
            raise ConfigError("no collection was chosen: create_collection(name), or name one")
        if not self._is_there(cursor, chosen):
            raise ConfigError(f"there is no collection {chosen!r}: create_collection({chosen!r})")
        return chosen

    # --- documents

    def insert_docs(
        self, docs: Sequence[Document], collection_name: str | None = None, upsert: bool = False, **_: Any
    ) -> None:
        """Adds documents, all or none; see `VectorDB`."""
        rows = self._rows(docs)
        replaced = (
            " ON CONFLICT (id) DO UPDATE SET content = EXCLUDED.content, metadata = EXCLUDED.metadata, "
            "embedding = EXCLUDED.embedding"
        )
        inserted = "INSERT INTO {table} VALUES (%s, %s, %s, %s)"
        self._write(inserted + replaced if upsert else inserted, rows, collection_name)

    def _rows(self, docs: Sequence[Document]) -> list[tuple[Any, ...]]:
        check_docs(docs)
        bare = [doc["content"] for doc in docs if doc.get("embedding") is None]
        made = iter(embedded(self.embedding_function, bare))
        rows = []
        for doc in docs:
            given, metadata = doc.get("embedding"), doc.get("metadata")
            try:
                described = json.dumps(metadata) if metadata is not None else None
            except (TypeError, ValueError) as error:
                raise ConfigError(f"the document {doc['id']!r} can't be stored: {error}") from None
            rows.append((doc["id"], doc["content"], described, _literal(given if given is not None else next(made))))
        return rows

    def _write(self, statement: str, rows: Sequence[tuple[Any, ...]], collection_name: str | None) -> None:
        errors = self._psycopg.errors
        with self._transaction() as cursor:
            name = self._named(cursor, collection_name)
            try:
                cursor.executemany(self._table(statement, name), rows)
            except errors.UniqueViolation:
                raise ConfigError(f"{name!r} has a document with one of these ids: pass upsert=True") from None
            except errors.DataException as error:
                raise _unfit(name, error) from None

    def update_docs(self, docs: Sequence[Document], collection_name: str | None = None, **_: Any) -> None:
        """Puts documents in the place of those with their ids; see `VectorDB`."""
        known = {doc["id"] for doc in self.get_docs_by_ids([doc["id"] for doc in docs], collection_name)}
        missing = [doc["id"] for doc in docs if doc["id"] not in known]
        if missing:
            raise ConfigError(f"there is no document {missing[0]!r} to update: insert it")
        self.insert_docs(docs, collection_name, upsert=True)

    def delete_docs(self, ids: Sequence[str], collection_name: str | None = None, **_: Any) -> None:
        """Deletes documents; see `VectorDB`."""
        with self._transaction() as cursor:
            name = self._named(cursor, collection_name)
            cursor.execute(self._table("DELETE FROM {table} WHERE id = ANY(%s)", name), (list(ids),))

    def get_docs_by_ids(
        self, ids: Sequence[str] | None = None, collection_name: str | None = None, **_: Any
    ) -> list[Document]:
        """Documents by their ids; see `VectorDB`."""
        with self._transaction() as cursor:
            name = self._named(cursor, collection_name)
            asked = "SELECT id, content, metadata, embedding::text FROM {table}"
            if ids is None:
                cursor.execute(self._table(f"{asked} ORDER BY id", name), ())
            else:
                wanted = list(ids)
                cursor.execute(
                    self._table(f"{asked} WHERE id = ANY(%s) ORDER BY array_position(%s::text[], id)", name),
                    (wanted, wanted),
                )
            return [_document(row) for row in cursor]

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
        vectors = embedded(self.embedding_function, queries)
        asked = (
            "SELECT id, content, metadata, embedding::text, embedding <=> %s::vector FROM {table} "
            "ORDER BY 5, id LIMIT %s"
        )
        results: QueryResults = []
        with self._transaction() as cursor:
            name = self._named(cursor, collection_name)
            for vector in vectors:
                try:
                    cursor.execute(self._table(asked, name), (_literal(vector), n_results))
                except self._psycopg.errors.DataException as error:
                    raise _unfit(name, error) from None
                found = [(_document(row[:4]), 1.0 if math.isnan(row[4]) else float(row[4])) for row in cursor]
                results.append([one for one in found if distance_threshold < 0 or one[1] <= distance_threshold])
        return results


def _unfit(name: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"{name!r} can't take this ({str(error).splitlines()[0]}): use the embedder that it was made with, or make it "
        "anew with overwrite=True"
    )


def _literal(vector: Sequence[float]) -> str:
    return f"[{','.join(repr(float(value)) for value in vector)}]"


def _document(row: Sequence[Any]) -> Document:
    one, content, metadata, vector = row
    return Document(id=one, content=content, metadata=metadata, embedding=json.loads(vector))
