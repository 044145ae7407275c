"""A GGUF file as a checkpoint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...core.errors import ConfigError
from .checkpoint import ModelConfig, check_architecture
from .dequant import affine4, dequantize
from .gguf import TYPES, GgufFile
from .packed import Affine4

if TYPE_CHECKING:
    from .tokenizer import TextTokenizer

_TOP = {"token_embd.weight": "embed", "output_norm.weight": "norm", "output.weight": "head"}
_LAYER = {
    "attn_norm.weight": "attn_norm", "ffn_norm.weight": "mlp_norm",
    "attn_q.weight": "q", "attn_k.weight": "k", "attn_v.weight": "v", "attn_output.weight": "o",
    "attn_q.bias": "q_bias", "attn_k.bias": "k_bias", "attn_v.bias": "v_bias",
    "attn_q_norm.weight": "q_norm", "attn_k_norm.weight": "k_norm",
    "ffn_gate.weight": "gate", "ffn_up.weight": "up", "ffn_down.weight": "down",
}  # fmt: skip
_BLOCK = re.compile(r"blk\.(\d+)\.(.+)")
_ROPE_FACTORS = "rope_freqs.weight"


class GgufCheckpoint:
    """A model in a GGUF file.

    Args:
        path: The file.

    Attributes:
        config: Its shape.
        file: The open file.

    Raises:
        ConfigError: If it is damaged, or something in it is not supported.
    """

    def __init__(self, path: Path) -> None:
        self.file = GgufFile(path)
        if self.file.metadata.get("split.count", 1) > 1:
            raise ConfigError(f"{path.name} is one part of several: merge them with llama.cpp's gguf-split first")
        self.config = _config(self.file)
        self._files_names: dict[str, str] = {}
        for name in self.file.tensors:
            if name == _ROPE_FACTORS:
                continue
            self._files_names[_canonical(name, path)] = name

    def names(self) -> set[str]:
        return set(self._files_names)

    def weight(self, name: str, dtype: torch.dtype) -> torch.Tensor:
        info = self.file.tensors[self._files_names[name]]
        weight = dequantize(self.file.data(info), info, dtype)
        kind = name.rpartition(".")[2]
        if self.config.architecture == "llama" and kind in ("q", "k", "q_bias", "k_bias"):
            return _halves(weight, self.config.heads if kind.startswith("q") else self.config.kv_heads)
        return weight

    def affine(self, name: str) -> Affine4 | None:
        info = self.file.tensors[self._files_names[name]]
        found = affine4(self.file.data(info), info)
        kind = name.rpartition(".")[2]
        if found is None or self.config.architecture != "llama" or kind not in ("q", "k"):
            return found
        heads = self.config.heads if kind == "q" else self.config.kv_heads
        return Affine4(_halves(found.quants, heads), _halves(found.scales, heads), _halves(found.minima, heads))

    def bits(self, name: str) -> int:
        kind = self.file.tensors[self._files_names[name]].type
        _, values, size = next(entry for entry in TYPES.values() if entry[0] == kind)
        return size * 8 // values  # the scales of a block aside, which take less than one bit

    def rope_factors(self) -> torch.Tensor | None:
        info = self.file.tensors.get(_ROPE_FACTORS)
        return None if info is None else dequantize(self.file.data(info), info, torch.float32)

    def tokenizer(self) -> TextTokenizer:
        from .tokenizer_gguf import tokenizer_from_gguf

        return tokenizer_from_gguf(self.file.metadata, self.file.path.name)

    def chat_template(self) -> str | None:
        template = self.file.metadata.get("tokenizer.chat_template")
        return template if isinstance(template, str) else None


def _halves(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of a projection, from pairs that rotate together side by side, to first halves and second halves.

    llama.cpp's converter interleaves them for the llama architecture; the rotation here is the half-and-half one.
    """
    rows = weight.shape[0] // heads
    return weight.view(heads, rows // 2, 2, -1).transpose(1, 2).reshape(weight.shape)


def _canonical(name: str, path: Path) -> str:
    if name in _TOP:
        return _TOP[name]
    block = _BLOCK.fullmatch(name)
    if block is None or block[2] not in _LAYER:
        raise ConfigError(f"{path.name}: tensor {name!r} is no part of a model that the engine knows")
    return f"layers.{block[1]}.{_LAYER[block[2]]}"


def _config(file: GgufFile) -> ModelConfig:
    where = file.path.name
    architecture = check_architecture(str(file.metadata.get("general.architecture")), where)

    def value(key: str, default: Any = None) -> Any:
        found = file.metadata.get(f"{architecture}.{key}", default)
        if found is None:
            raise ConfigError(f"{where}: its metadata lacks {architecture}.{key}")
        return found

    scaling = value("rope.scaling.type", "none")
    if scaling not in ("none", "linear"):
        raise ConfigError(f"{where}: rope scaling {scaling!r} is not supported; 'none' and 'linear' are")
    if value("expert_count", 0):
        raise ConfigError(f"{where}: mixtures of experts are not supported")
    heads = int(value("attention.head_count"))
    head_dim = int(value("attention.key_length", int(value("embedding_length")) // heads))
    if (
        int(value("rope.dimension_count", head_dim)) != head_dim
        or value("attention.value_length", head_dim) != head_dim
    ):
        raise ConfigError(f"{where}: heads of which only a part rotates are not supported")
    context = int(value("context_length"))
    window = int(value("attention.sliding_window", 0))
    embedding = file.tensors.get("token_embd.weight")
    if embedding is None:
        raise ConfigError(f"{where} holds no model: it has no token_embd.weight")
    return ModelConfig(
        architecture=architecture,
        layers=int(value("block_count")),
        hidden=int(value("embedding_length")),
        heads=heads,
        kv_heads=int(value("attention.head_count_kv", heads)),
        head_dim=head_dim,
        feed_forward=int(value("feed_forward_length")),
        vocabulary=embedding.shape[0],
        context=min(context, window) if window else context,  # within one window, full attention is the same
        eps=float(value("attention.layer_norm_rms_epsilon")),
        rope_base=float(value("rope.freq_base", 10000.0)),
        rope_linear=float(value("rope.scaling.factor", 1.0)) if scaling == "linear" else 1.0,
    )
