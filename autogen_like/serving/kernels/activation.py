"""The gate of the MLP: ``silu(gate) * up``."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from .launch import Launch

_BLOCK = 1024


@triton.jit
def silu_gate_kernel(gate_up, out, width, BLOCK: tl.constexpr):
    """One program for a row's block of columns; gates are the first half of a row."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    live = column < width
    gate = tl.load(gate_up + row * 2 * width + column, mask=live, other=0.0).to(tl.float32)
    up = tl.load(gate_up + row * 2 * width + width + column, mask=live, other=0.0).to(tl.float32)
    tl.store(out + row * width + column, (gate * tl.sigmoid(gate) * up).to(out.dtype.element_ty), mask=live)


def silu_gate_launch(gate_up: Tensor, out: Tensor) -> Launch:
    """``gate_up`` ``[rows, 2 * width]`` into ``out`` ``[rows, width]``."""
    rows, width = out.shape
    grid = (rows, triton.cdiv(width, _BLOCK))
    return Launch(silu_gate_kernel, grid, {"gate_up": gate_up, "out": out, "width": width}, {"BLOCK": _BLOCK})
