"""Backends: each a way to answer. An agent asks its backends in order; the first that has something to say answers.

No backend knows of another. What they may know of the agent is `Backend.reply`'s turn and the part of the agent that
they are given when they are made.
"""

from .base import Backend
from .code import CodeBackend
from .function import FunctionBackend
from .human import HumanBackend
from .model import ModelBackend
from .termination import TerminationBackend
from .tool import ToolBackend

__all__ = [
    "Backend",
    "CodeBackend",
    "FunctionBackend",
    "HumanBackend",
    "ModelBackend",
    "TerminationBackend",
    "ToolBackend",
]
