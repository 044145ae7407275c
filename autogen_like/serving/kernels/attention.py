"""Attention over blocks of keys and values: prompts, and one new token of many sequences.

Both kernels are one loop (FlashAttention-2, Dao 2023, algorithm 1) over tiles of keys that are found through a table of
blocks. The query heads that share a key head are rows of one tile, so keys are read once for all of them. For one new
token the keys of a sequence are split among programs and put together afterwards (Flash-Decoding, Dao et al. 2023);
each program reads the sequence's length itself, so that the grid is the same for all lengths, as CUDA graphs want it.
"""

from __future__ import annotations

import math

import triton
import triton.language as tl
from torch import Tensor

from .launch import INTERPRETED, Launch

MOST_SPLITS = 64
_LOG2_E = math.log2(math.e)


@triton.jit
def _dot(left, right, DOT_F32: tl.constexpr):
    """The product, added up in float32; the interpreter multiplies in float32 too. No TF32."""
    if DOT_F32:
        left, right = left.to(tl.float32), right.to(tl.float32)
    return tl.dot(left, right, input_precision="ieee")


@triton.jit
def _attend(
    tile, position, begin, end, keys, values, table, scale, block_stride, slot_stride, head_offset,
    ROWS: tl.constexpr, WIDTH: tl.constexpr, PLACES: tl.constexpr, COLUMNS: tl.constexpr, DOT_F32: tl.constexpr,
):  # fmt: skip
    """Rows of queries over the keys from `begin` to `end`: weighted values, largest scores (log 2), sums of weights."""
    dim = tl.arange(0, WIDTH)
    best = tl.full([ROWS], -1.0e30, tl.float32)  # finite, so that rows which see nothing stay numbers
    weights = tl.zeros([ROWS], tl.float32)
    mixed = tl.zeros([ROWS, WIDTH], tl.float32)
    for start in range(begin, end, COLUMNS):
        at = start + tl.arange(0, COLUMNS)
        there = at < end
        block = tl.load(table + at // PLACES, mask=there, other=0).to(tl.int64)
        offset = block * block_stride + (at % PLACES) * slot_stride + head_offset
        key = tl.load(keys + offset[None, :] + dim[:, None], mask=there[None, :], other=0.0)
        score = _dot(tile, key, DOT_F32) * scale
        score = tl.where(there[None, :] & (at[None, :] <= position[:, None]), score, float("-inf"))
        better = tl.maximum(best, tl.max(score, axis=1))
        share = tl.exp2(score - better[:, None])
        shrink = tl.exp2(best - better)
        value = tl.load(values + offset[:, None] + dim[None, :], mask=there[:, None], other=0.0)
        mixed = mixed * shrink[:, None] + _dot(share.to(value.dtype), value, DOT_F32)
        weights = weights * shrink + tl.sum(share, axis=1)
        best = better
    return mixed, best, weights


@triton.jit
def prefill_attention_kernel(
    queries, out, keys, values, table, starts, lengths, sequences, scale,
    query_stride, block_stride, slot_stride, head_stride, table_stride,
    GROUP: tl.constexpr, KV_HEADS: tl.constexpr, WIDTH: tl.constexpr, PLACES: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, SEQUENCES: tl.constexpr, DOT_F32: tl.constexpr,
):  # fmt: skip
    """One program for some new tokens of a sequence and the query heads of one key head."""
    TOKENS: tl.constexpr = ROWS // GROUP
    program = tl.program_id(0)
    kv_head = tl.program_id(1)
    # A sequence has room for its tokens' tiles and one more; which one is this program's? Those left over do nothing.
    index = tl.arange(0, SEQUENCES)
    first_tile = tl.load(starts + index, mask=index < sequences, other=0) // TOKENS + index
    sequence = tl.sum(((first_tile <= program) & (index < sequences)).to(tl.int32), axis=0) - 1
    first = tl.load(starts + sequence)
    count = tl.load(starts + sequence + 1) - first
    tile_index = program - first // TOKENS - sequence
    if tile_index * TOKENS >= count:
        return
    length = tl.load(lengths + sequence)
    row = tl.arange(0, ROWS)
    token = tile_index * TOKENS + row // GROUP
    live = (row < TOKENS * GROUP) & (token < count)
    position = length - count + token
    dim = tl.arange(0, WIDTH)
    head = kv_head * GROUP + row % GROUP
    token = first.to(tl.int64) + token
    tile = tl.load(
        queries + token[:, None] * query_stride + head[:, None] * WIDTH + dim[None, :],
        mask=live[:, None], other=0.0,
    )  # fmt: skip
    end = tl.minimum(length, length - count + (tile_index + 1) * TOKENS)
    mixed, _, weights = _attend(
        tile, position, 0, end, keys, values, table + sequence.to(tl.int64) * table_stride, scale,
        block_stride, slot_stride, kv_head * head_stride, ROWS, WIDTH, PLACES, COLUMNS, DOT_F32,
    )  # fmt: skip
    mixed = mixed / tl.where(live, weights, 1.0)[:, None]
    place = out + (token[:, None] * KV_HEADS * GROUP + head[:, None]) * WIDTH + dim[None, :]
    tl.store(place, mixed.to(out.dtype.element_ty), mask=live[:, None])


@triton.jit
def decode_attention_kernel(
    queries, part, part_score, keys, values, table, lengths, scale,
    query_stride, block_stride, slot_stride, head_stride, table_stride,
    GROUP: tl.constexpr, KV_HEADS: tl.constexpr, WIDTH: tl.constexpr, PLACES: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, SPLITS: tl.constexpr, DOT_F32: tl.constexpr,
):  # fmt: skip
    """One program for a share of a sequence's keys and the query heads of one key head."""
    split = tl.program_id(0)
    kv_head = tl.program_id(1)
    sequence = tl.program_id(2).to(tl.int64)
    length = tl.load(lengths + sequence)
    share = tl.cdiv(tl.cdiv(length, SPLITS), COLUMNS) * COLUMNS
    begin = split * share
    end = tl.minimum(begin + share, length)
    row = tl.arange(0, ROWS)
    live = row < GROUP
    head = kv_head * GROUP + row
    entry = (sequence * KV_HEADS * GROUP + head) * SPLITS + split
    if begin >= end:
        tl.store(part_score + entry, tl.full([ROWS], float("-inf"), tl.float32), mask=live)
        return
    dim = tl.arange(0, WIDTH)
    tile = tl.load(
        queries + sequence * query_stride + head[:, None] * WIDTH + dim[None, :], mask=live[:, None], other=0.0
    )
    position = tl.full([ROWS], 0, tl.int32) + length
    mixed, best, weights = _attend(
        tile, position, begin, end, keys, values, table + sequence * table_stride, scale,
        block_stride, slot_stride, kv_head * head_stride, ROWS, WIDTH, PLACES, COLUMNS, DOT_F32,
    )  # fmt: skip
    tl.store(part + entry[:, None] * WIDTH + dim[None, :], mixed / weights[:, None], mask=live[:, None])
    tl.store(part_score + entry, best + tl.log2(weights), mask=live)


@triton.jit
def combine_splits_kernel(part, part_score, out, WIDTH: tl.constexpr, SPLITS: tl.constexpr):
    """One program for a head of a sequence: what its splits found, by the weight of each. Nothing seen is zeros."""
    entry = (tl.program_id(1).to(tl.int64) * tl.num_programs(0) + tl.program_id(0)) * SPLITS + tl.arange(0, SPLITS)
    score = tl.load(part_score + entry)
    seen = score > float("-inf")
    best = tl.maximum(tl.max(score, axis=0), -1.0e30)
    weight = tl.exp2(score - best)
    dim = tl.arange(0, WIDTH)
    mixed = tl.load(part + entry[:, None] * WIDTH + dim[None, :], mask=seen[:, None], other=0.0)
    total = tl.sum(weight, axis=0)
    mixed = tl.sum(mixed * weight[:, None], axis=0) / tl.where(total > 0.0, total, 1.0)
    place = out + (tl.program_id(1).to(tl.int64) * tl.num_programs(0) + tl.program_id(0)) * WIDTH + dim
    tl.store(place, mixed.to(out.dtype.element_ty))


def _blocks(queries: Tensor, keys: Tensor, values: Tensor, tables: Tensor) -> dict[str, Tensor | int | float | None]:
    return {
        "queries": queries,
        "keys": keys,
        "values": values,
        "table": tables,
        "scale": _LOG2_E / math.sqrt(queries.shape[-1]),
        "query_stride": queries.stride(0),
        "block_stride": keys.stride(0),
        "slot_stride": keys.stride(1),
        "head_stride": keys.stride(2),
        "table_stride": tables.stride(0),
    }


def _shape(queries: Tensor, keys: Tensor) -> dict[str, int | bool]:
    places, kv_heads = keys.shape[1:3]
    heads, width = queries.shape[1:]
    group = heads // kv_heads
    return {"GROUP": group, "KV_HEADS": kv_heads, "WIDTH": width, "PLACES": places, "DOT_F32": INTERPRETED}


def prefill_attention_launch(
    queries: Tensor, keys: Tensor, values: Tensor, tables: Tensor, starts: Tensor, lengths: Tensor, out: Tensor
) -> Launch:
    """Causal attention of sequences' last tokens into ``out``; shapes as in `Ops.prefill_attention`."""
    constants = _shape(queries, keys)
    width, sequences = queries.shape[-1], tables.shape[0]
    # Registers and shared memory hold a tile of queries and two of keys and values; wide elements want smaller tiles.
    small = INTERPRETED or queries.element_size() == 4 or width > 128
    rows = max(32 if small else 128, triton.next_power_of_2(constants["GROUP"]))
    tiles = queries.shape[0] // (rows // constants["GROUP"]) + sequences
    return Launch(
        prefill_attention_kernel,
        (tiles, keys.shape[2]),
        _blocks(queries, keys, values, tables)
        | {"out": out, "starts": starts, "lengths": lengths, "sequences": sequences},
        constants
        | {
            "ROWS": rows,
            "COLUMNS": 16 if queries.element_size() == 4 else 64 if width <= 64 else 32,
            "SEQUENCES": triton.next_power_of_2(sequences),
        },
        warps=8,
        stages=2,
    )


def decode_attention_launches(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    tables: Tensor,
    lengths: Tensor,
    splits: int,
    part: Tensor,
    out: Tensor,
) -> tuple[Launch, Launch]:
    """Attention of one new token of each sequence into ``out``; shapes as in `Ops.decode_attention`.

    Args:
        queries: Of the new tokens.
        keys: Of all tokens.
        values: Likewise.
        tables: Blocks of each sequence.
        lengths: Tokens of each sequence, the new one included; 0 is padding, and gives zeros.
        splits: Among how many programs a sequence's keys are split: a power of two, at most `MOST_SPLITS`.
        part: Room for what they find: float32, ``sequences * heads * splits * (head_dim + 1)`` numbers.
        out: As `queries`, contiguous.
    """
    count, heads, width = queries.shape
    constants = _shape(queries, keys)
    entries = count * heads * splits
    found = {"part": part[: entries * width], "part_score": part[entries * width :]}
    attend = Launch(
        decode_attention_kernel,
        (splits, keys.shape[2], count),
        _blocks(queries, keys, values, tables) | found | {"lengths": lengths},
        constants
        | {
            "ROWS": max(16, triton.next_power_of_2(constants["GROUP"])),  # the least that tl.dot takes
            "COLUMNS": 64 if queries.element_size() == 2 and width <= 128 else 32,
            "SPLITS": splits,
        },
        warps=4,
        stages=3 if queries.element_size() == 2 and width <= 64 else 2,
    )
    combine = Launch(combine_splits_kernel, (heads, count), {**found, "out": out}, {"WIDTH": width, "SPLITS": splits})
    return attend, combine


def choose_splits(sequences: int, kv_heads: int, processors: int) -> int:
    """How many programs share a sequence's keys, so that about two run on each of the GPU's processors.

    Example:
        >>> choose_splits(1, 8, 132), choose_splits(64, 8, 132)
        (32, 1)
    """
    wanted = max(2 * processors // max(sequences * kv_heads, 1), 1)
    return min(1 << wanted.bit_length() - 1, MOST_SPLITS)
