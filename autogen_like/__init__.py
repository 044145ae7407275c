"""Agents that converse: one append-only transcript, some participants, and a rule for who speaks next.

This is the public face: names only. A name is imported from its room when it is first used (PEP 562), so that
``import autogen_like`` stays quick and pulls in no model client, no tokenizer and no torch.

Example:
    >>> from autogen_like import Text
    >>> Text("hello").text
    'hello'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    # The same names as in _MODULES, for type checkers and editors; tests/packaging holds the two together.
    from .core.message import File as File
    from .core.message import Image as Image
    from .core.message import Message as Message
    from .core.message import Text as Text
    from .core.transcript import Transcript as Transcript

# Public name -> the module that defines it.
_MODULES = {
    "File": "autogen_like.core.message",
    "Image": "autogen_like.core.message",
    "Message": "autogen_like.core.message",
    "Text": "autogen_like.core.message",
    "Transcript": "autogen_like.core.transcript",
}

__all__ = ["__version__", *_MODULES]  # noqa: PLE0604 - the keys are strings


def __getattr__(name: str) -> object:
    """Imports a public name from its room and keeps it, so that the next use is a plain attribute."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
