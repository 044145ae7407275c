"""``autogen.retrieve_utils``: documents in chunks, and a vector database of them, which is the embedded one here."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..agents.contrib.fetching import fetch
from ..agents.contrib.retrieval import chunks
from ..agents.contrib.retrieval.chunks import (
    CHUNK_MODES,
    TEXT_FORMATS,
    documents,
    extract_text_from_pdf,
    get_files_from_dir,
    is_url,
    parse_html_to_text,
    read_text,
)
from ..agents.contrib.retrieval.embedded import EmbeddedVectorDB
from ..agents.contrib.retrieval.vector_db import VectorDB
from ..core.errors import ConfigError
from ._errors import raised_as

_log = logging.getLogger(__name__)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
VALID_CHUNK_MODES = frozenset(CHUNK_MODES)
DB_PATH = "tmp/vectors.db"


def split_text_to_chunks(
    text: str,
    max_tokens: int = 4000,
    chunk_mode: str = "multi_lines",
    must_break_at_empty_line: bool = True,
    overlap: int = 0,
) -> list[str]:
    """A text in pieces, cut at the ends of lines; see `autogen_like.agents.contrib.retrieval.chunks`.

    Raises:
        AssertionError: If a setting can't be; it is a `ConfigError`, too.
    """
    with raised_as(AssertionError):
        return chunks.split_text_to_chunks(text, max_tokens, chunk_mode, must_break_at_empty_line, overlap)


def split_files_to_chunks(
    files: Iterable[str | tuple[str, str]],
    max_tokens: int = 4000,
    chunk_mode: str = "multi_lines",
    must_break_at_empty_line: bool = True,
    custom_text_split_function: Callable[[str], Sequence[str]] | None = None,
) -> tuple[list[str], list[dict[str, str]]]:
    """The chunks of files and addresses, and where each is from.

    Args:
        files: Paths and addresses; or pairs of a path and the address that it was fetched from.
        max_tokens: The most tokens of a chunk.
        chunk_mode: "multi_lines", or "one_line".
        must_break_at_empty_line: Whether chunks end at empty lines where there is one.
        custom_text_split_function: Takes a text apart instead.

    Returns:
        The chunks, and as many ``{"source": ...}``.
    """
    texts: list[str] = []
    sources: list[dict[str, str]] = []
    for one in files:
        path, source = (one, one) if isinstance(one, str) else one
        text = read_text(path)
        if custom_text_split_function is not None:
            found = list(custom_text_split_function(text))
        else:
            found = split_text_to_chunks(text, max_tokens, chunk_mode, must_break_at_empty_line)
        texts += found
        sources += [{"source": source}] * len(found)
    return texts, sources


def get_file_from_url(url: str, save_path: str | None = None) -> tuple[str, str]:
    """Fetches what is behind an address into a file.

    Args:
        url: The address, which a person named: no private network is asked.
        save_path: The file, or a folder that is there; a temporary folder by default, which stays.

    Returns:
        The file, and the address.
    """
    data, _ = fetch(url)
    last = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])
    name = re.sub(r"[^\w.-]", "_", last)[:200].strip(".") or "page"
    place = Path(save_path) if save_path is not None else Path(tempfile.mkdtemp(prefix="autogen_like-"))
    if place.is_dir():
        place /= name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return str(place), url


def parse_html_to_markdown(html: str, url: str | None = None) -> str:  # noqa: ARG001 - 0.2's
    r"""What a page says, under its title, without markup and scripts.

    Args:
        html: The page.
        url: Kept for AutoGen 0.2's scripts; links are left out.

    Example:
        >>> parse_html_to_markdown("<title>Cats</title><p>They <b>sleep</b>.</p>")
        '# Cats\n\nThey sleep.'
    """
    title = _TITLE.search(html)
    shown = parse_html_to_text(_TITLE.sub("", html))
    return f"# {' '.join(unescape(title[1]).split())}\n\n{shown}" if title else shown


def create_vector_db_from_dir(
    dir_path: str | Sequence[str],
    max_tokens: int = 4000,
    client: VectorDB | None = None,
    db_path: str = DB_PATH,
    collection_name: str = "all-my-documents",
    get_or_create: bool = False,
    chunk_mode: str = "multi_lines",
    must_break_at_empty_line: bool = True,
    embedding_model: str | None = None,
    embedding_function: Any = None,
    custom_text_split_function: Callable[[str], Sequence[str]] | None = None,
    custom_text_types: Sequence[str] = TEXT_FORMATS,
    recursive: bool = True,
    extra_docs: bool = False,  # noqa: ARG001 - 0.2's
) -> VectorDB:
    """A vector database of files, folders and addresses.

    Args:
        dir_path: The files, folders and addresses.
        max_tokens: The most tokens of a chunk.
        client: The database; by default an `EmbeddedVectorDB` in the file `db_path`.
        db_path: The file.
        collection_name: The collection.
        get_or_create: Whether one that is there is added to; otherwise it stays as it is, which the log says.
        chunk_mode: "multi_lines", or "one_line".
        must_break_at_empty_line: Whether chunks end at empty lines where there is one.
        embedding_model: Not taken: no models are fetched here.
        embedding_function: Makes vectors of texts; by their words by default.
        custom_text_split_function: Takes a text apart instead.
        custom_text_types: Endings of the files that are taken from folders.
        recursive: Whether folders within folders are gone through.
        extra_docs: Kept for AutoGen 0.2's scripts: documents are told apart by what they say.

    Returns:
        The database.

    Raises:
        ConfigError: If an `embedding_model` is named, or something can't be read.
    """
    db = _database(client, db_path, embedding_model, embedding_function)
    try:
        db.create_collection(collection_name, get_or_create=get_or_create)
    except ConfigError as error:
        _log.warning("%s", error)
        return db

    def split(text: str) -> Sequence[str]:
        if custom_text_split_function is not None:
            return custom_text_split_function(text)
        return split_text_to_chunks(text, max_tokens, chunk_mode, must_break_at_empty_line)

    found = {doc["id"]: doc for doc in documents(get_files_from_dir(dir_path, custom_text_types, recursive), split)}
    if found:
        db.insert_docs(list(found.values()), collection_name, upsert=True)
    return db


def query_vector_db(
    query_texts: Sequence[str],
    n_results: int = 10,
    client: VectorDB | None = None,
    db_path: str = DB_PATH,
    collection_name: str = "all-my-documents",
    search_string: str = "",
    embedding_model: str | None = None,
    embedding_function: Any = None,
) -> dict[str, Any]:
    """What a vector database has on each of some questions, the nearest first.

    Args:
        query_texts: The questions.
        n_results: How many documents for each, at most.
        client: The database; by default the one in the file `db_path`.
        db_path: The file.
        collection_name: The collection.
        search_string: A text that the documents must have in them.
        embedding_model: Not taken: no models are fetched here.
        embedding_function: What made the vectors.

    Returns:
        ``ids``, ``documents``, ``metadatas`` and ``distances``, of each a list for each question.

    Raises:
        ConfigError: If an `embedding_model` is named, or there is no such collection.
    """
    db = _database(client, db_path, embedding_model, embedding_function)
    db.get_collection(collection_name)
    most = n_results * 5 if search_string else n_results
    found = [
        [(doc, far) for doc, far in row if search_string in doc["content"]][:n_results]
        for row in db.retrieve_docs(query_texts, collection_name, n_results=most)
    ]
    return {
        "ids": [[doc["id"] for doc, _ in row] for row in found],
        "documents": [[doc["content"] for doc, _ in row] for row in found],
        "metadatas": [[doc.get("metadata") for doc, _ in row] for row in found],
        "distances": [[far for _, far in row] for row in found],
        "embeddings": None,
    }


def _database(client: VectorDB | None, path: str, model: str | None, function: Any) -> VectorDB:
    if model is not None and function is None:
        raise ConfigError(
            f"embedding_model={model!r}: no models are fetched here; give an embedding_function of texts to "
            "vectors that asks one"
        )
    if client is not None:
        return client
    return EmbeddedVectorDB(path, function)


__all__ = [
    "TEXT_FORMATS",
    "VALID_CHUNK_MODES",
    "create_vector_db_from_dir",
    "extract_text_from_pdf",
    "get_file_from_url",
    "get_files_from_dir",
    "is_url",
    "parse_html_to_markdown",
    "query_vector_db",
    "split_files_to_chunks",
    "split_text_to_chunks",
]
