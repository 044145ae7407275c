"""Each test of vector databases is taken by both of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from autogen_like.agents.contrib.retrieval.embedded import EmbeddedVectorDB
from autogen_like.agents.contrib.retrieval.pgvector import PgVectorDB

from .vectors_server import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


@pytest.fixture(params=["embedded", pytest.param("pgvector", marks=pytest.mark.needs_postgres)])
def make(request: pytest.FixtureRequest, tmp_path: Path):
    """Makes vector databases of one kind, all on one file or database."""
    made = []
    where = None if request.param == "embedded" else request.getfixturevalue("cluster").new_database()

    def new(embedder=None):
        if request.param == "embedded":
            made.append(EmbeddedVectorDB(tmp_path / "folder" / "vectors.db", embedder))
        else:
            made.append(PgVectorDB(where, embedder))
        return made[-1]

    yield new
    for one in made:
        one.close()


@pytest.fixture
def db(make):
    found = make()
    found.create_collection("facts")
    return found
