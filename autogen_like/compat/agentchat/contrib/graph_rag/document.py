"""``autogen.agentchat.contrib.graph_rag.document``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class DocumentType(Enum):
    """What kind of document something is."""

    TEXT = auto()
    HTML = auto()
    PDF = auto()


@dataclass
class Document:
    """A document for a graph.

    Args:
        doctype: What kind it is.
        data: What is in it.
        path_or_url: Where it is.
    """

    doctype: DocumentType
    data: object | None = None
    path_or_url: str | None = ""
