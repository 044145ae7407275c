"""For tests of programs that use this package: a server that behaves as OpenAI's does."""

from .openai_reply import Reply
from .openai_server import OpenAIServer, Recorded

__all__ = ["OpenAIServer", "Recorded", "Reply"]
