"""The decoder: Llama, Mistral, Qwen2 (attention biases) and Qwen3 (norms of queries and keys), in plain torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ...core.errors import ConfigError
from .checkpoint import Checkpoint, ModelConfig
from .linear import Linear
from .mirror import MirrorMemory
from .ops import Ops, TorchOps
from .packed import MOST_ROWS, Packed4, Packed8, Plain8, fits4, pack8
from .rope import Rope
from .scheduler import Chunk, Memory
from .threads import Threads


class Model(Protocol):
    """What the engine needs of a decoder, on whatever device.

    Attributes:
        config: Its shape.
        dtype: What it computes in.
        ops: What computes.
    """

    config: ModelConfig
    dtype: torch.dtype
    ops: Ops

    def block_bytes(self) -> int:
        """What a block of keys and values takes."""
        ...

    def memory(self, count: int) -> ModelMemory:
        """Memory for so many blocks."""
        ...

    def forward(self, tokens: Tensor, positions: Tensor, attention: Any, rows: Tensor | None = None) -> Tensor:
        """Logits of a step: see `Decoder.forward`. The attention is a batch of its memory's."""
        ...


class ModelMemory(Memory, Protocol):
    """Keys and values of a device."""

    def batch(self, chunks: Sequence[Chunk]) -> Any:
        """What a step computes, for the model's `forward`."""
        ...


class Attention(Protocol):
    """Keys and values of the sequences of a step."""

    def attend(self, layer: int, queries: Tensor, keys_values: Tensor) -> Tensor:
        """Stores the new keys and values of a layer, and mixes: see `MirrorBatch.attend`."""
        ...


@dataclass(frozen=True, slots=True)
class _Layer:
    attn_norm: Tensor
    qkv: Linear
    q_norm: Tensor | None
    k_norm: Tensor | None
    out: Linear
    mlp_norm: Tensor
    gate_up: Linear
    down: Linear


