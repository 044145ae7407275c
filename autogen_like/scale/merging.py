"""From a rollout's model calls to samples for training: prefix merging.

After Polar (arXiv 2605.24220, section on trajectory building). The calls of a conversation show a model the same
beginning again and again; merged, each token is computed once. What makes it right is which tokens are compared. What
the model *was shown* is tokenised the same way each time, so that prompts can be held against prompts. What it
*sampled* can't be: it sampled "fish" + "ing", and is shown "fishing" in the next prompt. So the next prompt's rendering
of the reply is cut out, up to the token that ends the turn, and the sampled tokens stand in its place. All else is
masked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from ..core.errors import ConfigError
from ..models.client import SampledTokens


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One answered request to a model.

    Args:
        conversation: The conversation's id.
        agent: On whose behalf.
        model: The model's name.
        messages: What it was shown, as chat dicts, the system message first.
        reply: What it answered, as a chat dict.
        tools: The tools on offer, as OpenAI tool dicts.
        finish_reason: Why the reply ended.
        tokens: The tokens themselves, where the model gave them.
    """

    conversation: str
    agent: str
    model: str
    messages: tuple[Mapping[str, Any], ...]
    reply: Mapping[str, Any]
    tools: tuple[Mapping[str, Any], ...] = ()
    finish_reason: str = "stop"
    tokens: SampledTokens | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A sequence of tokens to train on.

    Args:
        prompt_ids: What was shown first.
        response_ids: All that came after: what was sampled, and what was shown in between.
        loss_mask: For each of `response_ids`, 1 where it was sampled and 0 where it was shown.
        logprobs: For each of `response_ids`, its log-probability when it was sampled, 0.0 where it was shown; None
            where the model didn't give them.
        agent: Who spoke.
        model: Which model.
        finish_reason: Why the last reply ended.
        reward: What the rollout was worth.
        calls: How many model calls were merged.

    Raises:
        ConfigError: If the lengths differ, or the reward is not finite.

    Example:
        >>> Sample((1, 2), (3, 4), (1, 0)).trained
        (3,)
    """

    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]
    loss_mask: tuple[int, ...]
    logprobs: tuple[float, ...] | None = None
    agent: str = ""
    model: str = ""
    finish_reason: str = "stop"
    reward: float | None = None
    calls: int = 1

    def __post_init__(self) -> None:
        lengths = {len(self.response_ids), len(self.loss_mask)}
        if self.logprobs is not None:
            lengths.add(len(self.logprobs))
        if len(lengths) > 1:
            raise ConfigError("a sample needs a mask, and log-probabilities if any, for each token of its response")
        if self.reward is not None and not isfinite(self.reward):
            raise ConfigError(f"a sample's reward must be finite, not {self.reward}")

    @property
    def trained(self) -> tuple[int, ...]:
        """The tokens that are trained on: those that were sampled."""
        return tuple(token for token, mask in zip(self.response_ids, self.loss_mask, strict=True) if mask)


@dataclass(slots=True)
class _Chain:
    """Calls of which each is shown what the one before was shown, and more."""

    first: ModelCall
    last: ModelCall
    tokens: SampledTokens  # of the last
    ids: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    logprobs: list[float] | None = field(default_factory=list)
    calls: int = 0

    def add(self, call: ModelCall, tokens: SampledTokens, between: Sequence[int]) -> None:
        known = tokens.logprobs
        self.ids += (*between, *tokens.response_ids)
        self.mask += [0] * len(between) + [1] * len(tokens.response_ids)
        if self.logprobs is not None and known is not None:
            self.logprobs += [0.0] * len(between) + list(known)
        else:
            self.logprobs = None
        self.last, self.tokens = call, tokens
        self.calls += 1

    def sample(self, prompt: tuple[int, ...], reward: float | None) -> Sample:
        logprobs = tuple(self.logprobs) if self.logprobs is not None else None
        call = self.last
        return Sample(
            prompt, tuple(self.ids), tuple(self.mask), logprobs, call.agent, call.model, call.finish_reason, reward,
            self.calls,
        )  # fmt: skip


def prefix_merging(
    calls: Iterable[ModelCall], *, reward: float | None = None, end_ids: Iterable[int] = ()
) -> list[Sample]:
    """Merges the calls of a rollout into as few samples as can be, each call in one of them.

    Every token that is trained on is one that the model sampled. A conversation that was shortened, a prompt that was
    rewritten and an agent that was asked in between begin a sample of their own.

    Args:
        calls: The calls, oldest first. Those without tokens are left out.
        reward: What the rollout was worth.
        end_ids: The tokens that end a turn. By default those that the model named, or else the last one of the first
            reply that ended by itself.

    Example:
        >>> def call(prompt, reply):
        ...     return ModelCall("c", "ada", "m", (), {}, tokens=SampledTokens(prompt, reply, ends=frozenset({9})))
        >>> [sample] = prefix_merging([call((1, 2), (3, 4, 9)), call((1, 2, 34, 9, 5), (6,))])  # 3 + 4 became 34
        >>> sample.response_ids, sample.loss_mask
        ((3, 4, 9, 5, 6), (1, 1, 1, 0, 1))
    """
    told = [(call, call.tokens) for call in calls if call.tokens is not None and call.tokens.response_ids]
    configured = frozenset(end_ids)
    ends = {model: configured or found for model, found in _ends(told).items()}
    chains: list[_Chain] = []
    for call, tokens in told:
        chain, between = _continued(chains, call, tokens, ends[call.model])
        if chain is None:
            chain = _Chain(call, call, tokens)
            chains.append(chain)
        chain.add(call, tokens, between)
    firsts = (chain.first.tokens for chain in chains)
    prompts = [tokens.prompt_ids for tokens in firsts if tokens is not None]
    return [chain.sample(prompt, reward) for chain, prompt in zip(chains, prompts, strict=True)]


def _continued(
    chains: list[_Chain], call: ModelCall, tokens: SampledTokens, ends: frozenset[int]
) -> tuple[_Chain | None, Sequence[int]]:
    """The chain that a call goes on, and what it was shown beyond it: the longest; of those, the likest reply."""
    best: tuple[tuple[int, int], _Chain, Sequence[int]] | None = None
    for chain in chains:
        before = chain.tokens.prompt_ids
        size = len(before)
        if best is not None and size < best[0][0]:
            continue
        if tokens.prompt_ids[:size] != before or not _same_speaker(chain.last, call):
            continue
        tail = tokens.prompt_ids[size:]
        between = _after_turn(tail, chain.tokens.response_ids, ends)
        if between is None:
            continue
        rank = (size, _common(tail, chain.tokens.response_ids))
        if best is None or rank > best[0]:
            best = (rank, chain, between)
    return (None, ()) if best is None else (best[1], best[2])


def _same_speaker(before: ModelCall, call: ModelCall) -> bool:
    """Whether a call may go on another: the same model, which is shown what it had answered, and not something else."""
    if before.model != call.model:
        return False
    at = len(before.messages)
    if len(call.messages) <= at:
        return not before.messages  # where nobody kept messages, the tokens alone decide
    said = call.messages[at]
    if said.get("role") != "assistant":
        return False
    same = (said.get("content") or "") == (before.reply.get("content") or "")
    return same and _calls(said) == _calls(before.reply)


def _calls(message: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    return [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()]


def _after_turn(tail: Sequence[int], sampled: Sequence[int], ends: frozenset[int]) -> Sequence[int] | None:
    """What the next prompt shows behind the reply's turn; None where that turn has no end in it."""
    for place, token in enumerate(tail):
        if token in ends:
            return tail[place + 1 :] if sampled[-1] in ends else tail[place:]
    return None


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _ends(told: Iterable[tuple[ModelCall, SampledTokens]]) -> dict[str, frozenset[int]]:
    """The tokens that end a turn, by model."""
    found: dict[str, frozenset[int]] = {}
    for call, tokens in told:
        known = found.setdefault(call.model, frozenset())
        if not known:
            stopped = call.finish_reason in ("stop", "tool_calls")
            found[call.model] = tokens.ends or (frozenset(tokens.response_ids[-1:]) if stopped else known)
    return found
