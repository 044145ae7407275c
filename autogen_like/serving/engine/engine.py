"""The synchronous core: one request at a time, token by token."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from ...core.errors import ConfigError, ContextOverflow
from .cache import PrefixCache, SequenceCache
from .checkpoint import open_checkpoint
from .detokenize import Detokenizer
from .model import Decoder
from .sampling import Sampler, Sampling, TokenLogprob, token_logprob
from .tokenizer import TextTokenizer

FinishReason: TypeAlias = Literal["stop", "length"]
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class TokenConstraint(Protocol):
    """What a reply must look like, as the tokens that may come next."""

    def allowed(self) -> Tensor:
        """A mask over the vocabulary: True for tokens that may come next."""
        ...

    def accept(self, token: int) -> bool:
        """Takes the chosen token; False when nothing may follow it."""
        ...


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How an engine runs.

    Args:
        dtype: "float32", "bfloat16", or "auto": bfloat16 where the processor computes in it, else float32.
        context: Longest sequence in tokens; None is the model's own.
        cache_bytes: Memory that computed prefixes may take; 0 keeps none.
        prefill_chunk: Prompt tokens computed at once; a request can be cancelled between two chunks.
    """

    dtype: str = "auto"
    context: int | None = None
    cache_bytes: int = 1 << 30
    prefill_chunk: int = 512

    def torch_dtype(self) -> torch.dtype:
        """What to compute in.

        Raises:
            ConfigError: If `dtype` is none of the known names.
        """
        if self.dtype == "auto":
            return torch.bfloat16 if _computes_bfloat16() else torch.float32
        if self.dtype not in _DTYPES:
            raise ConfigError(f"'dtype' must be auto, {' or '.join(_DTYPES)}, not {self.dtype!r}")
        return _DTYPES[self.dtype]


def _computes_bfloat16() -> bool:
    try:
        capabilities = torch.backends.cpu.get_cpu_capability()
        return capabilities.startswith("AVX512") and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - there is no public question
    except (AttributeError, RuntimeError):
        return False


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
        owner: Whose prompt it is: the next one of the same owner continues the same sequence.
        after: Whether the reply continues text of its own turn.
    """

    prompt: Sequence[int]
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    constraint: Callable[[], TokenConstraint] | None = None
    logprobs: int | None = None
    owner: Hashable = None
    after: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What happened since the last step.

    Args:
        text: New text; may be empty.
        token: The token that was chosen; None while the prompt is computed, and in the last step.
        logprob: How likely it was, where that was asked for.
        finish: Why the reply ended, in the last step.
        usage: What it took, in the last step.
    """

    text: str = ""
    token: int | None = None
    logprob: TokenLogprob | None = None
    finish: FinishReason | None = None
    usage: StepUsage | None = None


@dataclass(slots=True)
class StepUsage:
    """What a request took.

    Args:
        prompt_tokens: Tokens of the prompt.
        cached_tokens: Those that had been computed before.
        completion_tokens: Tokens generated, the one that ended the reply included.
        prefill_seconds: Time for the prompt.
        decode_seconds: Time for all tokens after the first.
    """

    prompt_tokens: int
    cached_tokens: int = 0
    completion_tokens: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0


