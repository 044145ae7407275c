"""The synchronous core: requests in, and with each step a token more of every sequence that runs."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...core.errors import ConfigError, ContextOverflow, ModelError
from .blocks import BlockManager
from .checkpoint import open_checkpoint
from .detokenize import Detokenizer
from .model import Decoder, Model
from .ops import BLOCK
from .sampling import TokenLogprob, choose, token_logprobs
from .scheduler import Chunk, Scheduler
from .sequence import FinishReason, GenerateRequest, Outbox, Running, Step
from .tokenizer import TextTokenizer

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How an engine runs.

    Args:
        dtype: "float32", "bfloat16", or "auto": bfloat16 where the processor computes in it, else float32.
        context: Longest sequence in tokens; None is the model's own.
        cache_bytes: Memory for keys and values, at least that of one whole context; 0 keeps none of them for later.
        step_tokens: Most tokens computed in a step; a request can be cancelled between two.
        max_running: Most replies that are generated at once.
        max_waiting: Most requests that may wait; one more is refused with `QueueFull`. None is no limit.
        packed: Whether weights that the file has in few bits are multiplied so while decoding.
        device: "cpu", "cuda" (an NVIDIA GPU; its kernels need the extra `gpu`), or "auto": a GPU where torch has one.
    """

    dtype: str = "auto"
    context: int | None = None
    cache_bytes: int = 1 << 30
    step_tokens: int = 512
    max_running: int = 16
    max_waiting: int | None = None
    packed: bool = True
    device: str = "auto"

    def torch_device(self) -> torch.device:
        """Where to compute.

        Raises:
            ConfigError: If `device` is none of the known names, or torch finds no such device.
        """
        if self.device not in ("auto", "cpu", "cuda"):
            raise ConfigError(f"'device' must be auto, cpu or cuda, not {self.device!r}")
        found = torch.cuda.is_available()
        if self.device == "cuda" and not found:
            raise ConfigError(
                "'device' is cuda, but torch finds no NVIDIA GPU: install a CUDA build of torch, or take cpu"
            )
        return torch.device("cuda" if found and self.device != "cpu" else "cpu")

    def torch_dtype(self) -> torch.dtype:
        """What to compute in.

        Raises:
            ConfigError: If `dtype` is none of the known names.
        """
        if self.dtype == "auto":
            wide = self.torch_device().type == "cpu" and not _computes_bfloat16()
            return torch.float32 if wide else torch.bfloat16
        if self.dtype not in _DTYPES:
            raise ConfigError(f"'dtype' must be auto, {' or '.join(_DTYPES)}, not {self.dtype!r}")
        return _DTYPES[self.dtype]


def _computes_bfloat16() -> bool:
    try:
        capabilities = torch.backends.cpu.get_cpu_capability()
        return capabilities.startswith("AVX512") and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - there is no public question
    except (AttributeError, RuntimeError):
        return False


