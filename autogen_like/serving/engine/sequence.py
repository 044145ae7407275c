"""What is asked of the engine, what it answers step by step, and a sequence on its way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from torch import Tensor

from ...core.errors import ConfigError
from .sampling import Sampler, Sampling, TokenLogprob

if TYPE_CHECKING:
    from .detokenize import Detokenizer

FinishReason: TypeAlias = Literal["stop", "length"]
_numbers = count()


class TokenConstraint(Protocol):
    """What a reply must look like, as the tokens that may come next."""

    def bits(self) -> Tensor:
        """Tokens that may come next: int32 words, bit ``t % 32`` of word ``t // 32`` for token ``t``."""
        ...

    def accept(self, token: int) -> bool:
        """Takes the chosen token; False when nothing may follow it."""
        ...


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """What to generate.

    Args:
        prompt: Token ids; at least one.
        sampling: How tokens are chosen.
        max_tokens: Most tokens to generate; None is as many as the context holds.
        stop: Texts that end the reply and are not part of it.
        constraint: Makes what constrains the reply.
        logprobs: How many most likely tokens to tell for each token; None tells nothing.
        n: How many replies; they share the prompt's blocks.
        owner: Whose prompt it is (a conversation's agent, say): its blocks stay while the session lives.
        salt: Requests of different salts share no blocks.
        after: Whether the reply continues text of its own turn.
        idle: Computes the prompt when there is nothing else to do, and generates nothing.
    """

    prompt: Sequence[int]
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    constraint: Callable[[], TokenConstraint] | None = None
    logprobs: int | None = None
    n: int = 1
    owner: Hashable = None
    salt: str = ""
    after: bool = False
    idle: bool = False

    def __post_init__(self) -> None:
        if not self.prompt:
            raise ConfigError("a prompt needs at least one token")
        if self.n < 1:
            raise ConfigError(f"'n' must be at least 1, not {self.n}")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ConfigError(f"'max_tokens' must be at least 1, not {self.max_tokens}")


@dataclass(slots=True)
class StepUsage:
    """What a reply took.

    Args:
        prompt_tokens: Tokens of the prompt.
        cached_tokens: Those that had been computed before.
        completion_tokens: Tokens generated, the one that ended the reply included.
        queued_seconds: Time until it was begun.
        prefill_seconds: Time for the prompt.
        decode_seconds: Time for all tokens after the first.
    """

    prompt_tokens: int
    cached_tokens: int = 0
    completion_tokens: int = 0
    queued_seconds: float = 0.0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """What happened since the last step.

    Args:
        text: New text; may be empty.
        token: The token that was chosen; None while the prompt is computed, and in the last step.
        logprob: How likely it was, where that was asked for.
        finish: Why the reply ended, in the last step.
        usage: What it took, in the last step.
        index: Which of the request's replies it belongs to.
        end: In the last step, the token that ended the turn, where one was chosen and log-probabilities were asked for.
    """

    text: str = ""
    token: int | None = None
    logprob: TokenLogprob | None = None
    finish: FinishReason | None = None
    usage: StepUsage | None = None
    index: int = 0
    end: TokenLogprob | None = None


class Outbox:
    """Steps of a request that nobody has taken yet.

    Args:
        replies: How many replies are on their way.
    """

    __slots__ = ("error", "replies", "sequences", "steps")

    def __init__(self, replies: int) -> None:
        self.steps: deque[Step] = deque()
        self.replies = replies
        self.sequences: list[Running] = []
        self.error: BaseException | None = None


class Running:
    """One reply on its way: its tokens, how many of them are computed, and where.

    Args:
        request: What was asked.
        limit: Most tokens to generate.
        outbox: Where its steps go.
        text: Makes text of its tokens.
        index: Which of the request's replies it is.

    Attributes:
        tokens: Prompt and generated tokens.
        computed: How many of them have keys and values.
        blocks: Where those are.
        digests: Hashes of the full ones among them.
        memory: What the device holds for it.
        running: Whether it has a place in the batch.
        left: Whether its owner's conversation has ended meanwhile.
        number: Its place in the order of arrival.
    """

    def __init__(self, request: GenerateRequest, limit: int, outbox: Outbox, text: Detokenizer, index: int = 0) -> None:
        self.request = request
        self.limit = limit
        self.outbox = outbox
        self.text = text
        self.index = index
        self.number = next(_numbers)
        self.tokens: list[int] = list(request.prompt)
        self.computed = 0
        self.blocks: list[int] = []
        self.digests: list[bytes] = []
        self.memory: Any = None
        self.sampler = Sampler(request.sampling, index)
        self.constraint = None if request.constraint is None or request.idle else request.constraint()
        self.usage = StepUsage(len(self.tokens))
        self.running = False
        self.left = False
        self.finished = False
        self._arrived = time.perf_counter()
        self._began: float | None = None
        self._first: float | None = None

    @property
    def pending(self) -> int:
        """Tokens that are not computed yet."""
        return len(self.tokens) - self.computed

    @property
    def decoding(self) -> bool:
        """Whether it waits for nothing but its newest token."""
        return self.pending == 1 and self.usage.completion_tokens > 0

    @property
    def rank(self) -> tuple[bool, int]:
        """Its place in the order in which sequences are served."""
        return self.request.idle, self.number

    def begin(self, cached: int) -> None:
        """It got its place in a batch, the first time or once more after it was preempted."""
        self.computed = cached
        if self._began is None:
            self._began = time.perf_counter()
            self.usage.cached_tokens = cached
            self.usage.queued_seconds = self._began - self._arrived

    def took(self) -> None:
        """A token was chosen."""
        self.usage.completion_tokens += 1
        if self._first is None:
            self._first = time.perf_counter()
            self.usage.prefill_seconds = self._first - (self._began or self._arrived)

    def close(self, finish: FinishReason, end: TokenLogprob | None = None) -> None:
        """It ends, by a token of its own or not: the last step goes out."""
        self.finished = True
        now = time.perf_counter()
        if self._first is None:
            self.usage.prefill_seconds = now - (self._began or self._arrived)
        else:
            self.usage.decode_seconds = now - self._first
        self.outbox.replies -= 1
        last = Step(self.text.finish(), finish=finish, usage=self.usage, index=self.index, end=end)
        self.outbox.steps.append(last)
