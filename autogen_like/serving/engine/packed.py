"""Four-bit weights as they are in the file, for products with few rows: decoding reads a quarter of the memory.

torch has such a product for processors, but not as a public function: it is tried once, on a small case, and where it
is missing or wrong nothing is packed.
"""

from __future__ import annotations

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
    """A weight that is ready for the 4-bit product.

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


def fits(outputs: int, inputs: int) -> bool:
    """Whether a weight of this shape can be packed here."""
    return outputs % _WIDTH == 0 and inputs % GROUP == 0 and _works()


@lru_cache(maxsize=1)
def _works() -> bool:
    """Whether this torch, on this processor, has the product, and it is right."""
    chance = torch.Generator().manual_seed(0)
    quants = torch.randint(0, 16, (128, 64), generator=chance, dtype=torch.uint8)
    scales, minima = (torch.rand(128, 2, generator=chance) for _ in range(2))
    rows = torch.randn(3, 64, generator=chance).to(torch.bfloat16)
    dense = quants * scales.repeat_interleave(GROUP, 1) + minima.repeat_interleave(GROUP, 1)
    wanted = rows.float() @ dense.T
    try:
        with torch.inference_mode():
            found = Packed4([Affine4(quants, scales, minima)])(rows).float()
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return bool((found - wanted).norm() / wanted.norm() < 0.02)
