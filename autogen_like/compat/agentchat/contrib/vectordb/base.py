"""``autogen.agentchat.contrib.vectordb.base``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from .....agents.contrib.retrieval.vector_db import Document, QueryResults, VectorDB, VectorDBFactory

Metadata: TypeAlias = "Mapping[str, Any] | None"
Vector: TypeAlias = "Sequence[float] | Sequence[int]"
ItemID: TypeAlias = str

__all__ = ["Document", "ItemID", "Metadata", "QueryResults", "Vector", "VectorDB", "VectorDBFactory"]
