"""What gpu.py measures: kernels by themselves, steps of whole models, many requests, and transformers beside."""

from __future__ import annotations

import gc
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from types import SimpleNamespace
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor

from autogen_like.core.errors import ConfigError
from autogen_like.serving.engine import Engine, EngineConfig, GenerateRequest
from autogen_like.serving.engine.checkpoint import ModelConfig
from autogen_like.serving.engine.ops import BLOCK, Affine, Ops, SampleBatch, TorchOps
from autogen_like.serving.engine.scheduler import Chunk
from autogen_like.serving.engine.sequence import Running
from autogen_like.serving.engine.tokenizer import TextTokenizer
from autogen_like.serving.kernels.check import CASES, Case
from autogen_like.serving.kernels.decoder import GpuDecoder, device_ops
from autogen_like.serving.kernels.memory import PagedBatch
from autogen_like.serving.kernels.weights import DecoderWeights, LayerWeights, Matrix

DTYPE = torch.bfloat16
_ROTATED = 256 << 20  # bytes that calls in turn go over: more than any cache holds
Make: TypeAlias = Callable[[], Callable[[], object]]  # makes a call that has buffers of its own
MODELS = {
    "tiny": ModelConfig("llama", 2, 64, 4, 2, 16, 96, 300, 512, 1e-5, 1e4),
    "0.5B": ModelConfig("qwen2", 24, 896, 14, 2, 64, 4864, 151936, 32768, 1e-6, 1e6),
    "7B": ModelConfig("qwen2", 28, 3584, 28, 4, 128, 18944, 152064, 32768, 1e-6, 1e6),
    "8B": ModelConfig("llama", 32, 4096, 32, 8, 128, 14336, 128256, 131072, 1e-5, 5e5),
}


