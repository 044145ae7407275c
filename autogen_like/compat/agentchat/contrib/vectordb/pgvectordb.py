"""``autogen.agentchat.contrib.vectordb.pgvectordb``."""

from __future__ import annotations

from .....agents.contrib.retrieval.pgvector import PgVectorDB as PGVectorDB

__all__ = ["PGVectorDB"]
