"""Hooks of `mkdocs build`: what the docs' code blocks say to the tests is not for readers."""

from __future__ import annotations

import re


def on_page_markdown(markdown: str, **_: object) -> str:
    """Takes ``no-run`` (see tests/docs) out of a fence's first line, which the Markdown renderer would trip over."""
    return re.sub(r"^( *```python) no-run[ \t]*$", r"\1", markdown, flags=re.MULTILINE)
