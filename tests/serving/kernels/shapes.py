"""Every kernel as models of several shapes start it, with tensors that have a type and a shape but no memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from autogen_like.serving.engine.ops import Affine, SampleBatch
from autogen_like.serving.kernels.activation import silu_gate_launch
from autogen_like.serving.kernels.attention import decode_attention_launches, prefill_attention_launch
from autogen_like.serving.kernels.launch import Launch
from autogen_like.serving.kernels.norm import rms_norm_launch
from autogen_like.serving.kernels.packed_linear import packed_linear_launch
from autogen_like.serving.kernels.rope_store import rope_store_launch
from autogen_like.serving.kernels.sampling import penalise_launch, sample_launches


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a model: the widths that kernels are compiled for."""

    hidden: int
    heads: int
    kv_heads: int
    width: int
    vocabulary: int


SHAPES = {
    "0.5B": Shape(896, 14, 2, 64, 151936),
    "8B": Shape(4096, 32, 8, 128, 128256),
}


def empty(*shape: int, dtype: torch.dtype) -> Tensor:
    return torch.empty(*shape, dtype=dtype, device="meta")


def attention_launches(shape: Shape, dtype: torch.dtype) -> dict[str, Launch]:
    """The kernels that touch keys and values."""
    tokens, sequences, splits = 256, 4, 16
    qkv = empty(tokens, shape.heads + 2 * shape.kv_heads, shape.width, dtype=dtype)
    queries = empty(tokens, shape.heads, shape.width, dtype=dtype)
    blocks = empty(64, 16, shape.kv_heads, shape.width, dtype=dtype)
    angles = empty(tokens, shape.width // 2, dtype=dtype)
    slots = empty(tokens, dtype=torch.int64)
    tables = empty(sequences, 64, dtype=torch.int32)
    lengths, starts = empty(sequences, dtype=torch.int32), empty(sequences + 1, dtype=torch.int32)
    norm = empty(shape.width, dtype=dtype)
    part = empty(sequences * shape.heads * splits * (shape.width + 1), dtype=torch.float32)
    one = queries[:sequences]
    attend, combine = decode_attention_launches(one, blocks, blocks, tables, lengths, splits, part, one)
    return {
        "rope_store": rope_store_launch(qkv, angles, angles, slots, blocks, blocks, None, queries),
        "rope_store with norms": rope_store_launch(
            qkv, angles, angles, slots, blocks, blocks, (norm, norm, 1e-6), queries
        ),
        "prefill_attention": prefill_attention_launch(queries, blocks, blocks, tables, starts, lengths, queries),
        "decode_attention": attend,
        "combine_splits": combine,
    }


def row_launches(shape: Shape, dtype: torch.dtype) -> dict[str, Launch]:
    """The kernels that work on rows of the hidden state."""
    hidden = empty(16, shape.hidden, dtype=dtype)
    weight = empty(shape.hidden, dtype=dtype)
    launches = {
        "rms_norm": rms_norm_launch(hidden, None, weight, 1e-6, hidden, None),
        "rms_norm with residual": rms_norm_launch(hidden, hidden, weight, 1e-6, hidden, hidden),
        "silu_mul": silu_gate_launch(empty(16, 2 * shape.hidden, dtype=dtype), hidden),
    }
    scales = empty(shape.hidden, shape.hidden // 32, dtype=torch.float16)
    for bits, quants in ((4, torch.uint8), (8, torch.int8)):
        packed = Affine(empty(shape.hidden, shape.hidden * bits // 8, dtype=quants), scales, scales, bits)
        for rows in (1, 64):
            x, part = hidden[:1].expand(rows, -1), empty(4, rows, shape.hidden, dtype=torch.float32)
            launches[f"packed_linear {bits} bits {rows} rows"] = packed_linear_launch(x, packed, 4, part)
    return launches


def sampling_launches(vocabulary: int) -> dict[str, Launch]:
    """The kernels that choose tokens: always in float32."""
    rows = 8
    logits = empty(rows, vocabulary, dtype=torch.float32)
    number = empty(rows, dtype=torch.float32)
    whole = empty(rows, dtype=torch.int64)
    listed, amounts = empty(rows, 100, dtype=torch.int64), empty(rows, 100, dtype=torch.float32)
    uniform = empty(rows, dtype=torch.float64)
    words = empty(rows, (vocabulary + 31) // 32, dtype=torch.int32)
    plain = (number, whole, number, number, uniform, number, number, number, listed, amounts, listed, amounts)
    launches = {"penalise": penalise_launch(logits, SampleBatch(*plain))}
    for name, allowed in (("", None), (" masked", words)):
        sums, choose = sample_launches(logits, SampleBatch(*plain, allowed), whole)
        launches |= {f"block_sums{name}": sums, f"choose_token{name}": choose}
    return launches
