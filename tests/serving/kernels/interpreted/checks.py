"""The check at start: kernels that are right stay, one that is wrong or fails is replaced, and that is said."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from autogen_like.serving.engine.checkpoint import ModelConfig
from autogen_like.serving.engine.ops import TorchOps
from autogen_like.serving.kernels.check import CASES, Case, CheckedOps
from autogen_like.serving.kernels.launch import INTERPRETED
from autogen_like.serving.kernels.ops import TritonOps

assert INTERPRETED
CPU = torch.device("cpu")


def config(architecture: str = "llama", heads: int = 6, kv_heads: int = 2, head_dim: int = 32) -> ModelConfig:
    return ModelConfig(architecture, 1, 96, heads, kv_heads, head_dim, 80, 2500, 256, 1e-5, 1e4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["fp32", "fp16"])
@pytest.mark.parametrize("shape", [config(), config("qwen3", 7, 1, 64)], ids=["llama", "qwen3"])
def test_right_kernels_stay(shape: ModelConfig, dtype: torch.dtype) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checked = CheckedOps(TritonOps(8), Case(shape, dtype, CPU))
    assert checked.replaced == {}


class Wrong:
    """Kernels of which one gives twice what it should, or nothing at all."""

    def __init__(self, name: str, error: Exception | None) -> None:
        self._name = name
        self._error = error

    def __getattr__(self, name: str) -> Any:
        right = getattr(TorchOps(), name)
        if name != self._name:
            return right

        def wrong(*given: Any) -> Any:
            if self._error is not None:
                raise self._error
            found = right(*given)
            return tuple(part * 2 for part in found) if isinstance(found, tuple) else found * 2

        return wrong


@pytest.mark.parametrize("error", [None, RuntimeError("ptxas: no such\ntarget")], ids=["wrong", "raises"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_a_kernel_that_is_not_right_is_replaced(name: str, error: Exception | None) -> None:
    reason = "RuntimeError: target" if error else "differs from the reference"
    case = Case(config(), torch.float32, CPU)
    with pytest.warns(RuntimeWarning, match=f"GPU kernel {name} is replaced by torch: .*{reason}"):
        checked = CheckedOps(Wrong(name, error), case)
    assert list(checked.replaced) == [name]
    for mine, theirs in zip(CASES[name](checked, case), CASES[name](TorchOps(), case), strict=True):
        assert torch.equal(mine, theirs)


def test_a_shape_that_kernels_are_not_made_for_is_torchs() -> None:
    """A head of 48: tiles are powers of two."""
    case = Case(config(head_dim=48), torch.float32, CPU)
    with pytest.warns(RuntimeWarning, match="is replaced by torch"):
        checked = CheckedOps(TritonOps(8), case)
    assert set(checked.replaced) == {"rope_store", "prefill_attention", "decode_attention"}
