"""Attention over blocks, against float64: ragged lengths, shared key heads, tables with more than is used."""

from __future__ import annotations

import exact
import pytest
import torch
from torch import Tensor

from autogen_like.serving.kernels.attention import MOST_SPLITS, choose_splits, decode_attention_launches
from autogen_like.serving.kernels.launch import INTERPRETED
from autogen_like.serving.kernels.ops import TritonOps

assert INTERPRETED
LIMIT = {torch.float32: 5e-6, torch.float16: 2e-3}
types = pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["fp32", "fp16"])
heads_of = pytest.mark.parametrize(
    ("heads", "kv_heads", "width"), [(9, 3, 64), (14, 2, 64), (32, 8, 128), (5, 5, 64), (40, 2, 32)]
)


def blocks(kv_heads: int, width: int, lengths: list[int], dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Scattered blocks; what no sequence has written is not a number, and tables go on with places that don't exist."""
    most = max(-(-length // 16) for length in lengths) + 2
    order = iter(torch.randperm(len(lengths) * most).tolist())
    keys = torch.full((len(lengths) * most, 16, kv_heads, width), torch.nan, dtype=dtype)
    values = keys.clone()
    tables = torch.full((len(lengths), most), 1 << 30, dtype=torch.int32)
    for row, length in enumerate(lengths):
        for place in range(-(-length // 16)):
            block = next(order)
            tables[row, place] = block
            used = min(16, length - place * 16)
            keys[block, :used] = torch.randn(used, kv_heads, width).to(dtype)
            values[block, :used] = torch.randn(used, kv_heads, width).to(dtype)
    return keys, values, tables


@types
@heads_of
def test_decode(heads: int, kv_heads: int, width: int, dtype: torch.dtype) -> None:
    lengths = [1, 37, 0, 80]
    keys, values, tables = blocks(kv_heads, width, lengths, dtype)
    queries = torch.randn(4, heads, width).to(dtype)
    found = TritonOps(8).decode_attention(queries, keys, values, tables, torch.tensor(lengths, dtype=torch.int32))
    real = [0, 1, 3]
    wanted = exact.attention(
        queries[real], keys, values, tables[real], [0, 1, 2, 3], [length for length in lengths if length]
    )
    assert exact.error(found[real], wanted) < LIMIT[dtype]
    assert bool((found[2] == 0).all()), "a row of padding"


def test_a_long_sequence_is_the_same_however_it_is_split() -> None:
    lengths = [300, 17]
    keys, values, tables = blocks(2, 64, lengths, torch.float32)
    queries = torch.randn(2, 6, 64)
    wanted = exact.attention(queries, keys, values, tables, [0, 1, 2], lengths)
    for splits in (1, 2, 8, MOST_SPLITS):
        part, out = torch.full((2 * 6 * splits * 65,), torch.nan), torch.full_like(queries, torch.nan)
        sizes = torch.tensor(lengths, dtype=torch.int32)
        for launch in decode_attention_launches(queries, keys, values, tables, sizes, splits, part, out):
            launch.run()
        assert exact.error(out, wanted) < 1e-6


def test_work_is_split_among_all_processors_but_not_more_than_that() -> None:
    for sequences in (1, 3, 64, 1000):
        splits = choose_splits(sequences, 8, 132)
        assert splits & (splits - 1) == 0
        assert 1 <= splits <= MOST_SPLITS
        assert splits == 1 or sequences * 8 * splits <= 2 * 132


@types
@heads_of
def test_prefill(heads: int, kv_heads: int, width: int, dtype: torch.dtype) -> None:
    """New sequences, one that goes on after a prefix, one that has nothing to compute, and one new token."""
    new, old = [20, 7, 0, 1, 33], [0, 41, 5, 16, 0]
    lengths = [a + b for a, b in zip(new, old, strict=True)]
    starts = [sum(new[:n]) for n in range(len(new) + 1)]
    keys, values, tables = blocks(kv_heads, width, lengths, dtype)
    queries = torch.randn(sum(new), heads, width).to(dtype)
    found = TritonOps(8).prefill_attention(
        queries, keys, values, tables, torch.tensor(starts, dtype=torch.int32), torch.tensor(lengths, dtype=torch.int32)
    )
    assert exact.error(found, exact.attention(queries, keys, values, tables, starts, lengths)) < LIMIT[dtype]


def test_queries_and_blocks_that_are_parts_of_larger_tensors() -> None:
    """As layers of one pool, and as the first heads of a fused projection."""
    lengths = [30, 20]
    keys, values, tables = blocks(2, 64, lengths, torch.float32)
    pool = torch.stack((keys, values), dim=1)
    wide = torch.randn(2, 10, 64)
    found = TritonOps(8).decode_attention(
        wide[:, :6], pool[:, 0], pool[:, 1], tables, torch.tensor(lengths, dtype=torch.int32)
    )
    wanted = exact.attention(wide[:, :6], keys, values, tables, [0, 1, 2], lengths)
    assert exact.error(found, wanted) < 5e-6
