"""The decoder: Llama, Mistral, Qwen2 (attention biases) and Qwen3 (norms of queries and keys), in plain torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...core.errors import ConfigError
from .cache import SequenceCache
from .checkpoint import Checkpoint
from .linear import Linear
from .packed import Packed4, fits
from .rope import Rope, rotate


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

    Attributes:
        config: Its shape.
        dtype: What it computes in.

    Raises:
        ConfigError: If weights are missing, too many, or of another shape than the configuration says.
    """

    def __init__(self, checkpoint: Checkpoint, dtype: torch.dtype) -> None:
        self.config = checkpoint.config
        self.dtype = dtype
        _check_names(checkpoint)

        def weight(name: str) -> Tensor:
            return checkpoint.weight(name, dtype)

        self._embed = _shaped(weight("embed"), "embed", (self.config.vocabulary, self.config.hidden))
        self._norm = weight("norm")
        self._head = Linear(weight("head") if "head" in checkpoint.names() else self._embed)
        self._layers = [self._layer(checkpoint, weight, f"layers.{n}.") for n in range(self.config.layers)]
        self._rope = Rope(self.config, checkpoint.rope_factors(), dtype)

    def _layer(self, checkpoint: Checkpoint, weight: Callable[[str], Tensor], prefix: str) -> _Layer:
        config, names = self.config, checkpoint.names()
        queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim

        def optional(name: str) -> Tensor | None:
            return weight(prefix + name) if prefix + name in names else None

        def matrix(name: str, rows: int, columns: int) -> Tensor:
            return _shaped(weight(prefix + name), prefix + name, (rows, columns))

        def packed(*names: str) -> Packed4 | None:
            """The same rows in four bits, where they can all be had so and the arithmetic is bfloat16's."""
            if self.dtype != torch.bfloat16:
                return None
            parts = [part for name in names if (part := checkpoint.affine(prefix + name)) is not None]
            outputs, inputs = sum(part.quants.shape[0] for part in parts), parts[0].quants.shape[1] if parts else 0
            return Packed4(parts) if len(parts) == len(names) and fits(outputs, inputs) else None

        sizes = {"q": queries, "k": keys, "v": keys}
        biases = [bias for name in sizes if (bias := optional(f"{name}_bias")) is not None]
        qkv = torch.cat([matrix(name, rows, config.hidden) for name, rows in sizes.items()])
        gate_up = torch.cat([matrix(name, config.feed_forward, config.hidden) for name in ("gate", "up")])
        return _Layer(
            attn_norm=weight(prefix + "attn_norm"),
            qkv=Linear(qkv, torch.cat(biases) if biases else None, packed(*sizes)),
            q_norm=optional("q_norm"),
            k_norm=optional("k_norm"),
            out=Linear(matrix("o", config.hidden, queries), packed=packed("o")),
            mlp_norm=weight(prefix + "mlp_norm"),
            gate_up=Linear(gate_up, packed=packed("gate", "up")),
            down=Linear(matrix("down", config.hidden, config.feed_forward), packed=packed("down")),
        )

    def forward(self, tokens: Sequence[int], sequence: SequenceCache) -> Tensor:
        """Computes the tokens that follow those of a sequence, and adds them to it.

        Args:
            tokens: At least one.
            sequence: What was computed before.

        Returns:
            The last token's logits in float32, ``[vocabulary]``.
        """
        with torch.inference_mode():
            start = len(sequence.tokens)
            sequence.reserve(start + len(tokens))
            cos, sin = self._rope.at(start, start + len(tokens))
            mask = _mask(start, len(tokens))
            hidden = self._embed[torch.tensor(tokens)]
            for index, layer in enumerate(self._layers):
                normed = self._normed(hidden, layer.attn_norm)
                hidden = hidden + self._attention(index, layer, normed, cos, sin, mask, sequence)
                gate, up = layer.gate_up(self._normed(hidden, layer.mlp_norm)).chunk(2, dim=-1)
                hidden = hidden + layer.down(functional.silu(gate) * up)
            sequence.tokens.extend(tokens)
            return self._head(self._normed(hidden[-1:], self._norm))[0].float()

    def _attention(
        self,
        index: int,
        layer: _Layer,
        hidden: Tensor,
        cos: Tensor,
        sin: Tensor,
        mask: Tensor | None,
        sequence: SequenceCache,
    ) -> Tensor:
        config, count = self.config, hidden.shape[0]
        heads, kv_heads = config.heads, config.kv_heads
        qkv = layer.qkv(hidden).view(count, heads + 2 * kv_heads, config.head_dim)
        turning = qkv[:, : heads + kv_heads]
        if layer.q_norm is not None and layer.k_norm is not None:
            queries, keys = turning[:, :heads], turning[:, heads:]
            turning = torch.cat((self._normed(queries, layer.q_norm), self._normed(keys, layer.k_norm)), dim=1)
        turned = rotate(turning, cos, sin)
        queries, keys = turned[:, :heads], turned[:, heads:]
        all_keys, all_values = sequence.extend(index, keys, qkv[:, heads + kv_heads :])
        if count == 1:
            # The query heads that share a key head are rows of one small matrix: nothing is repeated.
            grouped = queries.view(1, kv_heads, heads // kv_heads, config.head_dim)
            mixed = functional.scaled_dot_product_attention(grouped, all_keys[None], all_values[None])
            return layer.out(mixed.reshape(1, -1))
        mixed = functional.scaled_dot_product_attention(
            queries.transpose(0, 1)[None],
            _repeated(all_keys, heads),
            _repeated(all_values, heads),
            attn_mask=mask,
            is_causal=mask is None,
        )
        return layer.out(mixed[0].transpose(0, 1).reshape(count, -1))

    def _normed(self, hidden: Tensor, weight: Tensor) -> Tensor:
        """Root-mean-square norm over the last dimension, its statistics in float32.

        By hand, since `functional.rms_norm` is several times slower for one row on a CPU.
        """
        length = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True, dtype=torch.float32)
        scale = torch.rsqrt(length.square_().div_(hidden.shape[-1]).add_(self.config.eps))
        return (hidden * scale).to(self.dtype) * weight


def _repeated(heads: Tensor, count: int) -> Tensor:
    """Key or value heads as many times as query heads share them; a view where that is possible."""
    kv_heads, length, width = heads.shape
    shared = heads[:, None].expand(kv_heads, count // kv_heads, length, width)
    return shared.reshape(1, count, length, width)


def _mask(start: int, count: int) -> Tensor | None:
    """Who may look at whom: nothing is needed for one token, or where the sequence begins here."""
    if start == 0 or count == 1:
        return None
    return torch.ones(count, start + count, dtype=torch.bool).tril(diagonal=start)


def _shaped(weight: Tensor, name: str, shape: tuple[int, ...]) -> Tensor:
    if tuple(weight.shape) != shape:
        raise ConfigError(f"weight {name} is {tuple(weight.shape)}, but the model's configuration wants {shape}")
    return weight


def _check_names(checkpoint: Checkpoint) -> None:
    """Refuses a model that has parts which the decoder would leave out, or lacks some."""
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
