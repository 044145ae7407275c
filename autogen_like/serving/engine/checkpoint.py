"""What the engine needs of a model's files, whatever their format: a configuration, and weights by canonical names.

Canonical names: ``embed``, ``norm``, ``head``, and in each layer ``layers.N.`` followed by ``attn_norm``, ``q``, ``k``,
``v``, ``o``, ``q_bias``, ``k_bias``, ``v_bias``, ``q_norm``, ``k_norm``, ``mlp_norm``, ``gate``, ``up``, ``down``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ...core.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from .packed import Affine4
    from .tokenizer import TextTokenizer

ARCHITECTURES = ("llama", "mistral", "qwen2", "qwen3")


@dataclass(frozen=True, slots=True)
class RopeScaling:
    """Llama 3's way to stretch rotary positions.

    Args:
        factor: How much the slow frequencies are stretched.
        low: Turns within the original window below which a frequency is stretched fully.
        high: Turns above which it is left alone.
        original: The original window, in tokens.
    """

    factor: float
    low: float
    high: float
    original: int


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of a decoder.

    Args:
        architecture: One of `ARCHITECTURES`.
        layers: Number of layers.
        hidden: Width.
        heads: Query heads.
        kv_heads: Key and value heads; each serves ``heads // kv_heads`` query heads.
        head_dim: Width of a head.
        feed_forward: Inner width of the MLP.
        vocabulary: Number of token ids, as the embedding has rows.
        context: Longest sequence in tokens.
        eps: Of the norms.
        rope_base: Base of the rotary frequencies.
        rope_linear: Positions are divided by this.
        rope_scaling: Llama 3's scaling, where the model has it.
    """

    architecture: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    feed_forward: int
    vocabulary: int
    context: int
    eps: float
    rope_base: float
    rope_linear: float = 1.0
    rope_scaling: RopeScaling | None = None


class Checkpoint(Protocol):
    """A model's files."""

    config: ModelConfig

    def names(self) -> set[str]:
        """Canonical names of all weights; ``head`` is missing where it is the embedding."""
        ...

    def weight(self, name: str, dtype: torch.dtype) -> torch.Tensor:
        """A weight by its canonical name, in half-rotation order where it is a query or key projection."""
        ...

    def affine(self, name: str) -> Affine4 | None:
        """A weight in four bits, where the file has it so, in the same order as `weight` gives it."""
        ...

    def bits(self, name: str) -> int:
        """How many bits a number of a weight has in the file, rounded up."""
        ...

    def rope_factors(self) -> torch.Tensor | None:
        """Divisors of the rotary frequencies, where the file stores them."""
        ...

    def tokenizer(self) -> TextTokenizer:
        """The tokenizer."""
        ...

    def chat_template(self) -> str | None:
        """The Jinja2 template of its chats, where it has one."""
        ...


def open_checkpoint(path: Path) -> Checkpoint:
    """Opens a GGUF file, or a folder in Hugging Face's layout. Weights are read when they are asked for.

    Raises:
        ConfigError: If the format, the architecture or a tensor type is not supported; the message names it.
    """
    if path.is_dir():
        from .checkpoint_hub import HubCheckpoint

        return HubCheckpoint(path)
    if path.suffix == ".safetensors":
        raise ConfigError(f"{path} is one file of a model: give the folder, which also has config.json")
    from .checkpoint_gguf import GgufCheckpoint

    return GgufCheckpoint(path)


def check_architecture(name: str, where: str) -> str:
    """The architecture, if it is one of ours.

    Raises:
        ConfigError: If it is not.
    """
    if name not in ARCHITECTURES:
        raise ConfigError(
            f"{where}: architecture {name!r} is not supported; the engine runs {', '.join(ARCHITECTURES)}. Serve it "
            "with another program that has an OpenAI-compatible endpoint, and name that in 'base_url'"
        )
    return name
