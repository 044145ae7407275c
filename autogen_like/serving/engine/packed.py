"""Weights in few bits for products with few rows: decoding reads a quarter or half of the memory.

torch has such products for processors, but not as public functions: each is tried once, on a small case, and where one
is missing or wrong nothing is packed for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

GROUP = 32
MOST_ROWS = 8  # with more, the dense product is faster
_WIDTH = 64  # outputs must be a multiple of this


@dataclass(frozen=True, slots=True)
class Affine4:
    """A weight of 4-bit numbers: ``quants * scales + minima``, each scale for 32 inputs.

    Args:
        quants: 0 to 15, uint8, ``[outputs, inputs]``.
        scales: float32, ``[outputs, inputs / 32]``.
        minima: The same shape.
    """

    quants: Tensor
    scales: Tensor
    minima: Tensor


class Packed4:
    """A weight that is ready for the 4-bit product, which is as exact as bfloat16 scales are.

    Args:
        parts: Its rows, in one or more pieces.
    """

    __slots__ = ("_packed", "_scales_and_zeros")

    def __init__(self, parts: list[Affine4]) -> None:
        quants = torch.cat([part.quants for part in parts])
        scales = torch.cat([part.scales for part in parts])
        minima = torch.cat([part.minima for part in parts])
        self._packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(quants.int(), 1)  # noqa: SLF001
        # The product takes (quant - 8) * scale + zero.
        both = torch.stack((scales, minima + 8 * scales), dim=-1).transpose(0, 1)
        self._scales_and_zeros = both.to(torch.bfloat16).contiguous()

    def __call__(self, rows: Tensor) -> Tensor:
        """``rows @ weight.T`` for bfloat16 rows."""
        product: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(  # noqa: SLF001
            rows, self._packed, GROUP, self._scales_and_zeros
        )
        return product


class Packed8:
    """A weight in 8 bits with a scale for each output: an approximation, within half of such a step.

    Args:
        weight: ``[outputs, inputs]``.
    """

    __slots__ = ("_quants", "_scales")

    def __init__(self, weight: Tensor) -> None:
        quants, scales = [], []
        for rows in weight.split(1 << 12):  # type: ignore[no-untyped-call]
            scale = rows.abs().amax(dim=1, keepdim=True).float().clamp(min=1e-12) / 127
            quants.append((rows.float() / scale).round_().to(torch.int8))
            scales.append(scale[:, 0])
        self._quants = torch.cat(quants)
        self._scales = torch.cat(scales).to(torch.bfloat16)

    def __call__(self, rows: Tensor) -> Tensor:
        """``rows @ weight.T`` for bfloat16 rows."""
        product: Tensor = torch.ops.aten._weight_int8pack_mm(rows, self._quants, self._scales)  # noqa: SLF001
        return product


def fits4(outputs: int, inputs: int) -> bool:
    """Whether a weight of this shape can be packed in 4 bits here."""
    return outputs % _WIDTH == 0 and inputs % GROUP == 0 and _works4()


def fits8(inputs: int) -> bool:
    """Whether a weight of so many inputs can be packed in 8 bits here."""
    return inputs % GROUP == 0 and _works8()


@lru_cache(maxsize=1)
def _works4() -> bool:
    chance = torch.Generator().manual_seed(0)
    quants = torch.randint(0, 16, (128, 64), generator=chance, dtype=torch.uint8)
    scales, minima = (torch.rand(128, 2, generator=chance) for _ in range(2))
    dense = quants * scales.repeat_interleave(GROUP, 1) + minima.repeat_interleave(GROUP, 1)
    return _right(lambda: Packed4([Affine4(quants, scales, minima)]), dense)


@lru_cache(maxsize=1)
def _works8() -> bool:
    dense = torch.randn(128, 64, generator=torch.Generator().manual_seed(0))
    return _right(lambda: Packed8(dense), dense)


def _right(pack: Callable[[], Callable[[Tensor], Tensor]], dense: Tensor) -> bool:
    """Whether this torch, on this processor, has the product, and it is right."""
    rows = torch.randn(3, dense.shape[1], generator=torch.Generator().manual_seed(1)).to(torch.bfloat16)
    wanted = rows.float() @ dense.T
    try:
        with torch.inference_mode():
            found = pack()(rows).float()
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return bool((found - wanted).norm() / wanted.norm() < 0.02)
