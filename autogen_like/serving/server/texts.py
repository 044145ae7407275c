"""Prompts that are no conversation: text or token ids, with pieces of text and their tokens for an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ...core.errors import ConfigError
from ..chat_model import ChatModel
from ..engine import GenerateRequest, Sampling
from ..engine.sequence import FinishReason, StepUsage


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a completion begins with.

    Args:
        prompt: Text, in which special tokens count as such; or token ids.
        sampling: How tokens are chosen.
        limit: Most tokens; None is as many as the context holds.
        stop: Texts that end it.
        logprobs: How many most likely tokens to tell for each.
        n: How many replies.
        salt: Requests of different salts share nothing.
    """

    prompt: str | Sequence[int]
    sampling: Sampling
    limit: int | None
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    n: int = 1
    salt: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A token's text, its log-probability, and those of the most likely ones."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a completion.

    Args:
        text: New text.
        index: Which reply.
        token: Its token, where log-probabilities were asked for.
        finish: Why it ended, in the last piece.
        usage: What it took, in the last piece.
    """

    text: str
    index: int
    token: Token | None = None
    finish: FinishReason | None = None
    usage: StepUsage | None = None


def open_prompt(asked: Prompt) -> Callable[[ChatModel], Iterator[Piece | None]]:
    """The work of a prompt, for the engine's thread."""

    def work(model: ChatModel) -> Iterator[Piece | None]:
        request = GenerateRequest(
            prompt=_tokens(model, asked.prompt),
            sampling=asked.sampling,
            max_tokens=asked.limit,
            stop=asked.stop,
            logprobs=asked.logprobs,
            n=asked.n,
            salt=asked.salt,
        )
        return _pieces(model, request)

    return work


def _tokens(model: ChatModel, prompt: str | Sequence[int]) -> list[int]:
    tokenizer = model.engine.tokenizer
    if not isinstance(prompt, str):
        return list(prompt)
    tokens = tokenizer.encode(prompt)
    if tokenizer.add_bos and tokenizer.bos_id is not None and tokens[:1] != [tokenizer.bos_id]:
        tokens.insert(0, tokenizer.bos_id)
    if not tokens:
        raise ConfigError("prompt: it must have at least one token")
    return tokens


def _pieces(model: ChatModel, request: GenerateRequest) -> Iterator[Piece | None]:
    def text(token: int) -> str:
        return model.engine.tokenizer.token_bytes(token).decode("utf-8", "replace")

    for step in model.engine.generate(request):
        told = None
        if step.logprob is not None:
            top = tuple((text(token), value) for token, value in step.logprob.top)
            told = Token(text(step.logprob.token), step.logprob.logprob, top)
        if step.text or told is not None or step.finish is not None:
            yield Piece(step.text, step.index, told, step.finish, step.usage)
        else:
            yield None
