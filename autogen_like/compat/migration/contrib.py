"""What the contrib agents of a script do that is different here, and why."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .nodes import Finding, called, constant, differs, entries_of, is_open, keywords_of

_DATABASES = ("chroma", "couchbase", "mongodb", "qdrant")
_BY_WORDS = (
    "texts are compared by their words: no embedding model is fetched; give an embedding_function of texts to vectors "
    "that asks one"
)
_NO_CLIENT = "there is no Chroma here: leave 'client' out, and say where the vectors are kept with 'db_config'"
_NO_DATABASE = "there is no such vector database here: 'embedded' or 'pgvector', or an object with VectorDB's methods"


def contrib(node: ast.AST) -> Iterator[Finding]:
    """What a node does with the contrib agents and capabilities that behaves differently here."""
    rule = _RULES.get(called(node))
    if rule is not None and isinstance(node, ast.Call):
        yield from rule(node)


def _math(node: ast.Call) -> Iterator[Finding]:
    if "code_execution_config" not in keywords_of(node) and not is_open(node):
        yield Finding(
            node.lineno,
            "missing",
            "it runs Python that a model writes, and there is no default for where: code_execution_config={} for "
            "Docker, {'executor': 'local'} for this machine, unprotected",
        )
    yield differs(node, "Wolfram Alpha isn't asked: query= is a function that answers such queries")


def _retrieve(node: ast.Call) -> Iterator[Finding]:
    config = keywords_of(node).get("retrieve_config")
    settings = entries_of(config)
    if config is None or (settings and "embedding_function" not in settings):
        yield differs(settings.get("embedding_model", node), _BY_WORDS)
    if constant(settings.get("vector_db")) in _DATABASES:
        yield Finding(settings["vector_db"].lineno, "missing", _NO_DATABASE)
    if "client" in settings:
        yield Finding(settings["client"].lineno, "missing", _NO_CLIENT)


def _vectors(node: ast.Call) -> Iterator[Finding]:
    keywords = keywords_of(node)
    if "client" in keywords:
        yield differs(keywords["client"], "client is an object with VectorDB's methods, not Chroma's")
    if "embedding_model" in keywords:
        yield Finding(keywords["embedding_model"].lineno, "missing", _BY_WORDS)
    elif "embedding_function" not in keywords:
        yield differs(node, _BY_WORDS)


def _factory(node: ast.Call) -> Iterator[Finding]:
    chosen = node.args[0] if node.args else keywords_of(node).get("db_type")
    if constant(chosen) in _DATABASES:
        yield Finding(node.lineno, "missing", _NO_DATABASE)


def _notes(node: ast.Call) -> Iterator[Finding]:
    yield differs(
        node,
        "notes are kept in SQLite and compared by their words: those that 0.2 kept in Chroma and a pickle aren't read",
    )


def _images(node: ast.Call) -> Iterator[Finding]:
    if "image_folders" not in keywords_of(node) and "images" not in keywords_of(node):
        yield differs(
            node,
            "<img ...> is read in what the first speaker says; files only from image_folders=[...], and addresses are "
            "handed on, not fetched",
        )


def _team(node: ast.Call) -> Iterator[Finding]:
    yield differs(node, "a saved team says nothing of keys and code: whoever loads it gives code_execution_config")


def _optimizer(node: ast.Call) -> Iterator[Finding]:
    if "executor" not in keywords_of(node):
        yield differs(node, "learned functions run in Docker, which must be there; executor= says where else")


_RULES = {
    "AgentBuilder": _team,
    "AgentOptimizer": _optimizer,
    "MathUserProxyAgent": _math,
    "MultimodalConversableAgent": _images,
    "RetrieveUserProxyAgent": _retrieve,
    "Teachability": _notes,
    "VisionCapability": _images,
    "create_vector_db": _factory,
    "create_vector_db_from_dir": _vectors,
    "query_vector_db": _vectors,
}
