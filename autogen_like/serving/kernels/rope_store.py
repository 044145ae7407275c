"""The fused projection's output in one pass: queries and keys are turned, keys and values stored in their blocks."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from .launch import Launch

_HEADS = 8  # of one token, for one program


@triton.jit
def rope_store_kernel(
    qkv, cos, sin, slots, q_norm, k_norm, eps, queries, keys, values,
    block_stride, slot_stride, head_stride,
    HEADS: tl.constexpr, KV_HEADS: tl.constexpr, HALF: tl.constexpr, PLACES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One program for some heads of one token: queries, keys and values stand one after another in a row of qkv."""
    token = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[:, None]
    column = tl.arange(0, HALF)[None, :]
    live = (head < HEADS + 2 * KV_HEADS) & (column < HALF)
    is_query = head < HEADS
    is_key = (head >= HEADS) & (head < HEADS + KV_HEADS)

    place = qkv + (token * (HEADS + 2 * KV_HEADS) + head) * 2 * HALF + column
    first = tl.load(place, mask=live, other=0.0).to(tl.float32)
    second = tl.load(place + HALF, mask=live, other=0.0).to(tl.float32)

    a, b = first, second
    if q_norm is not None:
        scale = 1.0 / tl.sqrt((tl.sum(a * a, axis=1) + tl.sum(b * b, axis=1)) / (2 * HALF) + eps)
        # Norm weights are the same for all heads of a kind.
        wide = column + tl.zeros_like(head)
        a = a * scale[:, None] * tl.where(is_query, tl.load(q_norm + wide), tl.load(k_norm + wide)).to(tl.float32)
        wide = wide + HALF
        b = b * scale[:, None] * tl.where(is_query, tl.load(q_norm + wide), tl.load(k_norm + wide)).to(tl.float32)
    c = tl.load(cos + token * HALF + column).to(tl.float32)
    s = tl.load(sin + token * HALF + column).to(tl.float32)
    turns = is_query | is_key
    first, second = tl.where(turns, a * c - b * s, first), tl.where(turns, b * c + a * s, second)

    place = queries + (token * HEADS + head) * 2 * HALF + column
    tl.store(place, first.to(queries.dtype.element_ty), mask=is_query & live)
    tl.store(place + HALF, second.to(queries.dtype.element_ty), mask=is_query & live)
    slot = tl.load(slots + token).to(tl.int64)
    if slot < 0:  # a token of padding
        return
    kv_head = tl.where(is_key, head - HEADS, head - HEADS - KV_HEADS)
    offset = slot // PLACES * block_stride + slot % PLACES * slot_stride + kv_head * head_stride + column
    tl.store(keys + offset, first.to(keys.dtype.element_ty), mask=is_key & live)
    tl.store(keys + offset + HALF, second.to(keys.dtype.element_ty), mask=is_key & live)
    is_value = head >= HEADS + KV_HEADS
    tl.store(values + offset, first.to(values.dtype.element_ty), mask=is_value & live)
    tl.store(values + offset + HALF, second.to(values.dtype.element_ty), mask=is_value & live)


def rope_store_launch(
    qkv: Tensor,
    cos: Tensor,
    sin: Tensor,
    slots: Tensor,
    keys: Tensor,
    values: Tensor,
    norms: tuple[Tensor, Tensor, float] | None,
    queries: Tensor,
) -> Launch:
    """Turned queries into ``queries``, keys and values into their slots; shapes as in `Ops.rope_store`."""
    tokens, heads, width = queries.shape
    places, kv_heads = keys.shape[1:3]
    q_norm, k_norm, eps = norms if norms is not None else (None, None, 0.0)
    return Launch(
        rope_store_kernel,
        (tokens, triton.cdiv(heads + 2 * kv_heads, _HEADS)),
        {
            "qkv": qkv,
            "cos": cos,
            "sin": sin,
            "slots": slots,
            "q_norm": q_norm,
            "k_norm": k_norm,
            "eps": eps,
            "queries": queries,
            "keys": keys,
            "values": values,
            "block_stride": keys.stride(0),
            "slot_stride": keys.stride(1),
            "head_stride": keys.stride(2),
        },
        {"HEADS": heads, "KV_HEADS": kv_heads, "HALF": width // 2, "PLACES": places, "BLOCK": _HEADS},
    )
