"""A kernel with all that it is started with: what runs, what tests compile and what is timed is one thing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ...core.errors import MissingExtra

try:
    import triton
except ImportError:
    raise MissingExtra("running a model on a GPU", "gpu") from None

# Whether kernels run in Triton's interpreter, on CPU tensors. Triton reads the variable when kernels are defined, so
# it is set before this package is imported or not at all. Knobs are read as Triton reads them.
INTERPRETED: bool = triton.knobs.runtime.interpret


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of a kernel.

    Args:
        kernel: A function made by `triton.jit`.
        grid: How many programs run, in up to three dimensions.
        arguments: What it takes at run time, by name: tensors, numbers, or None for a tensor that is not there.
        constants: What it is compiled with, by name.
        warps: Groups of 32 threads to a program.
        stages: How many loads ahead a loop runs.
    """

    kernel: Any  # Triton has no types
    grid: tuple[int, ...]
    arguments: dict[str, Tensor | int | float | None]
    constants: dict[str, int | bool] = field(default_factory=dict)
    warps: int = 4
    stages: int = 2

    def run(self) -> None:
        """Starts it on the current stream."""
        if 0 in self.grid:
            return
        # The default of fusing multiplications with additions changes with Triton 3.10: what was tested is said.
        options = {"num_warps": self.warps, "num_stages": self.stages, "enable_fp_fusion": True}
        self.kernel[self.grid](**self.arguments, **self.constants, **options)