@dataclass(frozen=True)
class Line:
    """One number.

    Attributes:
        what: Of what.
        value: None where it was not measured; `note` says why.
        unit: Its unit.
        share: Of what the memory's measured bandwidth allows.
        note: Why there is no value.
    """

    what: str
    value: float | None
    unit: str = ""
    share: float | None = None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For the JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Bench:
    """What is measured, and the bandwidth that shares are of (bytes read and written a second)."""

    device: torch.device
    models: Sequence[str]
    batches: Sequence[int]
    contexts: Sequence[int]
    requests: int
    bandwidth: float

    def seconds(self, calls: Sequence[Callable[[], object]], rounds: int = 5) -> float:
        """Of one call, the median of some rounds over all of them; on a GPU as one recording, without gaps."""
        for call in calls[:2]:
            call()
        if self.device.type != "cuda":
            return statistics.median(_timed(lambda: [call() for call in calls]) for _ in range(rounds)) / len(calls)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            kept = [call() for call in calls]  # so that none takes the memory of one before
        del kept
        graph.replay()
        times = []
        for _ in range(rounds):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            graph.replay()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) / 1e3)
        return statistics.median(times) / len(calls)

    def finish(self) -> None:
        """Waits for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def random(self, *shape: int, dtype: torch.dtype = DTYPE) -> Tensor:
        return torch.randn(*shape, device=self.device, dtype=dtype)


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def copy_bandwidth(device: torch.device) -> float:
    """Bytes read and written a second by a large copy: what no kernel outruns."""
    size = (4 << 30) if device.type == "cuda" else (64 << 20)
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    plain = Bench(device, [], [], [], 0, 1.0)
    seconds = plain.seconds([lambda: target.copy_(source)])
    return 2 * size / seconds


class _Upcast(Case):
    """The numbers of a case as bfloat16 rounds them, in float32: for the reference."""

    __slots__ = ()

    def random(self, *shape: int) -> Tensor:
        return replace(self, dtype=DTYPE).rounded(*shape).float()

    def rounded(self, *shape: int) -> Tensor:
        return super().random(*shape)


def numerics(bench: Bench, deadline: float) -> list[Line]:
    """The relative error of each operation in bfloat16 against torch in float32 on the same numbers."""
    lines = []
    for model in bench.models:
        config = MODELS[model]
        ops, _ = device_ops(config, DTYPE, bench.device)
        for name, run in CASES.items():
            if time.monotonic() > deadline:
                return [*lines, Line(f"{name}, {model}", None, note="no time")]
            found = run(ops, Case(config, DTYPE, bench.device))
            wanted = run(TorchOps(), _Upcast(config, torch.float32, bench.device))
            errors = [
                float((one.double() - other.double()).norm() / other.double().norm().clamp(min=1e-30))
                for one, other in zip(found, wanted, strict=True)
            ]
            lines.append(Line(f"{name}, {model}", max(errors), "error"))
    return lines


def kernels(bench: Bench, deadline: float) -> list[Line]:
    """Each operation by itself, on buffers that no cache holds."""
    lines: list[Line] = []
    for model in bench.models:
        config = MODELS[model]
        ops, _ = device_ops(config, DTYPE, bench.device)
        for what, size, make in _cases(bench, ops, config):
            if time.monotonic() > deadline:
                return [*lines, Line(f"{what}, {model}", None, note="no time")]
            with _released():
                copies = max(2, min(_ROTATED // max(size, 1), 64)) if bench.device.type == "cuda" else 2
                try:
                    seconds = bench.seconds([make() for _ in range(copies)])
                except torch.OutOfMemoryError:
                    lines.append(Line(f"{what}, {model}", None, note="no memory"))
                    continue
            lines.append(Line(f"{what}, {model}", seconds * 1e6, "us", size / seconds / bench.bandwidth))
    return lines


def _cases(bench: Bench, ops: Ops, config: ModelConfig) -> Iterator[tuple[str, int, Make]]:
    """Name, bytes that must be read and written, and what makes a call with buffers of its own."""
    hidden, wide, heads, width = config.hidden, config.feed_forward, config.heads, config.head_dim
    many = 4096 if bench.device.type == "cuda" else 64
    weight = bench.random(hidden)

    def norm() -> Callable[[], object]:
        rows, residual = bench.random(many, hidden), bench.random(many, hidden)
        return lambda: ops.rms_norm(rows, residual, weight, 1e-6)

    yield f"rms_norm, {many} rows", 8 * many * hidden, norm

    def silu() -> Callable[[], object]:
        rows = bench.random(many, 2 * wide)
        return lambda: ops.silu_mul(rows)

    yield f"silu_mul, {many} rows", 6 * many * wide, silu

    def rope() -> Callable[[], object]:
        qkv = bench.random(many, heads + 2 * config.kv_heads, width)
        angles = bench.random(many, width // 2)
        keys, values = bench.random(2, many // BLOCK, BLOCK, config.kv_heads, width)
        slots = torch.randperm(many, device=bench.device)
        return lambda: ops.rope_store(qkv, angles, angles, slots, keys, values, None)

    if bench.device.type == "cuda":  # the reference waits for the device, which a recording can't
        yield f"rope_store, {many} rows", 4 * many * (heads + 2 * config.kv_heads) * width, rope
    for rows in (1, 16, 64):
        for bits in (4, 8):
            size = wide * hidden * bits // 8 + wide * hidden // 8 + 2 * rows * (wide + hidden)
            yield f"linear {bits} bits, {rows} rows", size, _linear(bench, ops, (rows, wide, hidden), bits)
    for batch in bench.batches:
        for context in bench.contexts:
            size = 4 * batch * context * config.kv_heads * width
            yield f"decode_attention, {batch} x {context}", size, _attention(bench, ops, config, batch, context)
        size = 4 * batch * config.vocabulary
        yield f"sample, {batch} rows", size, _sampling(bench, ops, batch, config.vocabulary)


def _linear(bench: Bench, ops: Ops, shape: tuple[int, int, int], bits: int) -> Make:
    rows, outputs, inputs = shape

    def make() -> Callable[[], object]:
        kind = torch.uint8 if bits == 4 else torch.int8
        quants = torch.randint(0, 100, (outputs, inputs * bits // 8), device=bench.device).to(kind)
        scales = bench.random(outputs, inputs // 32, dtype=torch.float16)
        x, packed = bench.random(rows, inputs), Affine(quants, scales, scales, bits)
        return lambda: ops.linear(x, packed)

    return make


def _attention(bench: Bench, ops: Ops, config: ModelConfig, batch: int, context: int) -> Make:
    def make() -> Callable[[], object]:
        each = -(-context // BLOCK)
        keys = bench.random(batch * each, BLOCK, config.kv_heads, config.head_dim)
        values, queries = torch.randn_like(keys), bench.random(batch, config.heads, config.head_dim)
        tables = torch.randperm(batch * each, device=bench.device).view(batch, each).int()
        lengths = torch.full((batch,), context, dtype=torch.int32, device=bench.device)
        return lambda: ops.decode_attention(queries, keys, values, tables, lengths)

    return make


def _sampling(bench: Bench, ops: Ops, rows: int, vocabulary: int) -> Make:
    """A masked draw. What is asked for lies on the device already, so that no transfer is in what is timed."""

    def make() -> Callable[[], object]:
        logits, zero = bench.random(rows, vocabulary, dtype=torch.float32), torch.zeros(rows)
        none = torch.empty(rows, 0)
        how = SampleBatch(
            zero + 1, zero.long(), zero + 1, zero, zero.double() + 0.5, zero + 1, zero, zero,
            none.long(), none, none.long(), none, torch.full((rows, -(-vocabulary // 32)), -1, dtype=torch.int32),
        )  # fmt: skip
        if bench.device.type != "cuda":
            return lambda: ops.sample(logits, how)
        from autogen_like.serving.kernels.sampling import sample_launches

        there, out = how.to(bench.device), torch.empty(rows, dtype=torch.int64, device=bench.device)
        launches = sample_launches(logits, there, out)
        return lambda: [launch.run() for launch in launches]

    return make


def random_weights(bench: Bench, config: ModelConfig) -> DecoderWeights:
    """A model's weights, of the right shapes."""

    def matrix(outputs: int, inputs: int) -> Matrix:
        return Matrix(bench.random(outputs, inputs).mul_(inputs**-0.5))

    def layer() -> LayerWeights:
        queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
        one = torch.ones(config.hidden, device=bench.device, dtype=DTYPE)
        return LayerWeights(
            one, matrix(queries + 2 * keys, config.hidden), None, matrix(config.hidden, queries), one,
            matrix(2 * config.feed_forward, config.hidden), matrix(config.hidden, config.feed_forward),
        )  # fmt: skip

    angles = bench.random(config.context, config.head_dim // 2, dtype=torch.float32)
    head = matrix(config.vocabulary, config.hidden)
    embed = cast("Tensor", head.weight)
    one = torch.ones(config.hidden, device=bench.device, dtype=DTYPE)
    cos, sin = angles.cos().to(DTYPE), angles.sin().to(DTYPE)
    return DecoderWeights(embed, [layer() for _ in range(config.layers)], one, head, cos, sin)


def _model(bench: Bench, name: str, context: int) -> GpuDecoder:
    config = replace(MODELS[name], context=context)
    ops, records = device_ops(config, DTYPE, bench.device)
    return GpuDecoder(config, random_weights(bench, config), ops, context=context, records=records)


def decode(bench: Bench, deadline: float) -> list[Line]:
    """Steps of whole models in which each sequence gets a token: from numbers on the CPU to tokens on the CPU."""
    lines: list[Line] = []
    for name in bench.models:
        with _released():
            model = _model(bench, name, max(bench.contexts) + BLOCK)
            for context in bench.contexts:
                for batch in bench.batches:
                    what = f"{name}, {batch} x {context}"
                    if time.monotonic() > deadline:
                        return [*lines, Line(what, None, note="no time")]
                    lines.append(_step(bench, model, what, batch, context))
    return lines


def _step(bench: Bench, model: GpuDecoder, what: str, batch: int, context: int) -> Line:
    each = -(-(context + 1) // BLOCK)
    model.memory(1)  # gives back what the last one took
    try:
        model.memory(batch * each)
    except ConfigError:
        return Line(what, None, note="no memory")
    blocks = torch.randperm(batch * each).view(batch, each).tolist()
    sequences = [SimpleNamespace(blocks=own, computed=context - 1) for own in blocks]
    chunks = [Chunk(cast("Running", sequence), 1) for sequence in sequences]
    tokens, positions = torch.arange(batch), torch.full((batch,), context - 1)

    def step() -> list[int]:
        return cast("list[int]", model.forward(tokens, positions, PagedBatch(chunks)).argmax(dim=-1).tolist())

    for _ in range(3):
        step()
    seconds = statistics.median(_timed(step) for _ in range(20))
    config = model.config
    # The embedding is looked up, not read, so the head's matrix stands for both.
    layer = config.hidden * (config.heads + 2 * config.kv_heads) * config.head_dim
    layer += config.heads * config.head_dim * config.hidden + 3 * config.hidden * config.feed_forward
    size = 2 * (config.layers * layer + config.vocabulary * config.hidden)
    size += batch * context * model.block_bytes() // BLOCK
    return Line(what, batch / seconds, "tok/s", size / bench.bandwidth / seconds)


def ragged(bench: Bench, deadline: float) -> list[Line]:
    """Many requests of 100 to 1,024 tokens that ask for as many, in the real engine; for the first model."""
    name = bench.models[0]
    small = bench.device.type != "cuda"
    most = 32 if small else 1024
    with _released():
        model = _model(bench, name, 2 * most + BLOCK)
        chance = torch.Generator().manual_seed(0)
        sizes = torch.randint(most // 10, most + 1, (bench.requests, 2), generator=chance).tolist()
        config = EngineConfig(
            dtype="bfloat16", device=bench.device.type, cache_bytes=(16 << 30) if not small else 1 << 20,
            step_tokens=8192, max_running=256,
        )  # fmt: skip
        engine = Engine(model, _no_text(), config)
        requests = [
            GenerateRequest(torch.randint(0, 256, (given,), generator=chance).tolist(), max_tokens=wanted)
            for given, wanted in sizes
        ]
        replies = [engine.generate(request) for request in requests]
        bench.finish()
        begun = time.perf_counter()
        tokens, late = _drained(replies, deadline)
        seconds = time.perf_counter() - begun
    lines = [Line(f"{name}, {bench.requests} requests: tokens", tokens, "generated" + (" (cut short)" if late else ""))]
    return [*lines, Line(f"{name}, {bench.requests} requests", tokens / seconds, "tok/s")]


def _drained(replies: Sequence[Iterator[Any]], deadline: float) -> tuple[int, bool]:
    """Tokens of all replies, side by side, and whether the time ran out."""
    tokens, left = 0, list(replies)
    while left:
        going = []
        for reply in left:
            step = next(reply, None)
            if step is not None:
                tokens += step.token is not None
                going.append(reply)
        left = going
        if time.monotonic() > deadline:
            return tokens, bool(left)
    return tokens, False


def _no_text() -> TextTokenizer:
    """Token ids of bytes; the others have no text, and none ends a reply."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: place for place, letter in enumerate(letters)}, []))
    tokenizer.add_special_tokens(["<end>"])
    tokenizer.decoder = decoders.ByteLevel()
    return TextTokenizer(tokenizer, ends=[], eos="<end>")


def transformers_decode(bench: Bench, deadline: float) -> list[Line]:
    """The same shapes in transformers' `generate`, as it is by default (not compiled)."""
    if importlib.util.find_spec("transformers") is None:
        return [Line("transformers", None, note="not installed")]
    lines: list[Line] = []
    for name in bench.models:
        with _released():
            model = _hugging_face(MODELS[name], bench.device)
            for batch in (1, bench.batches[-1]):
                what = f"{name}, {batch} x {bench.contexts[0]}"
                if time.monotonic() > deadline:
                    return [*lines, Line(what, None, note="no time")]
                given = torch.randint(0, 256, (batch, bench.contexts[0]), device=bench.device)

                def run(new: int, model: Any = model, given: Tensor = given) -> None:
                    model.generate(given, max_new_tokens=new, min_new_tokens=new, do_sample=False, pad_token_id=0)
                    bench.finish()

                run(2)
                few, more = _timed(lambda: run(2)), _timed(lambda: run(34))
                lines.append(Line(what, batch * 32 / max(more - few, 1e-9), "tok/s"))
    return lines


def _hugging_face(config: ModelConfig, device: torch.device) -> Any:
    import transformers

    shape = transformers.LlamaConfig(
        hidden_size=config.hidden, intermediate_size=config.feed_forward, num_hidden_layers=config.layers,
        num_attention_heads=config.heads, num_key_value_heads=config.kv_heads, head_dim=config.head_dim,
        vocab_size=config.vocabulary, max_position_embeddings=config.context,
    )  # fmt: skip
    with torch.device(device):
        return transformers.AutoModelForCausalLM.from_config(shape, dtype=DTYPE).eval()


@contextmanager
def _released() -> Iterator[None]:
    """What was taken meanwhile is given back."""
    try:
        yield
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
