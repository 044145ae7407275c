"""Why a conversation ends: typed reasons, and conditions that combine with ``|`` and ``&``."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .errors import ConfigError

if TYPE_CHECKING:
    from .message import Message
    from .run import Run

StopKind: TypeAlias = Literal[
    "answered",  # the agent that was asked has answered
    "condition",  # a stop condition was met
    "termination_message",  # is_termination_msg said so
    "max_consecutive_auto_reply",
    "max_turns",
    "max_round",
    "no_reply",  # the participant whose turn it was had nothing to say
    "human_exit",  # a person ended it
    "empty_replies",  # three empty replies in a row
    "repeated_call",  # the same tool call with the same result, three times
    "no_speaker",  # nobody may or should speak next
    "budget",  # tokens, cost, requests or turns of the whole run are spent
    "context_overflow",  # the conversation has outgrown the model's window, and its agent's context says to stop then
    "paused",  # it waits for a person's answer, and goes on when that is there
    "timeout",
    "cancelled",
    "error",
]


@dataclass(frozen=True, slots=True)
class StopReason:
    """Why a conversation ended.

    Args:
        kind: The kind of reason.
        detail: In words, with the numbers or names that matter.
        by: The participant that caused it, where one did.
    """

    kind: StopKind
    detail: str = ""
    by: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


class Progress:
    """How far a run of a conversation is; what stop conditions look at.

    Attributes:
        messages: Messages added since it started.
        last: The newest message.
        run: The run, with its usage.
    """

    __slots__ = ("last", "messages", "run")

    def __init__(self, run: Run[Any]) -> None:
        self.messages = 0
        self.last: Message | None = None
        self.run = run

    @property
    def tokens(self) -> int:
        """Tokens used by the run, nested chats included."""
        return self.run.usage.total.total_tokens

    @property
    def cost(self) -> float:
        """Dollars spent by the run, nested chats included."""
        return self.run.usage.total.cost


Checker: TypeAlias = "Callable[[Progress], StopReason | None]"


class StopCondition(ABC):
    """A rule that ends a conversation. Immutable: each run gets a checker of its own, so conditions can be shared.

    Example:
        >>> rule = MaxMessages(20) | TextMention("TERMINATE") & MaxMessages(2)
        >>> rule
        (MaxMessages(20) | (TextMention('TERMINATE') & MaxMessages(2)))
    """

    @abstractmethod
    def begin(self) -> Checker:
        """A checker for one run: called after each message with the run's `Progress`; constant work per call."""

    def deadline(self) -> float | None:
        """Seconds after which the run is cut off, even in the middle of a reply; None for no limit."""
        return None

    def __or__(self, other: StopCondition) -> StopCondition:
        return _Either(self, other)

    def __and__(self, other: StopCondition) -> StopCondition:
        return _Both(self, other)


class _Either(StopCondition):
    def __init__(self, left: StopCondition, right: StopCondition) -> None:
        self.left, self.right = left, right

    def begin(self) -> Checker:
        left, right = self.left.begin(), self.right.begin()
        return lambda progress: left(progress) or right(progress)

    def deadline(self) -> float | None:
        deadlines = [limit for limit in (self.left.deadline(), self.right.deadline()) if limit is not None]
        return min(deadlines, default=None)

    def __repr__(self) -> str:
        return f"({self.left!r} | {self.right!r})"


class _Both(StopCondition):
    """Both were met, not necessarily by the same message."""

    def __init__(self, left: StopCondition, right: StopCondition) -> None:
        self.left, self.right = left, right

    def begin(self) -> Checker:
        left, right = self.left.begin(), self.right.begin()
        met: list[StopReason | None] = [None, None]

        def check(progress: Progress) -> StopReason | None:
            met[0] = met[0] or left(progress)
            met[1] = met[1] or right(progress)
            if met[0] and met[1]:
                return StopReason("condition", f"{met[0].detail}; {met[1].detail}", met[1].by)
            return None

        return check

    def __repr__(self) -> str:
        return f"({self.left!r} & {self.right!r})"


