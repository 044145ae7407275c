"""Every kernel compiled for three generations of GPUs, without one: nothing spills, and shared memory is enough."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from . import shapes
from .ahead import compiled

_SHARED = 99 * 1024  # what a program may have on the smallest GPUs with bfloat16 (sm_86, sm_89)
_MATRIX_UNIT = re.compile(r"\b(mma\.sync|wgmma\.mma_async|tcgen05\.mma)")
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiles really, not from an earlier run's cache."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


architectures = pytest.mark.parametrize("architecture", [80, 90, 100])
types = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])


def fits(launches: dict[str, shapes.Launch], architecture: int) -> None:
    for name, launch in launches.items():
        found = compiled(launch, architecture)
        assert found.stack == 0, f"{name} spills {found.stack} bytes"
        assert found.shared <= _SHARED, f"{name} wants {found.shared} bytes of shared memory"
        multiplies = name.startswith(("prefill", "decode", "packed"))
        assert bool(_MATRIX_UNIT.search(found.assembly)) == multiplies, f"{name} uses the wrong unit"


@architectures
@types
@pytest.mark.parametrize("model", sorted(shapes.SHAPES))
def test_kernels_on_keys_and_values(model: str, dtype: torch.dtype, architecture: int) -> None:
    fits(shapes.attention_launches(shapes.SHAPES[model], dtype), architecture)


@architectures
@types
def test_kernels_on_rows(dtype: torch.dtype, architecture: int) -> None:
    fits(shapes.row_launches(shapes.SHAPES["8B"], dtype), architecture)


@architectures
def test_kernels_that_choose_tokens(architecture: int) -> None:
    fits(shapes.sampling_launches(shapes.SHAPES["0.5B"].vocabulary), architecture)


def test_a_kernel_that_spills_is_noticed() -> None:
    """The same kernel on fewer warps: the tile doesn't fit into registers any more."""
    launch = shapes.attention_launches(shapes.SHAPES["8B"], torch.bfloat16)["prefill_attention"]
    cramped = shapes.Launch(launch.kernel, launch.grid, launch.arguments, launch.constants, warps=2, stages=2)
    assert compiled(cramped, 80).stack > 0
