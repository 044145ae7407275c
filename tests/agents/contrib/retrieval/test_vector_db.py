"""What vector databases do, embedded and in PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like import ConfigError
from autogen_like.agents.contrib.retrieval.embedded import EmbeddedVectorDB
from autogen_like.agents.contrib.retrieval.embedding import HashedWords, embedded
from autogen_like.agents.contrib.retrieval.pgvector import PgVectorDB
from autogen_like.agents.contrib.retrieval.vector_db import VectorDB, VectorDBFactory

CATS = {"id": "cats", "content": "Cats sleep most of the day.", "metadata": {"page": 1}}
DOGS = {"id": "dogs", "content": "Dogs bark at the postman."}
TEA = {"id": "tea", "content": "Tea is made with boiling water."}


def ids(found):
    return [[doc["id"] for doc, _ in docs] for docs in found]


def test_the_nearest_come_first(db):
    db.insert_docs([CATS, DOGS, TEA])
    assert ids(db.retrieve_docs(["Does a cat sleep?", "boiled water"], n_results=1)) == [["cats"], ["tea"]]
    ((first, distance), *rest) = db.retrieve_docs(["cats sleep most day"])[0]
    assert first["content"] == CATS["content"]
    assert first["metadata"] == {"page": 1}
    assert distance == pytest.approx(0, abs=1e-5)
    assert [round(one) for _, one in rest] == [1, 1]


def test_what_is_too_far_is_left_out(db):
    db.insert_docs([CATS, DOGS, TEA])
    assert ids(db.retrieve_docs(["barking dogs", "quantum"], distance_threshold=0.7)) == [["dogs"], []]


def test_documents_can_be_read_changed_and_deleted(db):
    db.insert_docs([CATS, DOGS])
    assert [doc["id"] for doc in db.get_docs_by_ids(["dogs", "none", "cats"])] == ["dogs", "cats"]
    db.update_docs([{**DOGS, "content": "Dogs dig."}])
    assert db.get_docs_by_ids(["dogs"])[0]["content"] == "Dogs dig."
    db.delete_docs(["cats", "none"])
    assert [doc["id"] for doc in db.get_docs_by_ids()] == ["dogs"]
    assert ids(db.retrieve_docs(["cats"])) == [["dogs"]]


def test_an_id_is_taken_once_and_all_or_nothing_is_stored(db):
    db.insert_docs([CATS])
    with pytest.raises(ConfigError, match="upsert=True"):
        db.insert_docs([DOGS, {**CATS, "content": "Other"}])
    assert [doc["id"] for doc in db.get_docs_by_ids()] == ["cats"]
    db.insert_docs([DOGS, {**CATS, "content": "Other"}], upsert=True)
    assert db.get_docs_by_ids(["cats"])[0]["content"] == "Other"


def test_what_is_stored_is_there_for_others_and_later(make):
    first, second = make(), make()
    first.create_collection("facts")
    first.insert_docs([CATS])
    assert ids(second.retrieve_docs(["cats"], "facts")) == [["cats"]]
    second.insert_docs([DOGS], "facts")
    assert ids(first.retrieve_docs(["dogs"], n_results=1)) == [["dogs"]]


def test_collections_are_apart(db):
    db.insert_docs([CATS])
    db.create_collection("more")
    assert db.get_docs_by_ids() == []
    db.insert_docs([{**DOGS, "id": "cats"}])
    assert db.get_collection("facts")
    assert db.get_docs_by_ids(["cats"])[0]["content"] == CATS["content"]
    db.delete_collection("facts")
    with pytest.raises(ConfigError, match="no collection was chosen"):
        db.get_docs_by_ids()
    with pytest.raises(ConfigError, match="create_collection"):
        db.get_collection("facts")


def test_a_collection_that_is_there_is_used_refused_or_made_anew(db):
    db.insert_docs([CATS])
    db.create_collection("facts")
    assert len(db.get_docs_by_ids()) == 1
    with pytest.raises(ConfigError, match="overwrite"):
        db.create_collection("facts", get_or_create=False)
    db.create_collection("facts", overwrite=True)
    assert db.get_docs_by_ids() == []


@pytest.mark.parametrize("name", ["x'; DROP TABLE documents; --", 'a"b', "große Tabelle", "{table}", "%s", "100%"])
def test_any_name_is_only_a_name(db, name):
    db.create_collection(name)
    db.insert_docs([{**CATS, "id": name, "metadata": {"a": name}}])
    assert ids(db.retrieve_docs(["cats"], name)) == [[name]]
    assert db.get_docs_by_ids(None, name)[0]["metadata"] == {"a": name}


def test_an_embedder_of_ones_own_may_be_async(make):
    async def embedder(texts):
        await asyncio.sleep(0)
        return [[len(text), 1.0] for text in texts]

    db = make(embedder)
    db.create_collection("lengths")
    db.insert_docs([{"id": "long", "content": "x" * 100}, {"id": "short", "content": ""}])
    assert ids(db.retrieve_docs(["", "y" * 50], n_results=1)) == [["short"], ["long"]]


def test_vectors_can_be_given(make):
    db = make(lambda texts: [[1.0, 0.0] for _ in texts])
    db.create_collection("given")
    db.insert_docs(
        [{"id": "up", "content": "?", "embedding": [0, 2]}, {"id": "right", "content": "?", "embedding": [3, 0]}]
    )
    (found,) = db.retrieve_docs(["x"])
    assert [(doc["id"], round(distance, 5)) for doc, distance in found] == [("right", 0.0), ("up", 1.0)]
    assert found[0][0]["embedding"] == [3.0, 0.0]


def test_vectors_of_another_length_are_refused(make):
    db = make()
    db.create_collection("facts")
    db.insert_docs([CATS])
    other = make(HashedWords(16))
    for attempt in (
        lambda: other.retrieve_docs(["cats"], "facts"),
        lambda: other.insert_docs([DOGS], "facts"),
        lambda: db.insert_docs([{**DOGS, "embedding": [1.0]}]),
    ):
        with pytest.raises(ConfigError, match="overwrite=True"):
            attempt()


@pytest.mark.parametrize(
    "docs",
    [
        [{"id": 1, "content": "x"}],
        [{"id": "1"}],
        [CATS, CATS],
        [{**CATS, "metadata": {"a": object()}}],
        [{**CATS, "embedding": ["a"]}],
    ],
)
def test_documents_that_cannot_be_are_refused(db, docs):
    with pytest.raises((ConfigError, ValueError)):
        db.insert_docs(docs)
    assert db.get_docs_by_ids() == []


def test_settings_that_cannot_be_are_refused(db, make):
    for attempt in (
        lambda: db.retrieve_docs(["x"], n_results=0),
        lambda: db.retrieve_docs(["x"], "none"),
        lambda: db.create_collection(""),
        lambda: db.delete_collection("none"),
        lambda: db.update_docs([DOGS]),
        lambda: make("words"),
    ):
        with pytest.raises(ConfigError):
            attempt()


def test_many_threads_may_use_one(db):
    errors = []

    def work(number):
        try:
            for n in range(5):
                db.insert_docs([{"id": f"{number}-{n}", "content": f"word{number}"}])
                assert ids(db.retrieve_docs([f"word{number}"], n_results=1))[0][0].startswith(f"{number}-")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(db.get_docs_by_ids()) == 20


def test_both_fit_the_protocol(db):
    assert isinstance(db, VectorDB)


def test_nothing_found_in_an_empty_collection(db):
    assert db.retrieve_docs(["x", "y"]) == [[], []]
    assert db.retrieve_docs([]) == []
    db.insert_docs([])


# --- each by itself


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "x.db").write_text("no database, but long enough to be looked at" * 30)
    with pytest.raises(ConfigError, match="no database of vectors"):
        EmbeddedVectorDB(tmp_path / "x.db")


def test_a_closed_one_says_so():
    with EmbeddedVectorDB() as db:
        db.create_collection("x")
    with pytest.raises(sqlite3.ProgrammingError):
        db.get_docs_by_ids()


@pytest.mark.needs_postgres
def test_no_other_tables_are_touched(cluster):
    url = cluster.new_database()
    with psycopg.connect(url, autocommit=True) as connection, PgVectorDB(url) as db:
        connection.execute("CREATE TABLE users (id int)")
        with pytest.raises(ConfigError, match="no collection 'users'"):
            db.delete_collection("users")
        db.create_collection("users", overwrite=True)
        db.delete_collection("users")
        assert connection.execute("SELECT count(*) FROM public.users").fetchone() == (0,)
        assert "127.0.0.1" not in repr(db)


@pytest.mark.needs_postgres
def test_a_lost_connection_is_opened_again(cluster):
    url = cluster.new_database()
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as admin, PgVectorDB(url) as db:
        db.create_collection("x")
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (url.rpartition("/")[2],)
        )
        with pytest.raises(psycopg.OperationalError):
            db.get_docs_by_ids()
        assert db.get_docs_by_ids() == []


@pytest.mark.needs_postgres
def test_a_server_without_the_extension_is_refused_with_the_cure(cluster):
    url = cluster.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE nobody LOGIN")
        connection.execute("REVOKE CREATE ON DATABASE {} FROM PUBLIC".format(url.rpartition("/")[2]))
    with (
        PgVectorDB(url.replace("tests@", "nobody@")) as db,
        pytest.raises(ConfigError, match="CREATE EXTENSION vector"),
    ):
        db.create_collection("x")


def test_a_database_needs_an_address():
    with pytest.raises(ConfigError, match="connection_string"):
        PgVectorDB("")


def test_the_factory_makes_what_is_here_and_names_it():
    with VectorDBFactory.create_vector_db("embedded") as made:
        assert isinstance(made, EmbeddedVectorDB)
    assert isinstance(VectorDBFactory.create_vector_db("pgvector", connection_string="postgresql://x"), PgVectorDB)
    for name, options in (("chroma", {}), ("embedded", {"colour": "red"})):
        with pytest.raises(ConfigError, match=name):
            VectorDBFactory.create_vector_db(name, **options)


# --- vectors of words


@given(st.text())
def test_every_text_has_a_vector_of_length_one(text):
    (vector,) = HashedWords(64)([text])
    assert sum(value * value for value in vector) == pytest.approx(1) or not any(vector)


def test_words_are_compared_without_their_endings():
    words = HashedWords()
    (a, b, c) = words(["The cities were founded.", "A city founding", "The a of"])
    assert sum(x * y for x, y in zip(a, b, strict=True)) == pytest.approx(1)
    assert c[0] == 1.0
    with pytest.raises(ConfigError):
        HashedWords(3)


@pytest.mark.parametrize("wrong", [[], [[1.0], [1.0, 2.0]], [[1.0]], [[], []]])
def test_what_an_embedder_gives_is_checked(wrong):
    with pytest.raises(ConfigError, match="one vector for each of 2 texts"):
        embedded(lambda _: wrong, ["a", "b"])
    assert embedded(lambda _: wrong, []) == []
