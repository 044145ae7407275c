"""Unpacks GGUF's quantised tensors with torch. Layouts as in ggml's ``ggml-common.h`` (block_q4_0, block_q4_K, ...)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from .gguf import TYPES, GgufTensor
from .packed import Affine4

_Blocks: TypeAlias = Callable[[Tensor], Tensor]

_ROWS = 1 << 15  # blocks unpacked at once: bounds the memory that intermediate values take


def dequantize(data: memoryview, info: GgufTensor, dtype: torch.dtype) -> Tensor:
    """A tensor's values.

    Args:
        data: Its bytes.
        info: Its type and shape.
        dtype: What to give; the arithmetic is in float32 whatever it is.

    Returns:
        A new tensor of shape ``info.shape``.
    """
    raw = torch.frombuffer(data, dtype=torch.uint8)
    if info.type in _PLAIN:
        return raw.view(_PLAIN[info.type]).to(dtype, copy=True).view(info.shape)
    _, values, size = next(entry for entry in TYPES.values() if entry[0] == info.type)
    blocks = raw.view(-1, size)
    unpack = _UNPACK[info.type]
    out = torch.empty(blocks.shape[0], values, dtype=dtype)
    for start in range(0, blocks.shape[0], _ROWS):
        out[start : start + _ROWS] = unpack(blocks[start : start + _ROWS])
    return out.view(info.shape)


def affine4(data: memoryview, info: GgufTensor) -> Affine4 | None:
    """A tensor's 4-bit numbers with their scales and minima; None where its type has no such form."""
    if info.type not in ("Q4_0", "Q4_1", "Q4_K"):
        return None
    _, _, size = next(entry for entry in TYPES.values() if entry[0] == info.type)
    blocks = torch.frombuffer(data, dtype=torch.uint8).view(-1, size)
    if info.type == "Q4_0":
        quants, scales = _nibbles(blocks[:, 2:]), _half(blocks, 0)
        minima = -8 * scales
    elif info.type == "Q4_1":
        quants, scales, minima = _nibbles(blocks[:, 4:]), _half(blocks, 0), _half(blocks, 2)
    else:
        quants = _quads(blocks[:, 16:].contiguous())
        scales, minima = _scales_k(blocks[:, 4:16])
        scales, minima = _half(blocks, 0) * scales, -_half(blocks, 2) * minima
    rows = info.shape[0]
    return Affine4(quants.reshape(info.shape), scales.reshape(rows, -1), minima.reshape(rows, -1))


def _half(blocks: Tensor, start: int) -> Tensor:
    """The half-precision number at a byte of each block, as a column of float32."""
    return blocks[:, start : start + 2].contiguous().view(torch.float16).float()


def _nibbles(packed: Tensor) -> Tensor:
    """Low halves of all bytes, then high halves."""
    return torch.cat((packed & 15, packed >> 4), dim=1)


def _q4_0(blocks: Tensor) -> Tensor:
    return _half(blocks, 0) * (_nibbles(blocks[:, 2:]).float() - 8)


def _q4_1(blocks: Tensor) -> Tensor:
    return _half(blocks, 0) * _nibbles(blocks[:, 4:]).float() + _half(blocks, 2)


def _q5_0(blocks: Tensor) -> Tensor:
    places = torch.arange(32)
    words = blocks[:, 2:6].contiguous().view(torch.int32)
    fifth = ((words >> places) & 1) << 4
    return _half(blocks, 0) * ((_nibbles(blocks[:, 6:]).int() | fifth).float() - 16)


def _q8_0(blocks: Tensor) -> Tensor:
    return _half(blocks, 0) * blocks[:, 2:].contiguous().view(torch.int8).float()


def _scales_k(packed: Tensor) -> tuple[Tensor, Tensor]:
    """The eight 6-bit scales and minima of a Q4_K or Q5_K block, from its 12 bytes."""
    first, second, third = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = torch.cat((first & 63, (third & 15) | ((first >> 6) << 4)), dim=1)
    minima = torch.cat((second & 63, (third >> 4) | ((second >> 6) << 4)), dim=1)
    return scales.float(), minima.float()


def _k_values(blocks: Tensor, quants: Tensor) -> Tensor:
    """``d * scale * q - dmin * min`` for each of the eight groups of 32."""
    scales, minima = _scales_k(blocks[:, 4:16])
    scaled = (_half(blocks, 0) * scales)[:, :, None] * quants.float()
    return (scaled - (_half(blocks, 2) * minima)[:, :, None]).flatten(1)


def _quads(packed: Tensor) -> Tensor:
    """128 bytes of nibbles as eight groups of 32: the low halves of 32 bytes, then their high halves, four times."""
    quads = packed.view(-1, 4, 1, 32)
    return torch.cat((quads & 15, quads >> 4), dim=2).view(-1, 8, 32)


def _q4_k(blocks: Tensor) -> Tensor:
    return _k_values(blocks, _quads(blocks[:, 16:].contiguous()))


def _q5_k(blocks: Tensor) -> Tensor:
    group = torch.arange(8, dtype=torch.uint8).view(1, 8, 1)
    fifth = ((blocks[:, None, 16:48] >> group) & 1) << 4
    return _k_values(blocks, _quads(blocks[:, 48:].contiguous()) | fifth)


def _q6_k(blocks: Tensor) -> Tensor:
    low = blocks[:, :128].contiguous().view(-1, 2, 1, 64)
    low = torch.cat((low & 15, low >> 4), dim=2).view(-1, 2, 4, 32)
    pair = torch.arange(0, 8, 2, dtype=torch.uint8).view(1, 1, 4, 1)
    high = (blocks[:, 128:192].contiguous().view(-1, 2, 1, 32) >> pair) & 3
    quants = (low | (high << 4)).view(-1, 16, 16).float() - 32
    scales = blocks[:, 192:208].contiguous().view(torch.int8).float()
    return ((_half(blocks, 208) * scales)[:, :, None] * quants).flatten(1)


_PLAIN = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_UNPACK: dict[str, _Blocks] = {
    "Q4_0": _q4_0,
    "Q4_1": _q4_1,
    "Q5_0": _q5_0,
    "Q8_0": _q8_0,
    "Q4_K": _q4_k,
    "Q5_K": _q5_k,
    "Q6_K": _q6_k,
}
