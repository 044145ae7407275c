"""Matrix products with weights: the one place that knows how a weight is stored."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


class Linear:
    """A weight, and a bias where there is one.

    Args:
        weight: ``[outputs, inputs]``.
        bias: ``[outputs]``.
    """

    __slots__ = ("_bias", "_weight")

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._weight = weight
        self._bias = bias

    def __call__(self, rows: Tensor) -> Tensor:
        """``rows @ weight.T + bias``."""
        return functional.linear(rows, self._weight, self._bias)
