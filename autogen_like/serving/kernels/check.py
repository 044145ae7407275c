"""At start each operation runs once on a small case and is compared with the reference; one that differs is replaced.

A kernel may fail to compile for a GPU that nobody has tried, or be wrong there: the model then runs slower, not wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..engine.checkpoint import ModelConfig
from ..engine.ops import BLOCK, Affine, Ops, SampleBatch, TorchOps

# Of the relative error; a mistake makes it near 1. How exact kernels are is for their tests to say.
_LIMITS = {torch.float32: 1e-3, torch.float16: 1e-2, torch.bfloat16: 4e-2}


@dataclass(frozen=True, slots=True)
class Case:
    """A small case of a model's shape, with random numbers that are the same for each operation.

    Args:
        config: The model's.
        dtype: What it computes in.
        device: Where.
    """

    config: ModelConfig
    dtype: torch.dtype
    device: torch.device

    def random(self, *shape: int) -> Tensor:
        """Normal numbers, the same for the same shape."""
        chance = torch.Generator().manual_seed(sum(shape))
        return torch.randn(*shape, generator=chance).to(self.device, self.dtype)

    def blocks(self) -> tuple[Tensor, Tensor]:
        """Keys and values of eight blocks."""
        shape = 8, BLOCK, self.config.kv_heads, self.config.head_dim
        return self.random(*shape), self.random(*shape).flip(0).contiguous()

    def whole(self, *numbers: int) -> Tensor:
        """Indices or lengths."""
        return torch.tensor(numbers, dtype=torch.int32, device=self.device)


def _rms_norm(ops: Ops, case: Case) -> tuple[Tensor, ...]:
    width = case.config.hidden
    return ops.rms_norm(case.random(3, width), case.random(width, 3).T.contiguous(), case.random(width), 1e-5)


def _rope_store(ops: Ops, case: Case) -> tuple[Tensor, ...]:
    config, (keys, values) = case.config, case.blocks()
    qkv = case.random(3, config.heads + 2 * config.kv_heads, config.head_dim)
    angles = case.random(3, config.head_dim // 2)
    weight = case.random(config.head_dim)
    norms = (weight, weight, 1e-5) if config.architecture == "qwen3" else None
    slots = case.whole(5, -1, 77).long()
    return ops.rope_store(qkv, angles.cos(), angles.sin(), slots, keys, values, norms), keys, values


def _silu_mul(ops: Ops, case: Case) -> tuple[Tensor, ...]:
    return (ops.silu_mul(case.random(3, 2 * case.config.feed_forward)),)


def _prefill_attention(ops: Ops, case: Case) -> tuple[Tensor, ...]:
    queries = case.random(23, case.config.heads, case.config.head_dim)
    tables = case.whole(3, 1, 6, 0, 7, 0).view(2, 3)
    return (ops.prefill_attention(queries, *case.blocks(), tables, case.whole(0, 20, 23), case.whole(40, 19)),)


def _decode_attention(ops: Ops, case: Case) -> tuple[Tensor, ...]:
    queries = case.random(3, case.config.heads, case.config.head_dim)
    tables = case.whole(3, 1, 6, 0, 7, 0, 2, 2, 2).view(3, 3)
    return (ops.decode_attention(queries, *case.blocks(), tables, case.whole(40, 19, 0)),)


def _linear(ops: Ops, case: Case) -> tuple[Tensor, ...]:
    found = []
    for bits, dtype in ((4, torch.uint8), (8, torch.int8)):
        quants = (case.random(48, 320 * bits // 8).float() * 30).to(torch.int32).to(dtype)
        scales = case.random(48, 10).abs().half() / 100
        found.append(ops.linear(case.random(3, 320), Affine(quants, scales, -scales, bits)))
    return tuple(found)


def _sample(ops: Ops, case: Case) -> tuple[Tensor, ...]:
    logits = case.random(3, case.config.vocabulary).float()
    zero, none = torch.zeros(3), torch.empty(3, 0)
    how = SampleBatch(
        temperature=torch.tensor([0.0, 1.0, 0.5]), top_k=zero.long(), top_p=zero + 1, min_p=zero,
        uniform=zero.double() + 0.4, repetition=zero + 1.5, frequency=zero, presence=zero + 1,
        seen=logits.topk(2).indices.cpu(), counts=torch.ones(3, 2), bias_tokens=none.long(), bias=none,
        allowed=torch.full((3, -(-logits.shape[1] // 32)), -2, dtype=torch.int32),
    )  # fmt: skip
    return (ops.sample(logits, how).double(),)


CASES: dict[str, Callable[[Ops, Case], tuple[Tensor, ...]]] = {
    "rms_norm": _rms_norm,
    "rope_store": _rope_store,
    "silu_mul": _silu_mul,
    "prefill_attention": _prefill_attention,
    "decode_attention": _decode_attention,
    "linear": _linear,
    "sample": _sample,
}


class CheckedOps:
    """Operations of which each is a kernel or, where that is not right, torch's.

    Args:
        kernels: What is tried.
        case: On what.

    Attributes:
        replaced: Names of operations that are torch's.
    """

    def __init__(self, kernels: Ops, case: Case) -> None:
        reference = TorchOps()
        self.replaced: dict[str, str] = {}
        for name, run in CASES.items():
            reason = _difference(run, kernels, reference, case)
            if reason is not None:
                self.replaced[name] = reason
                warnings.warn(f"the GPU kernel {name} is replaced by torch: {reason}", RuntimeWarning, stacklevel=2)

        def chosen(name: str) -> Ops:
            return reference if name in self.replaced else kernels

        self.rms_norm = chosen("rms_norm").rms_norm
        self.rope_store = chosen("rope_store").rope_store
        self.silu_mul = chosen("silu_mul").silu_mul
        self.prefill_attention = chosen("prefill_attention").prefill_attention
        self.decode_attention = chosen("decode_attention").decode_attention
        self.linear = chosen("linear").linear
        self.sample = chosen("sample").sample


def _difference(run: Callable[[Ops, Case], tuple[Tensor, ...]], kernels: Ops, reference: Ops, case: Case) -> str | None:
    """Why a kernel can't be used; None where it can."""
    wanted = run(reference, case)
    try:
        found = run(kernels, case)
        for one, other in zip(found, wanted, strict=True):
            error = float((one.double() - other.double()).norm() / other.double().norm().clamp(min=1e-30))
            if not error <= _LIMITS[case.dtype]:  # not a number is no less
                return f"it differs from the reference by {error:.2g} of its size"
    except Exception as error:  # noqa: BLE001 - whatever a compiler or a driver raises, torch can do without it
        said = str(error).strip().splitlines() or [""]
        return f"{type(error).__name__}: {said[-1][:200]}"
    return None
