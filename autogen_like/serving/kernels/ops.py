"""The decoder's arithmetic on a GPU: the kernels, each behind a method of the engine's `Ops`."""

from __future__ import annotations

import torch
from torch import Tensor

from ..engine.ops import Affine, SampleBatch, TorchOps
from .activation import silu_gate_launch
from .attention import choose_splits, decode_attention_launches, prefill_attention_launch
from .norm import rms_norm_launch
from .packed_linear import MOST_ROWS, packed_linear_launch, splits_of
from .rope_store import rope_store_launch
from .sampling import penalise_launch, sample_launches

_TORCH = TorchOps()


class TritonOps:
    """Kernels in Triton. Nothing here waits for the GPU, but for what `sample` says.

    Args:
        processors: Of the GPU (streaming multiprocessors): work is split so that all have some.
    """

    def __init__(self, processors: int) -> None:
        self._processors = processors

    def rms_norm(self, hidden: Tensor, residual: Tensor | None, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        """As `Ops.rms_norm`."""
        hidden = hidden.contiguous()
        out = torch.empty_like(hidden)
        if residual is None:
            rms_norm_launch(hidden, None, weight, eps, out, None).run()
            return out, hidden
        total = torch.empty_like(hidden)
        rms_norm_launch(hidden, residual.contiguous(), weight, eps, out, total).run()
        return out, total

    def rope_store(
        self, qkv: Tensor, cos: Tensor, sin: Tensor, slots: Tensor, keys: Tensor, values: Tensor,
        norms: tuple[Tensor, Tensor, float] | None,
    ) -> Tensor:  # fmt: skip
        """As `Ops.rope_store`."""
        tokens, heads, width = qkv.shape
        queries = qkv.new_empty(tokens, heads - 2 * keys.shape[2], width)
        tables = cos.contiguous(), sin.contiguous()
        rope_store_launch(qkv.contiguous(), *tables, slots, keys, values, norms, queries).run()
        return queries

    def silu_mul(self, gate_up: Tensor) -> Tensor:
        """As `Ops.silu_mul`."""
        out = gate_up.new_empty(gate_up.shape[0], gate_up.shape[1] // 2)
        silu_gate_launch(gate_up.contiguous(), out).run()
        return out

    def prefill_attention(
        self, queries: Tensor, keys: Tensor, values: Tensor, tables: Tensor, starts: Tensor, lengths: Tensor
    ) -> Tensor:
        """As `Ops.prefill_attention`."""
        out = torch.empty_like(queries, memory_format=torch.contiguous_format)
        prefill_attention_launch(queries, keys, values, tables, starts, lengths, out).run()
        return out

    def decode_attention(
        self, queries: Tensor, keys: Tensor, values: Tensor, tables: Tensor, lengths: Tensor
    ) -> Tensor:
        """As `Ops.decode_attention`."""
        count, heads, width = queries.shape
        splits = choose_splits(count, keys.shape[2], self._processors)
        part = queries.new_empty(count * heads * splits * (width + 1), dtype=torch.float32)
        out = torch.empty_like(queries, memory_format=torch.contiguous_format)
        for launch in decode_attention_launches(queries, keys, values, tables, lengths, splits, part, out):
            launch.run()
        return out

    def linear(self, rows: Tensor, weight: Affine) -> Tensor:
        """As `Ops.linear`; with more rows than `MOST_ROWS` the weight is unpacked and the dense product taken."""
        count = rows.shape[0]
        if count > MOST_ROWS:
            return _TORCH.linear(rows, weight)
        splits = splits_of(weight, self._processors)
        part = rows.new_empty(splits, count, weight.quants.shape[0], dtype=torch.float32)
        packed_linear_launch(rows.contiguous(), weight, splits, part).run()
        return part.sum(dim=0).to(rows.dtype)

    def sample(self, logits: Tensor, batch: SampleBatch) -> Tensor:
        """As `Ops.sample`.

        Top-k, top-p and min-p need the tokens in order: a batch with any of them is torch's, which waits for the GPU.
        """
        truncated = bool(((batch.top_k > 0) | (batch.top_p < 1) | (batch.min_p > 0)).any())
        if truncated and bool((batch.temperature > 0).any()):
            return _TORCH.sample(logits, batch)
        batch = batch.to(logits.device)
        if batch.seen.shape[1] or batch.bias_tokens.shape[1]:
            logits = logits.clone()
            penalise_launch(logits, batch).run()
        tokens = torch.empty(logits.shape[0], dtype=torch.int64, device=logits.device)
        for launch in sample_launches(logits, batch, tokens):
            launch.run()
        return tokens
