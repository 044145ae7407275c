"""The decoder on a GPU: steps in which all sequences decode are recorded once (a CUDA graph) and started as a whole.

A step of a small model is hundreds of kernels of a few microseconds each, which a program starts slower than the GPU
runs them. So a step in which each sequence computes one token is recorded once for each size of batch, and padded to
that size. All that changes from step to step is copied to the device in one transfer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..engine.checkpoint import Checkpoint, ModelConfig
from ..engine.ops import BLOCK, Ops, TorchOps
from .check import Case, CheckedOps
from .memory import PagedBatch, PagedMemory, StepTensors, unpacked
from .weights import DecoderWeights, load_weights

# Batches are padded to one of these: a recording takes some memory and, once, a second or two.
SIZES = (1, 2, 4, 8, *range(16, 257, 16))
_NEEDED = {"rope_store", "decode_attention"}  # torch's wait for the device, which a recording can't


@dataclass(slots=True)
class _Recording:
    """A step of one size: what it reads, what it writes, and how it is started."""

    given: Tensor
    logits: Tensor
    start: Callable[[], None]


class GpuDecoder:
    """A decoder with its weights on a device; what `Decoder` is on a CPU.

    Args:
        config: The model's shape.
        weights: On the device.
        ops: What computes.
        records: Whether steps are recorded; the operations must not wait for the device.
        context: Longest sequence.

    Attributes:
        config: The model's shape.
        dtype: What it computes in.
        ops: What computes.
        device: Where.
    """

    def __init__(self, config: ModelConfig, weights: DecoderWeights, ops: Ops, *, context: int, records: bool) -> None:
        self.config = config
        self.ops = ops
        self.dtype, self.device = weights.embed.dtype, weights.embed.device
        self._weights = weights
        self._width = -(-context // BLOCK)
        self._records = records
        self._recordings: dict[int, _Recording] = {}
        self._memory: PagedMemory | None = None
        self._shared: Any = None  # memory that recordings share: one runs at a time

    @classmethod
    def load(
        cls, checkpoint: Checkpoint, dtype: torch.dtype, device: torch.device, *,
        context: int | None = None, packed: bool = True,
    ) -> GpuDecoder:  # fmt: skip
        """Reads the weights and checks the kernels.

        Raises:
            ConfigError: If the model's weights are not what its configuration says.
            MissingExtra: If Triton is not installed.
        """
        config = checkpoint.config
        most = min(context or config.context, config.context)
        weights = load_weights(checkpoint, dtype, device, context=most, packed=packed)
        ops, records = device_ops(config, dtype, device)
        return cls(config, weights, ops, context=most, records=records)

    def block_bytes(self) -> int:
        """What a block of keys and values takes."""
        config = self.config
        return 2 * config.layers * config.kv_heads * BLOCK * config.head_dim * self.dtype.itemsize

    def memory(self, count: int) -> PagedMemory:
        """Memory of so many blocks; the decoder works on the last one that it gave."""
        self._memory = PagedMemory(self.config, self.dtype, count, self.device)
        self._recordings.clear()  # they write to the blocks that they were recorded with
        return self._memory

    @torch.inference_mode()
    def forward(self, tokens: Tensor, positions: Tensor, attention: PagedBatch, rows: Tensor | None = None) -> Tensor:
        """As `Decoder.forward`; `attention` is a batch of the memory's."""
        count = attention.sequences
        if attention.decoding == count and count <= SIZES[-1]:
            logits = self._decoded(tokens, positions, attention)[:count]
            return logits if rows is None else logits[rows.to(self.device)]
        given, sizes = attention.packed(tokens, positions, rows=count, width=attention.most_blocks)
        step = unpacked(self._there(given), sizes, attention.decoding)
        hidden = self._hidden(step)
        wanted = hidden if rows is None else hidden[rows.to(self.device)]
        return self._head(wanted)

    def _decoded(self, tokens: Tensor, positions: Tensor, batch: PagedBatch) -> Tensor:
        """One token of each sequence, padded to a size."""
        size = next(size for size in SIZES if size >= batch.sequences)
        given, sizes = batch.packed(tokens, positions, rows=size, width=self._width)
        recording = self._recordings.get(size)
        if recording is None:
            recording = self._recordings[size] = self._recorded(given, sizes, size)
        recording.given.copy_(_pinned(given, self.device), non_blocking=True)
        recording.start()
        return recording.logits

    def _recorded(self, given: Tensor, sizes: list[int], size: int) -> _Recording:
        step = unpacked(there := self._there(given), sizes, size)
        logits = torch.empty(size, self.config.vocabulary, dtype=torch.float32, device=self.device)

        def run() -> None:
            logits.copy_(self._head(self._hidden(step)))

        if not self._records:
            return _Recording(there, logits, run)
        # Once before: kernels are compiled and libraries find their workspace. The same slots are written again.
        side = torch.cuda.Stream(self.device)
        side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(side):
            run()
        torch.cuda.current_stream(self.device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._shared):
            run()
        self._shared = graph.pool()
        return _Recording(there, logits, graph.replay)

    def _there(self, given: Tensor) -> Tensor:
        return _pinned(given, self.device).to(self.device, non_blocking=True)

    def _hidden(self, step: StepTensors) -> Tensor:
        """The hidden state of all rows, normalised."""
        ops, weights, eps = self.ops, self._weights, self.config.eps
        if self._memory is None:
            raise AssertionError("a decoder needs memory first")
        cos, sin = weights.cos[step.positions], weights.sin[step.positions]
        slots = step.slots.long()
        hidden: Tensor = weights.embed[step.tokens]
        residual: Tensor | None = None
        for index, layer in enumerate(weights.layers):
            normed, residual = ops.rms_norm(hidden, residual, layer.attn_norm, eps)
            qkv = layer.qkv.apply(ops, normed).view(len(step.tokens), -1, self.config.head_dim)
            keys, values = self._memory.pool[index]
            queries = ops.rope_store(qkv, cos, sin, slots, keys, values, layer.head_norms)
            mixed = self._mixed(queries, keys, values, step).flatten(1)
            normed, residual = ops.rms_norm(layer.out.apply(ops, mixed), residual, layer.mlp_norm, eps)
            hidden = layer.down.apply(ops, ops.silu_mul(layer.gate_up.apply(ops, normed)))
        return ops.rms_norm(hidden, residual, weights.norm, eps)[0]

    def _mixed(self, queries: Tensor, keys: Tensor, values: Tensor, step: StepTensors) -> Tensor:
        """Attention: rows that decode, then those of prompts."""
        ones, tables, lengths = step.decoding, step.tables, step.lengths
        parts = []
        if ones:
            parts.append(self.ops.decode_attention(queries[:ones], keys, values, tables[:ones], lengths[:ones]))
        if ones < len(lengths):
            prompts = queries[ones:], keys, values, tables[ones:], step.starts, lengths[ones:]
            parts.append(self.ops.prefill_attention(*prompts))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _head(self, hidden: Tensor) -> Tensor:
        return self._weights.head.apply(self.ops, hidden).float()


def device_ops(config: ModelConfig, dtype: torch.dtype, device: torch.device) -> tuple[Ops, bool]:
    """What computes on a device, checked; and whether steps may be recorded.

    On anything but an NVIDIA GPU it is torch, which serves to test the rest.
    """
    if device.type != "cuda":
        return TorchOps(), False
    from .ops import TritonOps

    processors = torch.cuda.get_device_properties(device).multi_processor_count
    checked = CheckedOps(TritonOps(processors), Case(config, dtype, device))
    return checked, not _NEEDED & checked.replaced.keys()


def _pinned(tensor: Tensor, device: torch.device) -> Tensor:
    """In memory from which the device copies by itself."""
    return tensor.pin_memory() if device.type == "cuda" else tensor
