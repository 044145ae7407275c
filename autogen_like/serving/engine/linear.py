"""Matrix products with weights: the one place that knows how a weight is stored."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from .packed import MOST_ROWS


class Linear:
    """A weight, and a bias where there is one.

    Args:
        weight: ``[outputs, inputs]``.
        bias: ``[outputs]``.
        packed: The product with the same weight in few bits, where the file has it so: what decoding uses.
    """

    __slots__ = ("_bias", "_packed", "_weight")

    def __init__(
        self, weight: Tensor, bias: Tensor | None = None, packed: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        self._weight = weight
        self._bias = bias
        self._packed = packed

    def __call__(self, rows: Tensor) -> Tensor:
        """``rows @ weight.T + bias``."""
        if self._packed is None or rows.shape[0] > MOST_ROWS:
            return functional.linear(rows, self._weight, self._bias)
        product = self._packed(rows)
        return product if self._bias is None else product + self._bias
