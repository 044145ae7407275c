"""Rotary positions: the table of angles, grown as sequences grow."""

from __future__ import annotations

import math
from collections.abc import Callable

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
        self._turning = config.heads + config.kv_heads  # values stay as they are
        self._heads = self._turning + config.kv_heads
        self._cos = torch.empty(0, half, dtype=dtype)
        self._sin = self._cos

    def turn(self, positions: Tensor) -> Callable[[Tensor], Tensor]:
        """What turns the queries and keys of tokens at these positions, and leaves their values alone.

        The tables for all heads are made once for all layers: then a layer takes three operations.

        Args:
            positions: ``[n]``.

        Returns:
            A function of ``[n, heads + 2 * kv_heads, head_dim]``: first halves of a head pair with second halves.
        """
        cos, sin = self.at(positions)
        count, half = cos.shape
        wide_cos = cos.new_ones(count, self._heads, 2, half)
        wide_sin = cos.new_zeros(count, self._heads, 2, half)
        wide_cos[:, : self._turning] = cos[:, None, None]
        wide_sin[:, : self._turning] = torch.stack((-sin, sin), dim=1)[:, None]

        def turned(qkv: Tensor) -> Tensor:
            halves = qkv.view(count, self._heads, 2, half)
            return torch.addcmul(halves * wide_cos, halves.flip(2), wide_sin).view(count, self._heads, 2 * half)

        return turned

    def at(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines of positions, both ``[n, head_dim / 2]``."""
        end = int(positions.max()) + 1
        if end > self._cos.shape[0]:
            size = max(1024, 1 << (end - 1).bit_length())
            angles = torch.outer(torch.arange(size, dtype=torch.float32), self._frequencies)
            self._cos, self._sin = angles.cos().to(self._dtype), angles.sin().to(self._dtype)
        return self._cos[positions], self._sin[positions]


def _stretched(frequencies: Tensor, scaling: RopeScaling) -> Tensor:
    """Llama 3.1's rule: slow frequencies are divided, fast ones kept, and those between are mixed."""
    turns = scaling.original * frequencies / (2 * math.pi)
    share = ((turns - scaling.low) / (scaling.high - scaling.low)).clamp(0, 1)
    return (1 - share) * frequencies / scaling.factor + share * frequencies
