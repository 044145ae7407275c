"""For tests of programs that use this package: a server that behaves as OpenAI's does, and checks of protocols."""

from .conformance import check_cache, check_model_client
from .journal_checks import check_journal
from .openai_faults import FAULTS
from .openai_reply import Reply
from .openai_server import OpenAIServer, Recorded
from .openai_strict import STRICT
from .participants import check_backend, check_selector

__all__ = [
    "FAULTS",
    "STRICT",
    "OpenAIServer",
    "Recorded",
    "Reply",
    "check_backend",
    "check_cache",
    "check_journal",
    "check_model_client",
    "check_selector",
]
