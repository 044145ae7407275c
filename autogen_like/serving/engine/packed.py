"""Weights in few bits for products with few rows: decoding reads a quarter or half of the memory.

torch has such products for processors, but not as public functions: each is tried once, on a small case, and where one
is missing or wrong nothing is packed for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

GROUP = 32
MOST_ROWS = 8  # with more, the dense product is faster
_WIDTH = 64  # outputs must be a multiple of this
_FINER = 254  # steps of the second 8 bits of an input within one of the first


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
        product: Tensor = torch._weight_int4pack_mm_for_cpu(  # noqa: SLF001
            rows, self._packed, GROUP, self._scales_and_zeros
        )
        return product


class Packed8:
    """A weight in 8 bits with a scale for each output: an approximation, within half of such a step.

    The product is FBGEMM's, which multiplies whole numbers: for one row it takes half the time of torch's own with
    8 bits, for eight rows a quarter. It would round a batch's inputs to 8 bits with one scale for all, so that a
    reply would depend on its neighbours. Here each input is two numbers of 8 bits, with a scale for each row, which is
    finer than bfloat16; a last row that spans 256 steps makes the product's own scale 1.

    Args:
        weight: ``[outputs, inputs]``.
    """

    __slots__ = ("_packed",)

    def __init__(self, weight: Tensor) -> None:
        quants, scales = _eight_bits(weight)
        with warnings.catch_warnings():  # such tensors are to go one day; then `Plain8` is what works
            warnings.simplefilter("ignore")
            zeros = torch.zeros(len(scales), dtype=torch.long)
            made = torch._make_per_channel_quantized_tensor(quants, scales, zeros, 0)  # noqa: SLF001
            self._packed = torch.ops.quantized.linear_prepack(made, None)

    def __call__(self, rows: Tensor) -> Tensor:
        """``rows @ weight.T`` for bfloat16 rows."""
        count, inputs = rows.shape
        wide = rows.float()
        scale = wide.abs().amax(dim=1, keepdim=True).clamp_(min=1e-30).div_(127)
        steps = wide / scale
        whole = wide.new_zeros(2 * count + 1, inputs)
        torch.round(steps, out=whole[:count])
        torch.round(steps.sub_(whole[:count]).mul_(_FINER), out=whole[count : 2 * count])
        whole.nan_to_num_(0, 0, 0)  # the scale keeps what is no number
        whole[-1, 0], whole[-1, 1] = -128, 127
        product = torch.ops.quantized.linear_dynamic(whole, self._packed, False)
        mixed: Tensor = torch.add(product[:count], product[count:-1], alpha=1 / _FINER).mul_(scale)
        return mixed.to(rows.dtype)


class Plain8:
    """The same weight for torch's own product with 8 bits, which more processors have.

    Args:
        weight: ``[outputs, inputs]``.
    """

    __slots__ = ("_quants", "_scales")

    def __init__(self, weight: Tensor) -> None:
        quants, scales = _eight_bits(weight)
        self._quants, self._scales = quants, scales.to(torch.bfloat16)

    def __call__(self, rows: Tensor) -> Tensor:
        """``rows @ weight.T`` for bfloat16 rows."""
        product: Tensor = torch.ops.aten._weight_int8pack_mm(rows, self._quants, self._scales)  # noqa: SLF001
        return product


def _eight_bits(weight: Tensor) -> tuple[Tensor, Tensor]:
    quants, scales = [], []
    for rows in weight.split(1 << 12):  # type: ignore[no-untyped-call]
        scale = rows.abs().amax(dim=1, keepdim=True).float().clamp(min=1e-12) / 127
        quants.append((rows.float() / scale).round_().to(torch.int8))
        scales.append(scale[:, 0])
    return torch.cat(quants), torch.cat(scales)


def pack8(weight: Tensor) -> Packed8 | Plain8 | None:
    """A weight in 8 bits, for the faster product of those that work here; None where none does."""
    if weight.shape[1] % GROUP:
        return None
    kind = _product8()
    return None if kind is None else kind(weight)


def fits4(outputs: int, inputs: int) -> bool:
    """Whether a weight of this shape can be packed in 4 bits here."""
    return outputs % _WIDTH == 0 and inputs % GROUP == 0 and _works4()


@lru_cache(maxsize=1)
def _works4() -> bool:
    chance = torch.Generator().manual_seed(0)
    quants = torch.randint(0, 16, (128, 64), generator=chance, dtype=torch.uint8)
    scales, minima = (torch.rand(128, 2, generator=chance) for _ in range(2))
    dense = quants * scales.repeat_interleave(GROUP, 1) + minima.repeat_interleave(GROUP, 1)
    return _right(lambda: Packed4([Affine4(quants, scales, minima)]), dense)


@lru_cache(maxsize=1)
def _product8() -> type[Packed8 | Plain8] | None:
    dense = torch.randn(128, 64, generator=torch.Generator().manual_seed(0))
    # Sums that a processor without instructions for 8 bits cuts off: all at the end of the scale.
    dense[::2] = torch.linspace(0.9, 1, 64)
    kinds: tuple[type[Packed8 | Plain8], ...] = (Packed8, Plain8)
    return next((kind for kind in kinds if _right(lambda kind=kind: kind(dense), dense)), None)  # type: ignore[misc]


def _right(pack: Callable[[], Callable[[Tensor], Tensor]], dense: Tensor) -> bool:
    """Whether this torch, on this processor, has the product, and it is right."""
    rows = torch.randn(3, dense.shape[1], generator=torch.Generator().manual_seed(1)).to(torch.bfloat16)
    rows[0] = rows[0].abs()
    wanted = rows.float() @ dense.T
    try:
        with torch.inference_mode():
            found = pack()(rows).float()
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return bool((found - wanted).norm() / wanted.norm() < 0.02)