class MaxMessages(StopCondition):
    """Ends when so many messages were added in this run.

    Args:
        count: The number, at least 1.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ConfigError(f"MaxMessages needs at least 1, not {count}")
        self.count = count

    def begin(self) -> Checker:
        reason = StopReason("condition", f"{self.count} messages")
        return lambda progress: reason if progress.messages >= self.count else None

    def __repr__(self) -> str:
        return f"MaxMessages({self.count})"


class TextMention(StopCondition):
    """Ends when a message holds a text.

    Args:
        text: The text, found exactly.
        speakers: Only in what these say; anybody by default.
    """

    def __init__(self, text: str, speakers: tuple[str, ...] | None = None) -> None:
        if not text:
            raise ConfigError("TextMention needs a text: the empty one is in every message")
        self.text, self.speakers = text, speakers

    def begin(self) -> Checker:
        def check(progress: Progress) -> StopReason | None:
            last = progress.last
            if last is None or (self.speakers is not None and last.speaker not in self.speakers):
                return None
            if self.text in last.text:
                return StopReason("condition", f"{last.speaker} mentioned {self.text!r}", last.speaker)
            return None

        return check

    def __repr__(self) -> str:
        return f"TextMention({self.text!r})"


class SaidBy(StopCondition):
    """Ends when one of these has spoken.

    Args:
        speakers: Names.
    """

    def __init__(self, *speakers: str) -> None:
        if not speakers:
            raise ConfigError("SaidBy needs a speaker's name")
        self.speakers = speakers

    def begin(self) -> Checker:
        def check(progress: Progress) -> StopReason | None:
            last = progress.last
            if last is not None and last.speaker in self.speakers and not last.tool_calls:
                return StopReason("condition", f"{last.speaker} has spoken", last.speaker)
            return None

        return check

    def __repr__(self) -> str:
        return f"SaidBy({', '.join(map(repr, self.speakers))})"


class TokenBudget(StopCondition):
    """Ends when the run, nested chats included, has used so many tokens.

    Args:
        tokens: Prompt and completion tokens together.
    """

    def __init__(self, tokens: int) -> None:
        if tokens < 1:
            raise ConfigError(f"TokenBudget needs at least 1 token, not {tokens}")
        self.tokens = tokens

    def begin(self) -> Checker:
        def check(progress: Progress) -> StopReason | None:
            used = progress.tokens
            return StopReason("budget", f"{used} of {self.tokens} tokens used") if used >= self.tokens else None

        return check

    def __repr__(self) -> str:
        return f"TokenBudget({self.tokens})"


class CostBudget(StopCondition):
    """Ends when the run, nested chats included, has cost so much.

    Args:
        dollars: US dollars.
    """

    def __init__(self, dollars: float) -> None:
        if dollars <= 0:
            raise ConfigError(f"CostBudget needs more than 0 dollars, not {dollars}")
        self.dollars = dollars

    def begin(self) -> Checker:
        def check(progress: Progress) -> StopReason | None:
            spent = progress.cost
            return StopReason("budget", f"${spent:.4f} of ${self.dollars} spent") if spent >= self.dollars else None

        return check

    def __repr__(self) -> str:
        return f"CostBudget({self.dollars})"


class Timeout(StopCondition):
    """Ends after a time, also in the middle of a reply.

    Args:
        seconds: Wall-clock seconds from the start of the run.
    """

    def __init__(self, seconds: float) -> None:
        if seconds <= 0:
            raise ConfigError(f"Timeout needs more than 0 seconds, not {seconds}")
        self.seconds = seconds

    def begin(self) -> Checker:
        end = time.monotonic() + self.seconds
        reason = StopReason("timeout", f"{self.seconds} s are over")
        return lambda _: reason if time.monotonic() >= end else None

    def deadline(self) -> float | None:
        return self.seconds

    def __repr__(self) -> str:
        return f"Timeout({self.seconds})"


class RepeatedReply(StopCondition):
    """Ends when the same participant says the same text several times in a row.

    Args:
        count: How many times, at least 2.
    """

    def __init__(self, count: int = 3) -> None:
        if count < 2:
            raise ConfigError(f"RepeatedReply needs at least 2, not {count}")
        self.count = count

    def begin(self) -> Checker:
        said: dict[str, tuple[str, int]] = {}

        def check(progress: Progress) -> StopReason | None:
            last = progress.last
            if last is None or not last.text:
                return None
            text, times = said.get(last.speaker, ("", 0))
            times = times + 1 if text == last.text else 1
            said[last.speaker] = (last.text, times)
            if times >= self.count:
                return StopReason("condition", f"{last.speaker} said the same {times} times", last.speaker)
            return None

        return check

    def __repr__(self) -> str:
        return f"RepeatedReply({self.count})"
