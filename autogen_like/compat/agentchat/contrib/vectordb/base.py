"""``autogen.agentchat.contrib.vectordb.base``."""

from __future__ import annotations

from .....agents.contrib.retrieval.vector_db import Document, QueryResults, VectorDB, VectorDBFactory

__all__ = ["Document", "QueryResults", "VectorDB", "VectorDBFactory"]
