"""The next token of each row: mask, greatest logit or a draw, reading the vocabulary once.

A first kernel goes over blocks of the vocabulary and leaves each block's greatest logit and sum of exponentials; a
second one finds the block in which the draw lies by these sums, and the token in it. The draw is the reference's: the
first token in order of ids at which the running sum of probabilities passes a given share, so a seed gives the same
text.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from ..engine.ops import SampleBatch
from .launch import Launch

_BLOCK = 2048
_LISTED = 128


@triton.jit
def penalise_kernel(
    logits, seen, counts, bias_tokens, bias, repetition, frequency, presence,
    row_stride, listed, biased, LISTED: tl.constexpr,
):  # fmt: skip
    """One program a row: changes the logits of listed tokens. Padding is -1."""
    row = tl.program_id(0).to(tl.int64)
    own = logits + row * row_stride
    for start in range(0, biased, LISTED):
        index = start + tl.arange(0, LISTED)
        token = tl.load(bias_tokens + row * biased + index, mask=index < biased, other=-1)
        change = tl.load(bias + row * biased + index, mask=index < biased, other=0.0)
        place = own + tl.maximum(token, 0)
        tl.store(place, tl.load(place, mask=token >= 0, other=0.0) + change, mask=token >= 0)
    tl.debug_barrier()  # a token may be in both lists
    times = tl.load(repetition + row)
    often = tl.load(frequency + row)
    once = tl.load(presence + row)
    for start in range(0, listed, LISTED):
        index = start + tl.arange(0, LISTED)
        token = tl.load(seen + row * listed + index, mask=index < listed, other=-1)
        count = tl.load(counts + row * listed + index, mask=index < listed, other=0.0)
        place = own + tl.maximum(token, 0)
        value = tl.load(place, mask=token >= 0, other=0.0)
        value = tl.where(value > 0.0, value / times, value * times) - count * often - once
        tl.store(place, value, mask=token >= 0)


@triton.jit
def _scaled(logits, allowed, row, row_stride, words, token, vocabulary, temperature):
    """Logits of tokens, divided by the temperature; minus infinity where a token is not allowed."""
    value = tl.load(logits + row * row_stride + token, mask=token < vocabulary, other=float("-inf"))
    if allowed is not None:
        word = tl.load(allowed + row * words + token // 32, mask=token < vocabulary, other=0)
        value = tl.where(((word >> (token % 32)) & 1) == 1, value, float("-inf"))
    return value / tl.where(temperature > 0.0, tl.maximum(temperature, 1.0e-6), 1.0)


@triton.jit
def block_sums_kernel(
    logits, allowed, temperatures, best, best_token, sums, vocabulary, row_stride, words, BLOCK: tl.constexpr
):
    """One program for a block of a row's vocabulary."""
    row = tl.program_id(1).to(tl.int64)
    token = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = _scaled(logits, allowed, row, row_stride, words, token, vocabulary, tl.load(temperatures + row))
    greatest, place = tl.max(value, axis=0, return_indices=True)
    entry = row * tl.num_programs(0) + tl.program_id(0)
    tl.store(best + entry, greatest)
    tl.store(best_token + entry, tl.program_id(0) * BLOCK + place)
    tl.store(sums + entry, tl.sum(tl.exp(value - tl.maximum(greatest, -1.0e30)), axis=0))


@triton.jit
def choose_token_kernel(
    logits, allowed, temperatures, uniform, best, best_token, sums, out, vocabulary, row_stride, words, blocks,
    BLOCK: tl.constexpr, BLOCKS: tl.constexpr,
):  # fmt: skip
    """One program a row: the greatest logit's token, or the one at the draw."""
    row = tl.program_id(0).to(tl.int64)
    index = tl.arange(0, BLOCKS)
    greatest = tl.load(best + row * blocks + index, mask=index < blocks, other=float("-inf"))
    peak, where = tl.max(greatest, axis=0, return_indices=True)
    temperature = tl.load(temperatures + row)
    if temperature == 0.0:
        tl.store(out + row, tl.load(best_token + row * blocks + where).to(tl.int64))
        return
    peak = tl.maximum(peak, -1.0e30)
    mass = tl.load(sums + row * blocks + index, mask=index < blocks, other=0.0) * tl.exp(greatest - peak)
    mass = mass.to(tl.float64)
    wanted = tl.load(uniform + row) * tl.sum(mass, axis=0)
    # The first block whose end is behind the draw; by rounding there may be none: then the last one that has any mass.
    block = tl.min(tl.where((tl.cumsum(mass, axis=0) > wanted) & (mass > 0), index, BLOCKS), axis=0)
    block = tl.where(block == BLOCKS, tl.max(tl.where(mass > 0, index, 0), axis=0), block)
    before = tl.sum(tl.where(index < block, mass, 0.0), axis=0)
    place = tl.arange(0, BLOCK)
    value = _scaled(logits, allowed, row, row_stride, words, block * BLOCK + place, vocabulary, temperature)
    share = tl.exp(value - peak).to(tl.float64)
    found = tl.min(tl.where((before + tl.cumsum(share, axis=0) > wanted) & (share > 0), place, BLOCK), axis=0)
    found = tl.where(found == BLOCK, tl.max(tl.where(share > 0, place, 0), axis=0), found)
    tl.store(out + row, (block * BLOCK + found).to(tl.int64))


def penalise_launch(logits: Tensor, batch: SampleBatch) -> Launch:
    """Penalties and bias of a batch, in place."""
    return Launch(
        penalise_kernel,
        (logits.shape[0],),
        {
            "logits": logits,
            "seen": batch.seen,
            "counts": batch.counts,
            "bias_tokens": batch.bias_tokens,
            "bias": batch.bias,
            "repetition": batch.repetition,
            "frequency": batch.frequency,
            "presence": batch.presence,
            "row_stride": logits.stride(0),
            "listed": batch.seen.shape[1],
            "biased": batch.bias_tokens.shape[1],
        },
        {"LISTED": _LISTED},
    )


def sample_launches(logits: Tensor, batch: SampleBatch, out: Tensor) -> tuple[Launch, Launch]:
    """Tokens into ``out``, int64; top-k, top-p and min-p are not looked at."""
    rows, vocabulary = logits.shape
    blocks = triton.cdiv(vocabulary, _BLOCK)
    found: dict[str, Tensor | int | float | None] = {
        "best": logits.new_empty(rows, blocks),
        "best_token": out.new_empty(rows, blocks),
        "sums": logits.new_empty(rows, blocks),
    }
    given: dict[str, Tensor | int | float | None] = {
        "logits": logits,
        "allowed": batch.allowed,
        "temperatures": batch.temperature,
        "vocabulary": vocabulary,
        "row_stride": logits.stride(0),
        "words": (vocabulary + 31) // 32,
    }
    first = Launch(block_sums_kernel, (blocks, rows), given | found, {"BLOCK": _BLOCK}, warps=4)
    second = Launch(
        choose_token_kernel,
        (rows,),
        given | found | {"uniform": batch.uniform, "out": out, "blocks": blocks},
        {"BLOCK": _BLOCK, "BLOCKS": triton.next_power_of_2(blocks)},
        warps=8,
    )
    return first, second
