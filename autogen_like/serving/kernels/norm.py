"""Root-mean-square norm of rows, with the addition of a residual before it."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from .launch import Launch


@triton.jit
def rms_norm_kernel(hidden, residual, weight, out, total, width, eps, BLOCK: tl.constexpr):
    """One program a row. With a residual, the norm is of the sum as it is stored."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    live = column < width
    values = tl.load(hidden + row * width + column, mask=live, other=0.0).to(tl.float32)
    if residual is not None:
        values += tl.load(residual + row * width + column, mask=live, other=0.0).to(tl.float32)
        stored = values.to(total.dtype.element_ty)
        tl.store(total + row * width + column, stored, mask=live)
        values = stored.to(tl.float32)
    scale = 1.0 / tl.sqrt(tl.sum(values * values, axis=0) / width + eps)
    normed = values * scale * tl.load(weight + column, mask=live, other=0.0).to(tl.float32)
    tl.store(out + row * width + column, normed.to(out.dtype.element_ty), mask=live)


def rms_norm_launch(
    hidden: Tensor, residual: Tensor | None, weight: Tensor, eps: float, out: Tensor, total: Tensor | None
) -> Launch:
    """The norm of ``hidden + residual``, ``[rows, width]``, into ``out``, and the sum into ``total``."""
    rows, width = hidden.shape
    block = triton.next_power_of_2(width)
    return Launch(
        rms_norm_kernel,
        (rows,),
        {
            "hidden": hidden,
            "residual": residual,
            "weight": weight,
            "out": out,
            "total": total,
            "width": width,
            "eps": eps,
        },
        {"BLOCK": block},
        warps=min(max(block // 512, 1), 16),
    )