class Engine:
    """Runs one model. For one thread: `EngineThread` shares it.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        config: How to run it.
        template: Its chat template, where it has one.

    Attributes:
        prefilled_tokens: Prompt tokens computed since it was made: what prefix reuse saves is not among them.
    """

    def __init__(
        self, model: Decoder, tokenizer: TextTokenizer, config: EngineConfig | None = None, template: str | None = None
    ) -> None:
        config = config or EngineConfig()
        self.model = model
        self.tokenizer = tokenizer
        self.template = template
        self.context = min(config.context or model.config.context, model.config.context)
        self.prefilled_tokens = 0
        self.cache = PrefixCache(model.config, model.dtype, max_bytes=config.cache_bytes)
        self._chunk = config.prefill_chunk

    @classmethod
    def load(cls, path: Path, config: EngineConfig | None = None) -> Engine:
        """Reads a model from a GGUF file or a folder in Hugging Face's layout.

        Raises:
            ConfigError: If something in it is not supported; the message names it.
        """
        config = config or EngineConfig()
        checkpoint = open_checkpoint(path)
        tokenizer = checkpoint.tokenizer()
        return cls(Decoder(checkpoint, config.torch_dtype()), tokenizer, config, checkpoint.chat_template())

    def generate(self, request: GenerateRequest) -> Iterator[Step]:
        """Generates a reply. Closing the iterator ends it at once; what was computed stays in the prefix cache.

        Yields:
            A step for each piece of the prompt and each token; the last one says why it ended.

        Raises:
            ContextOverflow: If the prompt leaves no room for a token; before anything is computed.
        """
        prompt = list(request.prompt)
        room = self.context - len(prompt)
        if not prompt:
            raise ConfigError("a prompt needs at least one token")
        if room < 1:
            raise ContextOverflow(
                f"the prompt is {len(prompt)} tokens long, and the model's window is {self.context}: shorten the "
                "conversation (or the system message), or take a model with a larger window"
            )
        limit = room if request.max_tokens is None else min(room, request.max_tokens)
        constraint = request.constraint() if request.constraint is not None else None
        sequence = self.cache.take(prompt, request.owner)
        try:
            yield from _Generation(self, request, sequence, constraint, limit).run(prompt, self._chunk)
        finally:
            self.cache.give(sequence)


class _Generation:
    """One reply on its way."""

    def __init__(
        self,
        engine: Engine,
        request: GenerateRequest,
        sequence: SequenceCache,
        constraint: TokenConstraint | None,
        limit: int,
    ) -> None:
        self._engine = engine
        self._request = request
        self._sequence = sequence
        self._constraint = constraint
        self._limit = limit
        self._sampler = Sampler(request.sampling)
        self._text = Detokenizer(engine.tokenizer, request.stop, after=request.after)
        self._usage = StepUsage(len(request.prompt), len(sequence.tokens))

    def run(self, prompt: list[int], chunk: int) -> Iterator[Step]:
        """Computes the prompt, then token after token."""
        begun = time.perf_counter()
        done = len(self._sequence.tokens)
        self._sequence.reserve(len(prompt) + min(self._limit, 256))
        while True:
            part = prompt[done : done + chunk]
            logits = self._engine.model.forward(part, self._sequence)
            self._engine.prefilled_tokens += len(part)
            done += len(part)
            if done == len(prompt):
                break
            yield Step()
        self._usage.prefill_seconds = time.perf_counter() - begun
        begun = time.perf_counter()
        finish: FinishReason | None = None
        while finish is None:
            step, finish = self._next(logits)
            if finish is None and step.token is not None:
                yield step
                logits = self._engine.model.forward([step.token], self._sequence)
            elif step.text or step.logprob is not None:
                yield step
        self._usage.decode_seconds = time.perf_counter() - begun
        yield Step(self._text.finish(), finish=finish, usage=self._usage)

    def _next(self, logits: Tensor) -> tuple[Step, FinishReason | None]:
        """Chooses a token, and says whether the reply ends with it."""
        request, usage = self._request, self._usage
        if usage.completion_tokens >= self._limit:
            return Step(), "length"
        mask = self._constraint.allowed() if self._constraint is not None else None
        before = logits.clone() if request.logprobs is not None else None
        token = self._sampler.choose(logits, mask)
        usage.completion_tokens += 1
        if token in self._engine.tokenizer.ends:
            return Step(), "stop"
        logprob = None if before is None else token_logprob(before, token, request.logprobs or 0)
        step = Step(self._text.add(token), token, logprob)
        over = self._constraint is not None and not self._constraint.accept(token)
        if over or self._text.stopped:
            return step, "stop"
        return step, "length" if usage.completion_tokens >= self._limit else None