class Engine:
    """Runs one model. For one thread: `AsyncEngine` shares it.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        config: How to run it.
        template: Its chat template, where it has one.

    Attributes:
        blocks: Account of the memory for keys and values.
        scheduler: What runs and what waits.
        prefilled_tokens: Prompt tokens computed since it was made: what is found in the prefix cache is not among them.
        steps: Steps made since then.
    """

    def __init__(
        self, model: Model, tokenizer: TextTokenizer, config: EngineConfig | None = None, template: str | None = None
    ) -> None:
        config = config or EngineConfig()
        self.model = model
        self.tokenizer = tokenizer
        self.template = template
        self.context = min(config.context or model.config.context, model.config.context)
        # One whole context always fits, with a block to copy from: so whoever is first can go on.
        count = max(config.cache_bytes // model.block_bytes(), self.context // BLOCK + 2)
        self._memory = model.memory(count)
        self.blocks = BlockManager(count)
        self.scheduler = Scheduler(
            self.blocks,
            self._memory,
            budget=config.step_tokens,
            most_running=config.max_running,
            most_waiting=config.max_waiting,
            reuse=config.cache_bytes > 0,
        )
        self.prefilled_tokens = 0
        self.steps = 0
        self._counts = dict.fromkeys(("requests", "generated_tokens", "cached_tokens", "cancelled"), 0)

    @classmethod
    def load(cls, path: Path, config: EngineConfig | None = None) -> Engine:
        """Reads a model from a GGUF file or a folder in Hugging Face's layout.

        Raises:
            ConfigError: If something in it is not supported; the message names it.
        """
        config = config or EngineConfig()
        checkpoint = open_checkpoint(path)
        tokenizer = checkpoint.tokenizer()
        dtype, device = config.torch_dtype(), config.torch_device()
        if device.type == "cuda":
            from ..kernels.decoder import GpuDecoder

            gpu = GpuDecoder.load(checkpoint, dtype, device, context=config.context, packed=config.packed)
            return cls(gpu, tokenizer, config, checkpoint.chat_template())
        model = Decoder(checkpoint, dtype, packed=config.packed)
        return cls(model, tokenizer, config, checkpoint.chat_template())

    def generate(self, request: GenerateRequest) -> Iterator[Step]:
        """Generates replies to a request. Closing the iterator ends it at once, and frees its blocks.

        Any number of these iterators may be open: what is common to them is computed together, in the first one of a
        round that is asked for more.

        Yields:
            A step for each token, and empty ones meanwhile; the last one of each reply says why it ended.

        Raises:
            ContextOverflow: If the prompt leaves no room for a token; before anything is computed.
            QueueFull: If too many requests wait.
        """
        outbox = self._added(request)
        try:
            seen = self.steps
            while outbox.replies or outbox.steps:
                if not outbox.steps and seen == self.steps:
                    self.step()
                seen = self.steps
                if outbox.error is not None:
                    raise outbox.error
                if not outbox.steps:
                    yield Step()
                while outbox.steps:
                    yield outbox.steps.popleft()
        finally:
            self._closed(outbox)

    def open(self, request: GenerateRequest) -> Iterator[Step | None]:
        """`generate` for `AsyncEngine`: None instead of empty steps."""
        for step in self.generate(request):
            yield step if step.token is not None or step.finish is not None else None

    def _added(self, request: GenerateRequest) -> Outbox:
        room = self.context - len(request.prompt)
        if room < 1:
            raise ContextOverflow(
                f"the prompt is {len(request.prompt)} tokens long, and the model's window is {self.context}: shorten "
                "the conversation (or the system message), or take a model with a larger window"
            )
        limit = 0 if request.idle else min(room, request.max_tokens or room)
        outbox = Outbox(1 if request.idle else request.n)
        sequence = Running(request, limit, outbox, self._text(request))
        self.scheduler.add(sequence)
        outbox.sequences.append(sequence)
        self._counts["requests"] += 1
        return outbox

    def _text(self, request: GenerateRequest) -> Detokenizer:
        return Detokenizer(self.tokenizer, request.stop, after=request.after)

    def _closed(self, outbox: Outbox) -> None:
        """Nobody reads any more: what is still on its way ends, and its blocks are free."""
        for sequence in outbox.sequences:
            if not sequence.finished:
                self.scheduler.end(sequence)
                sequence.finished = True
                self._counts["cancelled"] += 1

    @torch.inference_mode()
    def step(self) -> bool:
        """Computes the next step of all that runs; False where there is nothing to do."""
        self.steps += 1
        chunks = self.scheduler.plan()
        if not chunks:
            return False
        complete = [chunk.count == chunk.sequence.pending for chunk in chunks]
        logits = self._computed(chunks, complete)
        for chunk in chunks:
            if not chunk.sequence.decoding:
                self.prefilled_tokens += chunk.count
            self.scheduler.computed(chunk)
        done = [chunk.sequence for chunk, last in zip(chunks, complete, strict=True) if last]
        if logits is not None:
            self._chosen(*self._forked(done, logits))
        return True

    def _computed(self, chunks: Sequence[Chunk], complete: Sequence[bool]) -> Tensor | None:
        """Logits of the sequences that are computed to their end."""
        tokens: list[int] = []
        positions: list[int] = []
        ends: list[int] = []
        for chunk in chunks:
            start = chunk.sequence.computed
            tokens += chunk.sequence.tokens[start : start + chunk.count]
            positions += range(start, start + chunk.count)
            ends.append(len(tokens) - 1)
        rows = [end for end, last in zip(ends, complete, strict=True) if last]
        wanted = None if len(rows) == len(tokens) else torch.tensor(rows, dtype=torch.long)
        attention = self._memory.batch(chunks)
        logits = self.model.forward(torch.tensor(tokens), torch.tensor(positions), attention, wanted)
        return logits if rows else None

    def _forked(self, sequences: list[Running], logits: Tensor) -> tuple[list[Running], Tensor]:
        """Adds the other replies of requests whose prompt is computed now: they begin in the same blocks."""
        rows = list(range(len(sequences)))
        for row, first in enumerate(list(sequences)):
            if first.request.idle or first.index or len(first.outbox.sequences) == first.request.n:
                continue
            for index in range(1, first.request.n):
                other = Running(first.request, first.limit, first.outbox, self._text(first.request), index)
                first.outbox.sequences.append(other)
                if self.scheduler.fork(first, other):
                    sequences.append(other)
                    rows.append(row)
        return sequences, logits if len(rows) == len(logits) else logits[torch.tensor(rows)]

    def _chosen(self, sequences: list[Running], logits: Tensor) -> None:
        """Chooses a token for each sequence and hands it out."""
        rows, live, allowed = [], [], []
        for row, sequence in enumerate(sequences):
            if sequence.request.idle:
                self.scheduler.end(sequence)
                sequence.close("length")
                continue
            try:
                allowed.append(None if sequence.constraint is None else sequence.constraint.bits())
            except ModelError as error:
                self._failed(sequence, error)
                continue
            rows.append(row)
            live.append(sequence)
        if not live:
            return
        logits = logits if len(live) == len(sequences) else logits[torch.tensor(rows)]
        tokens = choose(self.model.ops, logits, [sequence.sampler for sequence in live], allowed)
        told = token_logprobs(logits, tokens, [sequence.request.logprobs for sequence in live])
        for sequence, token, logprob in zip(live, tokens, told, strict=True):
            try:
                self._take(sequence, token, logprob)
            except ModelError as error:
                self._failed(sequence, error)

    def _take(self, sequence: Running, token: int, logprob: TokenLogprob | None) -> None:
        finish: FinishReason | None = None
        ended = token in self.tokenizer.ends
        sequence.took()
        self._counts["generated_tokens"] += 1
        if ended:
            finish = "stop"
        else:
            sequence.tokens.append(token)
            text = sequence.text.add(token)
            sequence.outbox.steps.append(Step(text, token, logprob, index=sequence.index))
            over = sequence.constraint is not None and not sequence.constraint.accept(token)
            if over or sequence.text.stopped:
                finish = "stop"
            elif sequence.usage.completion_tokens >= sequence.limit:
                finish = "length"
        if finish is not None:
            self.scheduler.end(sequence)
            self._counts["cached_tokens"] += sequence.usage.cached_tokens
            sequence.close(finish, logprob if ended else None)

    def _failed(self, sequence: Running, error: ModelError) -> None:
        """One request can't go on; the others can."""
        sequence.outbox.error = error
        self._closed(sequence.outbox)

    def leave(self, owner: Hashable) -> None:
        """A conversation ended: its blocks stay no longer than others'."""
        self.scheduler.leave(owner)

    def clear(self) -> None:
        """Forgets all that was computed and that nobody uses."""
        self.blocks.clear()

    def metrics(self) -> dict[str, int]:
        """Counts since it was made, and what there is now."""
        scheduler, blocks = self.scheduler, self.blocks
        return {
            **self._counts,
            "prefilled_tokens": self.prefilled_tokens,
            "steps": self.steps,
            "preemptions": scheduler.preempted,
            "running": len(scheduler.running),
            "waiting": len(scheduler.waiting),
            "blocks": blocks.count,
            "blocks_used": blocks.count - blocks.free,
            "blocks_cached": blocks.cached,
        }
