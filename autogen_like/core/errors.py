"""The errors a person must mend. Each message names the setting and the cure.

What a *model* can mend (a tool that raised, bad arguments, code that failed) is never raised: it goes back to the
model as a result. See the seventh decision in ``docs/architecture.md``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .events import HumanRequested
    from .transcript import Transcript


class AutogenLikeError(Exception):
    """Base of all errors of this package."""


class ConfigError(AutogenLikeError, ValueError):
    """A setting is missing, unknown or contradicts another; raised before any token is spent."""


class NothingToAnswer(ConfigError, AssertionError):
    """An agent is asked for a reply with neither messages nor a sender."""


class AsyncInSyncChat(ConfigError, RuntimeError):
    """A synchronous chat would have to call an async reply function."""


class MissingExtra(ConfigError, ImportError):
    """An optional dependency is not installed.

    Args:
        feature: What the user asked for, as a noun phrase.
        extra: The extra of ``autogen_like`` that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional part: pip install 'autogen_like[{extra}]'")
        self.feature = feature
        self.extra = extra

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.feature, self.extra)


class ModelError(AutogenLikeError):
    """A model endpoint failed.

    Args:
        message: What happened, and with which model.
        status: The HTTP status, where there was one.
        retry_after: Seconds that the endpoint asked to wait, where it said so.
        transient: Whether the same request may succeed later (rate limits, time-outs, 5xx).
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None, transient: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.transient = transient


class ContextOverflow(ModelError):
    """The request is longer than the model's window; noticed before it was sent."""


class ToolSchemaError(AutogenLikeError, TypeError):
    """A function cannot be described to a model (a parameter without a type hint, say)."""


class ConversationError(AutogenLikeError):
    """A participant raised while it was answering. What was said until then is attached.

    Attributes:
        agent: Name of the agent that was answering.
        backend: Name of the backend (or rule) that raised.
        turn: Index of the turn in its conversation, from 0.
        transcript: Everything said so far; still valid.
    """

    def __init__(self, message: str, *, agent: str, backend: str, turn: int, transcript: Transcript) -> None:
        super().__init__(message)
        self.agent = agent
        self.backend = backend
        self.turn = turn
        self.transcript = transcript

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is pickled by its positional arguments; these are given by name.
        named: dict[str, Any] = {
            "agent": self.agent,
            "backend": self.backend,
            "turn": self.turn,
            "transcript": self.transcript,
        }
        return partial(type(self), **named), self.args


class PersonNeeded(AutogenLikeError):
    """A turn can't be taken before a person has answered, and nobody is at hand: the conversation pauses.

    Args:
        requests: What the person is asked.
    """

    def __init__(self, requests: Sequence[HumanRequested]) -> None:
        super().__init__(f"waits for a person: {'; '.join(request.prompt.strip() for request in requests)}")
        self.requests = tuple(requests)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.requests,)


class ExecutorUnavailable(AutogenLikeError):
    """What runs code went away, or no longer answers: an engine that stopped, say. Says how to go on."""


class ReplayDiffers(AutogenLikeError, AssertionError):
    """What is replayed went another way than what was recorded. Says where, and how.

    Args:
        where: The conversation and the message.
        what: What differs, then and now.
    """

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where, self.what = where, what

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.where, self.what)


class TranscriptError(AutogenLikeError, ValueError):
    """A message does not fit the transcript (a tool result that answers no call, say)."""


class AgentNameConflict(AutogenLikeError):
    """Two participants of one conversation have the same name."""


class NoEligibleSpeaker(AutogenLikeError):
    """Nobody may speak next under the declared transitions."""


class SenderRequired(ConfigError):
    """A chat in a queue has no sender; or nobody is named as the sender of a message that a trigger goes by."""


class InvalidCarryOverType(AutogenLikeError, TypeError):
    """A carryover is neither a string nor a list."""


class UndefinedNextAgent(AutogenLikeError):
    """The agent chosen to speak next is not a member of the group."""
