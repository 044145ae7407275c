"""What the kernels compute, once more in float64 and as plainly as can be, without the engine's reference."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def error(found: Tensor, wanted: Tensor) -> float:
    """The relative error in the L2 norm; infinite where something is not a number."""
    found = found.double()
    if not bool(found.isfinite().all()):
        return math.inf
    return float((found - wanted).norm() / wanted.norm().clamp(min=1e-300))


def rms_norm(rows: Tensor, weight: Tensor, eps: float) -> Tensor:
    rows = rows.double()
    return rows / (rows.square().mean(-1, keepdim=True) + eps).sqrt() * weight.double()


def silu_mul(gate_up: Tensor) -> Tensor:
    gate, up = gate_up.double().chunk(2, dim=-1)
    return gate / (1 + (-gate).exp()) * up


def turned(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """A complex number for each pair, times another of length one."""
    first, second = heads.double().chunk(2, dim=-1)
    product = torch.complex(first, second) * torch.complex(cos.double(), sin.double())[:, None]
    return torch.cat((product.real, product.imag), dim=-1)


def attention(
    queries: Tensor, keys: Tensor, values: Tensor, tables: Tensor, starts: list[int], lengths: list[int]
) -> Tensor:
    """One query and head at a time."""
    out = torch.zeros(queries.shape, dtype=torch.float64)
    shared = queries.shape[1] // keys.shape[2]
    for row, length in enumerate(lengths):
        places = [(int(tables[row, n // 16]), n % 16) for n in range(length)]
        blocks, within = [block for block, _ in places], [place for _, place in places]
        own_keys, own_values = keys[blocks, within].double(), values[blocks, within].double()
        count = starts[row + 1] - starts[row]
        for n in range(count):
            seen = length - count + n + 1
            for head in range(queries.shape[1]):
                scores = own_keys[:seen, head // shared] @ queries[starts[row] + n, head].double()
                weights = (scores / math.sqrt(queries.shape[2])).softmax(0)
                out[starts[row] + n, head] = weights @ own_values[:seen, head // shared]
    return out
