"""Norms, activation, rotary positions with the store, and weights in few bits, against float64."""

from __future__ import annotations

import exact
import pytest
import torch

from autogen_like.serving.engine.ops import Affine
from autogen_like.serving.kernels.launch import INTERPRETED
from autogen_like.serving.kernels.ops import TritonOps
from autogen_like.serving.kernels.packed_linear import packed_linear_launch

OPS = TritonOps(8)
assert INTERPRETED
ROWS = {torch.float32: 1e-6, torch.float16: 1e-3}
PRODUCTS = {torch.float32: 1e-5, torch.float16: 2e-3}
types = pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["fp32", "fp16"])


@types
@pytest.mark.parametrize(("rows", "width"), [(1, 64), (5, 576), (3, 896), (2, 4096)])
def test_norm_with_residual(rows: int, width: int, dtype: torch.dtype) -> None:
    hidden, residual, weight = torch.randn(rows, width), torch.randn(rows, width), torch.rand(width) + 0.5
    hidden, residual, weight = hidden.to(dtype), residual.to(dtype), weight.to(dtype)
    normed, total = OPS.rms_norm(hidden, residual, weight, 1e-5)
    assert torch.equal(total, hidden + residual)
    assert exact.error(normed, exact.rms_norm(total, weight, 1e-5)) < ROWS[dtype]


@types
def test_norm_without_residual_of_rows_that_are_not_contiguous(dtype: torch.dtype) -> None:
    hidden, weight = torch.randn(4, 200).to(dtype)[:, ::2], torch.rand(100).to(dtype)
    normed, total = OPS.rms_norm(hidden, None, weight, 1e-6)
    assert torch.equal(total, hidden)
    assert exact.error(normed, exact.rms_norm(hidden, weight, 1e-6)) < ROWS[dtype]


@types
@pytest.mark.parametrize(("rows", "width"), [(1, 32), (3, 1536), (2, 1000)])
def test_silu_gate(rows: int, width: int, dtype: torch.dtype) -> None:
    gate_up = (torch.randn(rows, 2 * width) * 4).to(dtype)
    assert exact.error(OPS.silu_mul(gate_up), exact.silu_mul(gate_up)) < ROWS[dtype]


@types
@pytest.mark.parametrize("norms", [False, True], ids=["plain", "norms"])
@pytest.mark.parametrize(("heads", "kv_heads", "width"), [(9, 3, 64), (14, 2, 64), (32, 8, 128), (1, 1, 16)])
def test_rope_and_store(heads: int, kv_heads: int, width: int, norms: bool, dtype: torch.dtype) -> None:
    """Values are stored to the bit; a slot of -1 stores nothing; no other slot is touched."""
    qkv = torch.randn(5, heads + 2 * kv_heads, width).to(dtype)
    angles = torch.rand(5, width // 2) * 100
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    slots = torch.tensor([3, 40, -1, 127, 64])
    weights = (torch.rand(width).to(dtype) + 0.5, torch.rand(width).to(dtype) + 0.5)
    keys = torch.full((8, 16, kv_heads, width), torch.nan).to(dtype)
    values = keys.clone()
    queries = OPS.rope_store(qkv, cos, sin, slots, keys, values, (*weights, 1e-6) if norms else None)

    parts = list(qkv.split([heads, kv_heads, kv_heads], dim=1))
    if norms:
        parts[:2] = [exact.rms_norm(part, weight, 1e-6) for part, weight in zip(parts[:2], weights, strict=True)]
    stored = slots >= 0
    assert exact.error(queries, exact.turned(parts[0], cos, sin)) < ROWS[dtype]
    flat_keys, flat_values = keys.flatten(0, 1), values.flatten(0, 1)
    assert exact.error(flat_keys[slots[stored]], exact.turned(parts[1], cos, sin)[stored]) < ROWS[dtype]
    assert torch.equal(flat_values[slots[stored]], parts[2][stored])
    flat_keys[slots[stored]] = torch.nan
    flat_values[slots[stored]] = torch.nan
    assert bool(keys.isnan().all() and values.isnan().all())


@types
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize(("rows", "outputs", "inputs"), [(1, 96, 576), (3, 70, 320), (17, 32, 32), (64, 33, 64)])
def test_weights_in_few_bits(rows: int, outputs: int, inputs: int, bits: int, dtype: torch.dtype) -> None:
    weight = packed(outputs, inputs, bits)
    x = torch.randn(rows, inputs).to(dtype)
    assert exact.error(OPS.linear(x, weight), x.double() @ weight.dense(torch.float64).T) < PRODUCTS[dtype]


@pytest.mark.parametrize("bits", [4, 8])
def test_the_sum_does_not_depend_on_the_split(bits: int) -> None:
    weight, x = packed(32, 1056, bits), torch.randn(2, 1056)
    wanted = x.double() @ weight.dense(torch.float64).T
    for splits in (1, 2, 3, 5):
        part = torch.full((splits, 2, 32), torch.nan)
        packed_linear_launch(x, weight, splits, part).run()
        assert exact.error(part.sum(0), wanted) < 1e-6


def test_more_rows_than_the_kernel_takes() -> None:
    weight, x = packed(8, 64, 4), torch.randn(70, 64)
    assert exact.error(OPS.linear(x, weight), x.double() @ weight.dense(torch.float64).T) < 1e-5


def packed(outputs: int, inputs: int, bits: int) -> Affine:
    """Random weights as Q4_1 (scales and minima) and Q8_0 (scales) have them."""
    groups = (outputs, inputs // 32)
    scales = (torch.rand(groups) / 10 + 0.01).half()
    if bits == 8:
        quants = torch.randint(-128, 128, (outputs, inputs), dtype=torch.int8)
        return Affine(quants, scales, torch.zeros(groups).half(), 8)
    quants = torch.randint(0, 256, (outputs, inputs // 2), dtype=torch.uint8)
    return Affine(quants, scales, torch.randn(groups).half(), 4)
