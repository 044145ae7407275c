"""From logits to the next token: penalties, temperature, top-k, top-p, min-p, chance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...core.errors import ConfigError


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
    """Chooses tokens for one request.

    Args:
        sampling: How.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._how = sampling
        self._seen: Counter[int] = Counter()
        self._chance = torch.Generator()
        if sampling.seed is None:
            self._chance.seed()
        else:
            self._chance.manual_seed(sampling.seed % (1 << 63))

    @torch.inference_mode()
    def choose(self, logits: Tensor, mask: Tensor | None) -> int:
        """The next token.

        Args:
            logits: Float32, ``[vocabulary]``; may be changed.
            mask: True for tokens that a constraint allows; None where there is none.
        """
        how = self._how
        self._penalise(logits)
        if mask is not None:
            logits.masked_fill_(~mask, -torch.inf)
        token = int(logits.argmax()) if how.temperature == 0 else self._drawn(logits / how.temperature)
        self._seen[token] += 1
        return token

    def _penalise(self, logits: Tensor) -> None:
        how = self._how
        if how.logit_bias:
            tokens = [token for token in how.logit_bias if 0 <= token < len(logits)]
            logits[torch.tensor(tokens, dtype=torch.long)] += torch.tensor([how.logit_bias[t] for t in tokens])
        plain = how.repetition_penalty == 1.0 and how.frequency_penalty == 0.0 and how.presence_penalty == 0.0
        if plain or not self._seen:
            return
        seen = torch.tensor(list(self._seen))
        values = logits[seen]
        values = torch.where(values > 0, values / how.repetition_penalty, values * how.repetition_penalty)
        counts = torch.tensor(list(self._seen.values()), dtype=torch.float32)
        logits[seen] = values - counts * how.frequency_penalty - how.presence_penalty

    def _drawn(self, logits: Tensor) -> int:
        how = self._how
        if how.top_k or how.top_p < 1.0:
            count = min(how.top_k or len(logits), len(logits))
            logits, tokens = logits.topk(count)
        else:
            tokens = None
        shares = logits.softmax(dim=-1)
        if how.top_p < 1.0:
            shares[shares.cumsum(0) - shares >= how.top_p] = 0.0  # what is before a token already makes it up
        if how.min_p:
            shares[shares < how.min_p * shares.max()] = 0.0
        drawn = int(torch.multinomial(shares, 1, generator=self._chance))
        return drawn if tokens is None else int(tokens[drawn])


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


def token_logprob(logits: Tensor, token: int, top: int) -> TokenLogprob:
    """The log-probability of a token, and of the most likely ones."""
    logprobs = logits.log_softmax(dim=-1)
    values, tokens = logprobs.topk(top) if top else (logprobs[:0], logprobs[:0])
    best = tuple(zip((int(t) for t in tokens.tolist()), values.tolist(), strict=True))
    return TokenLogprob(token, float(logprobs[token]), best)