class Decoder:
    """A decoder with its weights.

    Args:
        checkpoint: Where they are.
        dtype: What to compute in.
        packed: Whether weights that the file has in few bits are multiplied so for few rows (in bfloat16).

    Attributes:
        config: Its shape.
        dtype: What it computes in.
        ops: What computes.

    Raises:
        ConfigError: If weights are missing, too many, or of another shape than the configuration says.
    """

    def __init__(self, checkpoint: Checkpoint, dtype: torch.dtype, *, packed: bool = True) -> None:
        self.config = checkpoint.config
        self._packs = packed and dtype == torch.bfloat16
        self.dtype = dtype
        self.ops: Ops = TorchOps()
        check_names(checkpoint)

        def weight(name: str) -> Tensor:
            return checkpoint.weight(name, dtype)

        self._embed = shaped(weight("embed"), "embed", (self.config.vocabulary, self.config.hidden))
        self._norm = weight("norm")
        name = "head" if "head" in checkpoint.names() else "embed"
        head = self._embed if name == "embed" else shaped(weight("head"), "head", tuple(self._embed.shape))
        self._head = Linear(head, packed=self._packed(checkpoint, [name], head))
        self._layers = [self._layer(checkpoint, weight, f"layers.{n}.") for n in range(self.config.layers)]
        self._rope = Rope(self.config, checkpoint.rope_factors(), dtype)
        # Another number of threads may round differently in the last bit, so float32 is left as it is.
        self._threads = [Threads() for _ in range(MOST_ROWS)] if self._packs else []

    def _layer(self, checkpoint: Checkpoint, weight: Callable[[str], Tensor], prefix: str) -> _Layer:
        config, names = self.config, checkpoint.names()
        queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim

        def optional(name: str) -> Tensor | None:
            return weight(prefix + name) if prefix + name in names else None

        def matrix(name: str, rows: int, columns: int) -> Tensor:
            return shaped(weight(prefix + name), prefix + name, (rows, columns))

        def linear(rows: Mapping[str, int], columns: int, bias: Tensor | None = None) -> Linear:
            dense = torch.cat([matrix(name, count, columns) for name, count in rows.items()])
            return Linear(dense, bias, self._packed(checkpoint, [prefix + name for name in rows], dense))

        sizes = {"q": queries, "k": keys, "v": keys}
        biases = [bias for name in sizes if (bias := optional(f"{name}_bias")) is not None]
        wide = config.feed_forward
        return _Layer(
            attn_norm=weight(prefix + "attn_norm"),
            qkv=linear(sizes, config.hidden, torch.cat(biases) if biases else None),
            q_norm=optional("q_norm"),
            k_norm=optional("k_norm"),
            out=linear({"o": config.hidden}, queries),
            mlp_norm=weight(prefix + "mlp_norm"),
            gate_up=linear({"gate": wide, "up": wide}, config.hidden),
            down=linear({"down": config.hidden}, wide),
        )

    def _packed(self, checkpoint: Checkpoint, names: Sequence[str], dense: Tensor) -> Packed4 | Packed8 | Plain8 | None:
        """The product in the bits that the file has: exact in 4 where all of it is so, else in 8 if it has no more."""
        if not self._packs:
            return None
        if fits4(*dense.shape):
            parts = [part for name in names if (part := checkpoint.affine(name)) is not None]
            if len(parts) == len(names):
                return Packed4(parts)
        few = all(checkpoint.bits(name) <= 8 for name in names)
        return pack8(dense) if few else None

    def block_bytes(self) -> int:
        """What a block of keys and values takes."""
        return MirrorMemory.block_bytes(self.config, self.dtype)

    def memory(self, count: int) -> MirrorMemory:
        """Memory for so many blocks of keys and values."""
        return MirrorMemory(self.config, self.dtype, count)

    def forward(self, tokens: Tensor, positions: Tensor, attention: Attention, rows: Tensor | None = None) -> Tensor:
        """Computes the new tokens of a batch of sequences.

        Args:
            tokens: ``[n]``, one sequence's behind the other's.
            positions: ``[n]``, each token's place in its sequence.
            attention: Knows which sequences they are, and keeps their keys and values.
            rows: Whose logits are wanted; None is all.

        Returns:
            Logits in float32, ``[wanted rows, vocabulary]``.
        """
        few = len(tokens) <= len(self._threads)
        with self._threads[len(tokens) - 1] if few else nullcontext():
            return self._logits(tokens, positions, attention, rows)

    def _logits(self, tokens: Tensor, positions: Tensor, attention: Attention, rows: Tensor | None) -> Tensor:
        config, ops = self.config, self.ops
        turn = self._rope.turn(positions)
        hidden, residual = self._embed[tokens], None
        for index, layer in enumerate(self._layers):
            normed, residual = ops.rms_norm(hidden, residual, layer.attn_norm, config.eps)
            qkv = layer.qkv(normed).view(len(tokens), -1, config.head_dim)
            if layer.q_norm is not None and layer.k_norm is not None:
                qkv = self._normed_heads(qkv, layer.q_norm, layer.k_norm)
            turned = turn(qkv)
            mixed = attention.attend(index, turned[:, : config.heads], turned[:, config.heads :])
            normed, residual = ops.rms_norm(layer.out(mixed), residual, layer.mlp_norm, config.eps)
            hidden = layer.down(ops.silu_mul(layer.gate_up(normed)))
        if rows is not None:
            hidden, residual = hidden[rows], residual[rows] if residual is not None else None
        return self._head(ops.rms_norm(hidden, residual, self._norm, config.eps)[0]).float()

    def _normed_heads(self, qkv: Tensor, q_norm: Tensor, k_norm: Tensor) -> Tensor:
        config = self.config
        queries, keys, values = torch.split(qkv, [config.heads, config.kv_heads, config.kv_heads], dim=1)
        normed = (
            self.ops.rms_norm(queries, None, q_norm, config.eps)[0],
            self.ops.rms_norm(keys, None, k_norm, config.eps)[0],
        )
        return torch.cat((*normed, values), dim=1)


def shaped(weight: Tensor, name: str, shape: tuple[int, ...]) -> Tensor:
    """The weight, if it has the shape that the configuration says.

    Raises:
        ConfigError: If it has another.
    """
    if tuple(weight.shape) != shape:
        raise ConfigError(f"weight {name} is {tuple(weight.shape)}, but the model's configuration wants {shape}")
    return weight


def check_names(checkpoint: Checkpoint) -> None:
    """Refuses a model that has parts which the decoder would leave out, or lacks some.

    Raises:
        ConfigError: If there are such parts.
    """
    config, names = checkpoint.config, checkpoint.names()
    parts = {"attn_norm", "mlp_norm", "q", "k", "v", "o", "gate", "up", "down"}
    if config.architecture == "qwen2" or "layers.0.q_bias" in names:
        parts |= {"q_bias", "k_bias", "v_bias"}
    if config.architecture == "qwen3":
        parts |= {"q_norm", "k_norm"}
    wanted = {"embed", "norm"} | {f"layers.{n}.{part}" for n in range(config.layers) for part in parts}
    missing, spare = sorted(wanted - names), sorted(names - wanted - {"head"})
    if missing or spare:
        said = [f"lacks {', '.join(missing[:3])}"] if missing else []
        said += [f"has {', '.join(spare[:3])}, which a {config.architecture} has not"] if spare else []
        raise ConfigError(f"the model {' and '.join(said)}")
