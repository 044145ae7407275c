"""From logits to the next token: penalties, temperature, top-k, top-p, min-p, chance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import torch
from torch import Tensor

from ...core.errors import ConfigError
from .ops import Ops, SampleBatch


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen.

    Args:
        temperature: 0 takes the most likely token (greedy); more is more varied.
        top_p: Chooses among the most likely tokens that together have this probability.
        top_k: Chooses among this many most likely tokens; 0 is no limit.
        min_p: Leaves out tokens less likely than this share of the most likely one.
        seed: Makes the choice repeatable; None is a new seed each time.
        frequency_penalty: Subtracted from a token's logit for each time it was generated.
        presence_penalty: Subtracted once it was generated.
        repetition_penalty: Divides a positive logit of a token that was generated, multiplies a negative one.
        logit_bias: Added to tokens' logits, by token id.

    Raises:
        ConfigError: If a value is out of its range.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check("temperature", self.temperature, 0.0, 100.0)
        _check("top_p", self.top_p, 0.0, 1.0, above=True)
        _check("top_k", self.top_k, 0, math.inf)
        _check("min_p", self.min_p, 0.0, 1.0)
        _check("frequency_penalty", self.frequency_penalty, -2.0, 2.0)
        _check("presence_penalty", self.presence_penalty, -2.0, 2.0)
        _check("repetition_penalty", self.repetition_penalty, 0.0, 10.0, above=True)


def _check(name: str, value: object, low: float, high: float, *, above: bool = False) -> None:
    # These come from a user's configuration, whatever the annotation says.
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not low <= value <= high
        or (above and value == low)
    ):
        bound = "more than" if above else "at least"
        most = "" if high == math.inf else f" and at most {high}"
        raise ConfigError(f"'{name}' must be {bound} {low}{most}, not {value!r}")


class Sampler:
    """What one reply's next choice depends on beside the model: its settings, its chance, and what it said so far.

    Args:
        sampling: The settings.
        index: Which of several replies to the same request it is: each has its own chance.

    Attributes:
        sampling: The same.
        seen: How often each token was generated.
    """

    __slots__ = ("_chance", "sampling", "seen")

    def __init__(self, sampling: Sampling, index: int = 0) -> None:
        self.sampling = sampling
        self.seen: Counter[int] = Counter()
        seed = None if sampling.seed is None else f"{sampling.seed}/{index}"
        self._chance = Random(seed)  # noqa: S311 - chance, not secrets

    def uniform(self) -> float:
        """The chance of the next choice, in [0, 1): the same for the same seed, whatever else is in the batch."""
        return self._chance.random() if self.sampling.temperature else 0.0

    @property
    def penalised(self) -> bool:
        """Whether what was said counts."""
        how = self.sampling
        plain = how.repetition_penalty == 1.0 and how.frequency_penalty == 0.0 and how.presence_penalty == 0.0
        return not plain and bool(self.seen)


def choose(ops: Ops, logits: Tensor, samplers: Sequence[Sampler], allowed: Sequence[Tensor | None]) -> list[int]:
    """The next tokens of a batch.

    Args:
        ops: What computes.
        logits: Float32, ``[B, vocabulary]``; not changed.
        samplers: One for each row; each takes note of its token.
        allowed: Bits of tokens that a constraint allows, or None, for each row.

    Returns:
        A token for each row.
    """
    plain = all(
        sampler.sampling.temperature == 0 and not sampler.sampling.logit_bias and not sampler.penalised and bits is None
        for sampler, bits in zip(samplers, allowed, strict=True)
    )
    chosen = logits.argmax(dim=-1) if plain else ops.sample(logits, _batch(logits.shape[1], samplers, allowed))
    tokens: list[int] = chosen.tolist()
    for sampler, token in zip(samplers, tokens, strict=True):
        sampler.seen[token] += 1
    return tokens


def _batch(vocabulary: int, samplers: Sequence[Sampler], allowed: Sequence[Tensor | None]) -> SampleBatch:
    def column(values: Sequence[float], dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.tensor(values, dtype=dtype)

    hows = [sampler.sampling for sampler in samplers]
    seen, counts = _padded([sampler.seen if sampler.penalised else {} for sampler in samplers], vocabulary)
    biased, bias = _padded([how.logit_bias for how in hows], vocabulary)
    masks = None
    if any(bits is not None for bits in allowed):
        everything = torch.full(((vocabulary + 31) // 32,), -1, dtype=torch.int32)
        masks = torch.stack([everything if bits is None else bits for bits in allowed])
    return SampleBatch(
        temperature=column([how.temperature for how in hows]),
        top_k=column([how.top_k for how in hows], torch.long),
        top_p=column([how.top_p for how in hows]),
        min_p=column([how.min_p for how in hows]),
        uniform=column([sampler.uniform() for sampler in samplers], torch.float64),
        repetition=column([how.repetition_penalty for how in hows]),
        frequency=column([how.frequency_penalty for how in hows]),
        presence=column([how.presence_penalty for how in hows]),
        seen=seen,
        counts=counts,
        bias_tokens=biased,
        bias=bias,
        allowed=masks,
    )


def _padded(rows: Sequence[Mapping[int, float]], vocabulary: int) -> tuple[Tensor, Tensor]:
    """Tokens of rows of different lengths, padded with -1, and what belongs to them."""
    known = [{token: value for token, value in row.items() if 0 <= token < vocabulary} for row in rows]
    most = max(map(len, known))
    tokens = [[*row, *[-1] * (most - len(row))] for row in known]
    values = [[*map(float, row.values()), *[0.0] * (most - len(row))] for row in known]
    return torch.tensor(tokens, dtype=torch.long).view(len(rows), most), torch.tensor(values).view(len(rows), most)


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """How likely a token was, before any constraint or penalty.

    Args:
        token: Its id.
        logprob: Natural logarithm of its probability.
        top: The most likely tokens with theirs, as many as were asked for.
    """

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


def token_logprobs(logits: Tensor, tokens: Sequence[int], tops: Sequence[int | None]) -> list[TokenLogprob | None]:
    """The log-probabilities of a batch's tokens, and of each row's most likely ones, where they are asked for."""
    told: list[TokenLogprob | None] = [None] * len(tokens)
    for row, (token, top) in enumerate(zip(tokens, tops, strict=True)):
        if top is None:
            continue
        logprobs = logits[row].log_softmax(dim=-1)
        values, best = logprobs.topk(top) if top else (logprobs[:0], logprobs[:0].long())
        likely = tuple(zip(best.tolist(), values.tolist(), strict=True))
        told[row] = TokenLogprob(token, float(logprobs[token]), likely)
    return told
