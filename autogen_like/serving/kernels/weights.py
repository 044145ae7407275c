"""A decoder's weights in a GPU's memory: in few bits where the file has them so, otherwise in the type computed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..engine.checkpoint import Checkpoint
from ..engine.model import check_names, shaped
from ..engine.ops import Affine, Ops
from ..engine.rope import Rope

_GROUP = 32


@dataclass(frozen=True, slots=True)
class Matrix:
    """A weight, dense or in few bits, and a bias where there is one.

    Args:
        weight: ``[outputs, inputs]``.
        bias: ``[outputs]``.
    """

    weight: Tensor | Affine
    bias: Tensor | None = None

    def apply(self, ops: Ops, rows: Tensor) -> Tensor:
        """``rows @ weight.T + bias``. Dense products are the vendor's library's."""
        if isinstance(self.weight, Tensor):
            return functional.linear(rows, self.weight, self.bias)
        product = ops.linear(rows, self.weight)
        return product if self.bias is None else product + self.bias


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """Of one layer; the norms of queries and keys with their eps, where the model has them."""

    attn_norm: Tensor
    qkv: Matrix
    head_norms: tuple[Tensor, Tensor, float] | None
    out: Matrix
    mlp_norm: Tensor
    gate_up: Matrix
    down: Matrix


@dataclass(frozen=True, slots=True)
class DecoderWeights:
    """Of a decoder; `cos` and `sin` are those of all positions of its context."""

    embed: Tensor
    layers: list[LayerWeights]
    norm: Tensor
    head: Matrix
    cos: Tensor
    sin: Tensor


def load_weights(
    checkpoint: Checkpoint, dtype: torch.dtype, device: torch.device, *, context: int, packed: bool = True
) -> DecoderWeights:
    """Reads a model's weights, one at a time, into a device's memory.

    Args:
        checkpoint: Where they are.
        dtype: What to compute in.
        device: Where to compute.
        context: Positions that there may be.
        packed: Whether weights that the file has in four bits or in Q8_0 stay so.

    Raises:
        ConfigError: If weights are missing, too many, or of another shape than the configuration says.
    """
    check_names(checkpoint)
    reader = _Reader(checkpoint, dtype, device, packed)
    config, names = checkpoint.config, checkpoint.names()
    embed = shaped(reader.dense("embed"), "embed", (config.vocabulary, config.hidden))
    head = reader.matrix({"head" if "head" in names else "embed": config.vocabulary}, config.hidden)
    if "head" not in names and isinstance(head.weight, Tensor):
        head = Matrix(embed)  # one tensor for both
    rope = Rope(config, checkpoint.rope_factors(), dtype)
    cos, sin = rope.at(torch.arange(context))
    layers = [_layer(reader, f"layers.{n}.") for n in range(config.layers)]
    return DecoderWeights(embed, layers, reader.dense("norm"), head, cos.to(device), sin.to(device))


def _layer(reader: _Reader, prefix: str) -> LayerWeights:
    config = reader.checkpoint.config
    keys, wide = config.kv_heads * config.head_dim, config.feed_forward
    sizes = {f"{prefix}q": config.heads * config.head_dim, f"{prefix}k": keys, f"{prefix}v": keys}
    biases = [bias for name in sizes if (bias := reader.optional(f"{name}_bias")) is not None]
    q_norm, k_norm = reader.optional(f"{prefix}q_norm"), reader.optional(f"{prefix}k_norm")
    return LayerWeights(
        attn_norm=reader.dense(f"{prefix}attn_norm"),
        qkv=reader.matrix(sizes, config.hidden, torch.cat(biases) if biases else None),
        head_norms=None if q_norm is None or k_norm is None else (q_norm, k_norm, config.eps),
        out=reader.matrix({f"{prefix}o": config.hidden}, config.heads * config.head_dim),
        mlp_norm=reader.dense(f"{prefix}mlp_norm"),
        gate_up=reader.matrix({f"{prefix}gate": wide, f"{prefix}up": wide}, config.hidden),
        down=reader.matrix({f"{prefix}down": config.hidden}, wide),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    checkpoint: Checkpoint
    dtype: torch.dtype
    device: torch.device
    packed: bool

    def dense(self, name: str) -> Tensor:
        return self.checkpoint.weight(name, self.dtype).to(self.device)

    def optional(self, name: str) -> Tensor | None:
        return self.dense(name) if name in self.checkpoint.names() else None

    def matrix(self, rows: Mapping[str, int], columns: int, bias: Tensor | None = None) -> Matrix:
        """Rows of one or several weights, which are multiplied with at once."""
        if self.packed and columns % _GROUP == 0:
            parts = [self._four_bits(name) for name in rows]
            if any(part is None for part in parts):
                parts = [self._eight_bits(name) for name in rows]
            known = [part for part in parts if part is not None]
            if len(known) == len(rows):
                for part, (name, count) in zip(known, rows.items(), strict=True):
                    shaped(part.scales, f"{name}'s scales", (count, columns // _GROUP))
                return Matrix(_stacked(known, self.dtype, self.device), bias)
        dense = [shaped(self.dense(name), name, (count, columns)) for name, count in rows.items()]
        return Matrix(dense[0] if len(dense) == 1 else torch.cat(dense), bias)

    def _four_bits(self, name: str) -> Affine | None:
        part = self.checkpoint.affine(name)
        if part is None:
            return None
        return Affine(part.quants[:, ::2] | (part.quants[:, 1::2] << 4), part.scales, part.minima, 4)

    def _eight_bits(self, name: str) -> Affine | None:
        """Q8_0 once more: the greatest number of a group is 127, so its scale is found as it was."""
        if self.checkpoint.bits(name) != 8:
            return None
        grouped = self.checkpoint.weight(name, torch.float32).unflatten(1, (-1, _GROUP))
        scales = grouped.abs().amax(dim=-1) / 127
        quants = (grouped / scales.clamp(min=1e-30)[..., None]).round().to(torch.int8)
        return Affine(quants.flatten(1), scales, torch.zeros_like(scales), 8)


def _stacked(parts: list[Affine], dtype: torch.dtype, device: torch.device) -> Affine:
    # Scales are as exact in float16 as files have them; bfloat16 would round them.
    kind = dtype if dtype == torch.float32 else torch.float16
    return Affine(
        torch.cat([part.quants for part in parts]).to(device),
        torch.cat([part.scales for part in parts]).to(device, kind),
        torch.cat([part.minima for part in parts]).to(device, kind),
        parts[0].bits,
    )
