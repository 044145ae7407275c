"""``autogen.retrieve_utils``."""

from __future__ import annotations

from ..agents.contrib.retrieval.chunks import (
    TEXT_FORMATS,
    extract_text_from_pdf,
    get_files_from_dir,
    is_url,
    split_text_to_chunks,
)
from ..agents.contrib.retrieval.chunks import parse_html_to_text as parse_html_to_markdown

__all__ = [
    "TEXT_FORMATS",
    "extract_text_from_pdf",
    "get_files_from_dir",
    "is_url",
    "parse_html_to_markdown",
    "split_text_to_chunks",
]
