"""Documents by AutoGen 0.2's `retrieve_utils`: chunks, fetched files, and a database of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from autogen_like import ConfigError
from autogen_like.agents.contrib.retrieval.embedded import EmbeddedVectorDB
from autogen_like.compat import retrieve_utils
from autogen_like.compat.agentchat.contrib.retrieve_user_proxy_agent import RetrieveUserProxyAgent
from autogen_like.compat.agentchat.contrib.vectordb.utils import (
    chroma_results_to_query_results,
    filter_results_by_distance,
    get_logger,
)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "cats.txt").write_text("Cats sleep for 15 hours a day.")
    (folder / "dogs.md").write_text("Dogs bark at the postman.")
    return folder


def test_files_are_taken_apart_with_their_sources(docs: Path) -> None:
    cats, dogs = str(docs / "cats.txt"), str(docs / "dogs.md")
    chunks, sources = retrieve_utils.split_files_to_chunks([cats, (dogs, "https://example.org/dogs")])
    assert chunks == ["Cats sleep for 15 hours a day.", "Dogs bark at the postman."]
    assert sources == [{"source": cats}, {"source": "https://example.org/dogs"}]
    halves, _ = retrieve_utils.split_files_to_chunks([cats], custom_text_split_function=lambda text: [text[:4]])
    assert halves == ["Cats"]


def test_a_chunk_mode_that_is_none_is_an_assertion_error() -> None:
    with pytest.raises(AssertionError, match="chunk_mode"):
        retrieve_utils.split_text_to_chunks("a", chunk_mode="bogus")


def test_a_database_is_made_of_a_folder_and_asked(docs: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "db" / "vectors.db")
    retrieve_utils.create_vector_db_from_dir(str(docs), db_path=path)
    found = retrieve_utils.query_vector_db(["How long do cats sleep?", "Who barks?"], n_results=1, db_path=path)
    assert [row[0].split()[0] for row in found["documents"]] == ["Cats", "Dogs"]
    assert found["metadatas"][0][0]["source"].endswith("cats.txt")
    assert len(found["ids"]) == len(found["distances"]) == 2
    only = retrieve_utils.query_vector_db(["cats"], db_path=path, search_string="postman")
    assert only["documents"] == [["Dogs bark at the postman."]]


def test_a_collection_that_is_there_is_added_to_only_on_request(docs: Path, caplog: pytest.LogCaptureFixture) -> None:
    db = EmbeddedVectorDB()
    make = retrieve_utils.create_vector_db_from_dir
    assert make(str(docs / "cats.txt"), client=db) is db
    assert make(str(docs / "dogs.md"), client=db) is db
    assert len(db.get_docs_by_ids(None, "all-my-documents")) == 1
    assert "all-my-documents" in caplog.text
    make(str(docs), client=db, get_or_create=True, custom_text_split_function=lambda text: [text])
    assert len(db.get_docs_by_ids(None, "all-my-documents")) == 2
    make([], client=db, collection_name="none")
    assert db.get_docs_by_ids(None, "none") == []


def test_models_are_not_fetched_and_missing_collections_are_told() -> None:
    with pytest.raises(ConfigError, match="embedding_function"):
        retrieve_utils.query_vector_db(["x"], embedding_model="all-MiniLM-L6-v2")
    with pytest.raises(ConfigError, match="nothing"):
        retrieve_utils.query_vector_db(["x"], client=EmbeddedVectorDB(), collection_name="nothing")


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (str, "a_page.html"),
        (lambda tmp: str(tmp / "new" / "x.html"), "x.html"),
        (lambda _: None, None),
    ],
)
def test_what_is_behind_an_address_becomes_a_file(
    place: Callable[[Path], str | None], name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieve_utils, "fetch", lambda url: (b"<p>hi</p>", "text/html"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path, url = retrieve_utils.get_file_from_url("https://example.org/a%20page.html/", place(tmp_path))
    assert url == "https://example.org/a%20page.html/"
    assert Path(path).read_text() == "<p>hi</p>"
    assert name is None or Path(path).name == name


def test_a_private_address_is_not_fetched() -> None:
    with pytest.raises(ConfigError, match="private"):
        retrieve_utils.get_file_from_url("http://127.0.0.1:1/x")


def test_pages_are_texts_under_their_titles() -> None:
    assert retrieve_utils.parse_html_to_markdown("<title>A &amp;\n B</title><h1>Hi</h1>") == "# A & B\n\nHi"
    assert retrieve_utils.parse_html_to_markdown("<p>Hi</p>", "https://example.org") == "Hi"


def test_results_are_filtered_and_turned_into_documents() -> None:
    results = [[("a", 1.0), ("b", 2.0)], [("c", 3.0)]]
    assert filter_results_by_distance(results, 2.5) == [[("a", 1.0), ("b", 2.0)], []]
    assert filter_results_by_distance(results) == results
    columns = {"ids": [["1", "2"]], "documents": [["a", "b"]], "metadatas": None, "included": ["x"]}
    assert chroma_results_to_query_results({**columns, "distances": [[0.1, 0.2]]}) == [  # type: ignore[dict-item]
        [({"id": "1", "document": "a"}, 0.1), ({"id": "2", "document": "b"}, 0.2)]
    ]
    assert get_logger("autogen_like.vectors").name == "autogen_like.vectors"


def test_a_retrieving_agent_says_how_much_fits_and_where_it_looks() -> None:
    agent = RetrieveUserProxyAgent("asker", human_input_mode="NEVER", retrieve_config={"chunk_token_size": 2000})
    assert agent._docs_path is None
    assert agent.get_max_tokens("gpt-4") == 8192


def test_old_settings_are_told_of_and_a_client_of_chroma_is_refused() -> None:
    with pytest.warns(UserWarning, match="by their words"):
        RetrieveUserProxyAgent("asker", retrieve_config={"embedding_model": "all-mpnet-base-v2", "extra_docs": True})
    with pytest.raises(ConfigError, match="'client'"):
        RetrieveUserProxyAgent("asker", retrieve_config={"client": object()})
