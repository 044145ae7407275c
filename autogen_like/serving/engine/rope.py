"""Rotary positions: the table of angles, grown as sequences grow."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .checkpoint import ModelConfig, RopeScaling


class Rope:
    """Cosines and sines of all positions up to the longest so far.

    Args:
        config: The model's shape.
        factors: Divisors of the frequencies that the file stores, if any.
        dtype: Of the tables.
    """

    def __init__(self, config: ModelConfig, factors: Tensor | None, dtype: torch.dtype) -> None:
        half = config.head_dim // 2
        # As the models were trained: in float32, exponent first.
        frequencies = 1.0 / (
            config.rope_base ** (torch.arange(0, half * 2, 2, dtype=torch.int64).float() / config.head_dim)
        )
        if factors is not None:
            frequencies = frequencies / factors
        if config.rope_scaling is not None:
            frequencies = _stretched(frequencies, config.rope_scaling)
        self._frequencies = frequencies / config.rope_linear
        self._dtype = dtype
        self._cos = torch.empty(0, half, dtype=dtype)
        self._sin = self._cos

    def at(self, start: int, end: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines of positions ``start`` to ``end``, both of shape ``[end - start, 1, head_dim / 2]``."""
        if end > self._cos.shape[0]:
            size = max(1024, 1 << (end - 1).bit_length())
            angles = torch.outer(torch.arange(size, dtype=torch.float32), self._frequencies)
            self._cos, self._sin = angles.cos().to(self._dtype), angles.sin().to(self._dtype)
        return self._cos[start:end, None], self._sin[start:end, None]


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns heads of shape ``[tokens, heads, head_dim]``: first halves pair with second halves."""
    first, second = heads.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def _stretched(frequencies: Tensor, scaling: RopeScaling) -> Tensor:
    """Llama 3.1's rule: slow frequencies are divided, fast ones kept, and those between are mixed."""
    turns = scaling.original * frequencies / (2 * math.pi)
    share = ((turns - scaling.low) / (scaling.high - scaling.low)).clamp(0, 1)
    return (1 - share) * frequencies / scaling.factor + share * frequencies
