"""Products with weights of four or eight bits, for few rows: decoding reads no more memory than the file has.

A program unpacks a tile of the weight in registers and multiplies it with all rows at once, so a weight is read once
for up to `MOST_ROWS` sequences. Inputs are split among programs where a weight has few outputs; the split depends on
the weight alone, so that a request's numbers are the same whoever shares its batch.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from ..engine.ops import Affine
from .launch import INTERPRETED, Launch

MOST_ROWS = 64
_OUTPUTS = 32  # of one program
_BYTES = {4: 64, 8: 128}  # of each of them at a time, by bits: as many as registers hold


@triton.jit
def packed_linear_kernel(
    rows, quants, scales, minima, part, count, outputs, inputs, row_stride,
    BITS: tl.constexpr, OUTPUTS: tl.constexpr, BYTES: tl.constexpr, ROWS: tl.constexpr, SPLITS: tl.constexpr,
    DOT_F32: tl.constexpr,
):  # fmt: skip
    """One program for some outputs and a share of the inputs; sums of shares are the result."""
    IN_BYTE: tl.constexpr = 8 // BITS
    GROUP_BYTES: tl.constexpr = 32 // IN_BYTE
    output = tl.program_id(0) * OUTPUTS + tl.arange(0, OUTPUTS)
    split = tl.program_id(1)
    there = output < outputs
    output = tl.where(there, output, 0).to(tl.int64)
    row = tl.arange(0, ROWS)
    live = row < count
    size = inputs // IN_BYTE
    share = tl.cdiv(tl.cdiv(size, BYTES), SPLITS) * BYTES
    total = tl.zeros([OUTPUTS, ROWS], tl.float32)
    for start in range(split * share, tl.minimum((split + 1) * share, size), BYTES):
        byte = start + tl.arange(0, BYTES)
        inside = byte < size
        whole = tl.load(quants + output[:, None] * size + byte[None, :], mask=inside[None, :], other=0)
        group = start // GROUP_BYTES + tl.arange(0, BYTES // GROUP_BYTES)
        place = output[:, None] * (inputs // 32) + group[None, :]
        known = (group < inputs // 32)[None, :]
        scale = tl.load(scales + place, mask=known, other=0.0).to(tl.float32)
        minimum = tl.load(minima + place, mask=known, other=0.0).to(tl.float32)
        at = rows + row[None, :] * row_stride + byte[:, None] * IN_BYTE
        mask = inside[:, None] & live[None, :]
        first = tl.load(at, mask=mask, other=0.0)
        if BITS == 4:  # the even input is in the low half
            second = tl.load(at + 1, mask=mask, other=0.0)
            total += _product(whole & 15, scale, minimum, first, OUTPUTS, BYTES, GROUP_BYTES, DOT_F32)
            total += _product(whole >> 4, scale, minimum, second, OUTPUTS, BYTES, GROUP_BYTES, DOT_F32)
        else:
            total += _product(whole, scale, minimum, first, OUTPUTS, BYTES, GROUP_BYTES, DOT_F32)
    place = part + (split * count + row[None, :]) * outputs.to(tl.int64) + output[:, None]
    tl.store(place, total, mask=there[:, None] & live[None, :])


@triton.jit
def _product(
    whole, scale, minimum, inputs,
    OUTPUTS: tl.constexpr, BYTES: tl.constexpr, GROUP_BYTES: tl.constexpr, DOT_F32: tl.constexpr,
):  # fmt: skip
    """Whole numbers with their groups' scales and minima, times the inputs."""
    grouped = tl.reshape(whole, [OUTPUTS, BYTES // GROUP_BYTES, GROUP_BYTES]).to(tl.float32)
    dense = tl.reshape(grouped * scale[:, :, None] + minimum[:, :, None], [OUTPUTS, BYTES]).to(inputs.dtype)
    if DOT_F32:
        return tl.dot(dense.to(tl.float32), inputs.to(tl.float32), input_precision="ieee")
    return tl.dot(dense, inputs, input_precision="ieee")


def splits_of(weight: Affine, processors: int) -> int:
    """Among how many programs the inputs of an output are split: about four run on each of the GPU's processors.

    Example:
        >>> import torch
        >>> small = Affine(torch.empty(64, 2048, dtype=torch.uint8), torch.empty(64, 128), torch.empty(64, 128), 4)
        >>> splits_of(small, 132)
        16
    """
    outputs, size = weight.quants.shape
    tiles = -(-size // _BYTES[weight.bits])
    wanted = 4 * processors // -(-outputs // _OUTPUTS)
    return max(1, min(wanted, tiles // 2))


def packed_linear_launch(rows: Tensor, weight: Affine, splits: int, part: Tensor) -> Launch:
    """``rows @ weight.T``, not yet added up, into ``part``: float32, ``[splits, rows, outputs]``."""
    count, inputs = rows.shape
    return Launch(
        packed_linear_kernel,
        (triton.cdiv(weight.quants.shape[0], _OUTPUTS), splits),
        {
            "rows": rows,
            "quants": weight.quants,
            "scales": weight.scales,
            "minima": weight.minima,
            "part": part,
            "count": count,
            "outputs": weight.quants.shape[0],
            "inputs": inputs,
            "row_stride": rows.stride(0),
        },
        {
            "BITS": weight.bits,
            "OUTPUTS": _OUTPUTS,
            "BYTES": _BYTES[weight.bits],
            "ROWS": max(16, triton.next_power_of_2(count)),
            "SPLITS": splits,
            "DOT_F32": INTERPRETED,
        },
        warps=4,
        stages=3,
    )
