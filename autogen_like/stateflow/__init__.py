"""StateFlow: task-solving as a state machine. The vocabulary to declare one is imported from here."""

from .asking import ask
from .choosing import choose
from .conditions import failed, matches, raised, returned, says, succeeded
from .context import Context
from .events import OutputProduced, StateEntered, TransitionTaken
from .machine import StateFlow
from .outputs import call, chat, flow, instruct
from .position import Outcome, Spent, Step
from .result import FlowResult, explain
from .running import run
from .views import last, since

__all__ = [
    "Context",
    "FlowResult",
    "Outcome",
    "OutputProduced",
    "Spent",
    "StateEntered",
    "StateFlow",
    "Step",
    "TransitionTaken",
    "ask",
    "call",
    "chat",
    "choose",
    "explain",
    "failed",
    "flow",
    "instruct",
    "last",
    "matches",
    "raised",
    "returned",
    "run",
    "says",
    "since",
    "succeeded",
]
