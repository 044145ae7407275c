"""For tests of programs that use this package: a server that behaves as OpenAI's does, checks of protocols, replays."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conformance import check_cache as check_cache
    from .conformance import check_model_client as check_model_client
    from .journal_checks import check_journal as check_journal
    from .openai_faults import FAULTS as FAULTS
    from .openai_reply import Reply as Reply
    from .openai_server import OpenAIServer as OpenAIServer
    from .openai_server import Recorded as Recorded
    from .openai_strict import STRICT as STRICT
    from .participants import check_backend as check_backend
    from .participants import check_selector as check_selector
    from .pytest_plugin import replay as replay

# The pytest plugin is imported wherever pytest runs, so nothing else is imported before it is used.
_MODULES = {
    "FAULTS": "openai_faults",
    "STRICT": "openai_strict",
    "OpenAIServer": "openai_server",
    "Recorded": "openai_server",
    "Reply": "openai_reply",
    "check_backend": "participants",
    "check_cache": "conformance",
    "check_journal": "journal_checks",
    "check_model_client": "conformance",
    "check_selector": "participants",
    "replay": "pytest_plugin",
}

__all__ = [*_MODULES]  # noqa: PLE0604 - the keys are strings


def __getattr__(name: str) -> object:
    """Imports a name from its module when it is first used."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{module}", __name__), name)
