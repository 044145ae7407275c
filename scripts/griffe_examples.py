"""Lets the reference show an ``Example:`` section of a docstring as the doctest that it is.

griffe knows the Google style's ``Examples:`` only, and would read the singular as prose.
"""

from __future__ import annotations

import re

import griffe


class SingularExamples(griffe.Extension):
    """Renames the section while the source is read, before any docstring is parsed."""

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^( *)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE)
