"""A folder in Hugging Face's layout as a checkpoint: ``config.json``, ``*.safetensors``, ``tokenizer.json``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...core.errors import ConfigError
from .checkpoint import ModelConfig, RopeScaling, check_architecture

if TYPE_CHECKING:
    from .tokenizer import TextTokenizer

_TOP = {"model.embed_tokens.weight": "embed", "model.norm.weight": "norm", "lm_head.weight": "head"}
_LAYER = {
    "input_layernorm.weight": "attn_norm", "post_attention_layernorm.weight": "mlp_norm",
    "self_attn.q_proj.weight": "q", "self_attn.k_proj.weight": "k", "self_attn.v_proj.weight": "v",
    "self_attn.o_proj.weight": "o", "self_attn.q_proj.bias": "q_bias", "self_attn.k_proj.bias": "k_bias",
    "self_attn.v_proj.bias": "v_bias", "self_attn.q_norm.weight": "q_norm", "self_attn.k_norm.weight": "k_norm",
    "mlp.gate_proj.weight": "gate", "mlp.up_proj.weight": "up", "mlp.down_proj.weight": "down",
}  # fmt: skip
_BLOCK = re.compile(r"model\.layers\.(\d+)\.(.+)")
_DTYPES = {torch.float32, torch.float16, torch.bfloat16}


class HubCheckpoint:
    """A model in a folder.

    Args:
        path: The folder.

    Attributes:
        config: Its shape.

    Raises:
        ConfigError: If a file is missing, or something in it is not supported.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw: dict[str, Any] = _read_json(path / "config.json") or {}
        if not self.raw:
            raise ConfigError(f"{path} holds no model: it has no config.json")
        self.config = _config(self.raw, path.name)
        self._places = _places(path, tied=bool(self.raw.get("tie_word_embeddings")))

    def names(self) -> set[str]:
        return set(self._places)

    def weight(self, name: str, dtype: torch.dtype) -> torch.Tensor:
        from safetensors import safe_open

        file, key = self._places[name]
        with safe_open(file, framework="pt") as opened:
            weight: torch.Tensor = opened.get_tensor(key)
        if weight.dtype not in _DTYPES:
            raise ConfigError(f"{file.name}: tensor {key} is of type {weight.dtype}, which is not supported")
        return weight.to(dtype)

    def affine(self, name: str) -> None:
        return None

    def bits(self, name: str) -> int:
        return 16

    def rope_factors(self) -> torch.Tensor | None:
        return None

    def tokenizer(self) -> TextTokenizer:
        from tokenizers import Tokenizer

        from .tokenizer import TextTokenizer

        file = self.path / "tokenizer.json"
        if not file.is_file():
            raise ConfigError(f"{self.path} has no tokenizer.json, which the engine needs")
        settings = _read_json(self.path / "tokenizer_config.json") or {}
        generation = _read_json(self.path / "generation_config.json") or {}
        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        ends = _ids(generation.get("eos_token_id")) | _ids(self.raw.get("eos_token_id"))
        ends |= _ids(tokenizer.token_to_id(_content(settings.get("eos_token")) or ""))
        return TextTokenizer(
            tokenizer,
            ends=ends,
            bos=tokenizer.token_to_id(_content(settings.get("bos_token")) or ""),
            eos=_content(settings.get("eos_token")),
        )

    def chat_template(self) -> str | None:
        own = self.path / "chat_template.jinja"
        if own.is_file():
            return own.read_text("utf-8")
        template = (_read_json(self.path / "tokenizer_config.json") or {}).get("chat_template")
        if isinstance(template, list):  # several, by name
            by_name = {entry["name"]: entry["template"] for entry in template}
            template = by_name.get("default") or next(iter(by_name.values()), None)
        return template if isinstance(template, str) else None


def _read_json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}") from None
    return found if isinstance(found, dict) else None


def _content(token: Any) -> str | None:
    """A special token's text: some files have it as a string, some as a dict."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else None


def _ids(value: Any) -> set[int]:
    if value is None:
        return set()
    return {int(item) for item in (value if isinstance(value, list) else [value])}


def _places(path: Path, *, tied: bool) -> dict[str, tuple[Path, str]]:
    """Canonical name -> (file, name in it)."""
    from safetensors import safe_open

    places: dict[str, tuple[Path, str]] = {}
    for file in sorted(path.glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            for key in opened.keys():  # noqa: SIM118 - no dict
                if key.endswith("rotary_emb.inv_freq") or (tied and key == "lm_head.weight"):
                    continue
                block = _BLOCK.fullmatch(key)
                if key in _TOP:
                    places[_TOP[key]] = (file, key)
                elif block is not None and block[2] in _LAYER:
                    places[f"layers.{block[1]}.{_LAYER[block[2]]}"] = (file, key)
                else:
                    raise ConfigError(f"{file.name}: tensor {key!r} is no part of a model that the engine knows")
    if "embed" not in places:
        raise ConfigError(f"{path} holds no weights: no *.safetensors with model.embed_tokens.weight")
    return places


def _config(raw: dict[str, Any], where: str) -> ModelConfig:
    architecture = check_architecture(str(raw.get("model_type")), where)
    if raw.get("hidden_act", "silu") != "silu":
        raise ConfigError(f"{where}: activation {raw['hidden_act']!r} is not supported; 'silu' is")
    if raw.get("quantization_config"):
        raise ConfigError(f"{where}: quantised safetensors are not supported; take a GGUF file of the model")
    # Transformers 5 keeps both in rope_parameters; before, they were rope_theta and rope_scaling.
    rope = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
    heads = int(raw["num_attention_heads"])
    context = int(raw.get("max_position_embeddings", 2048))
    window = raw.get("sliding_window") if raw.get("use_sliding_window", architecture == "mistral") else None
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind not in ("default", "linear", "llama3"):
        raise ConfigError(f"{where}: rope scaling {kind!r} is not supported; 'linear' and 'llama3' are")
    return ModelConfig(
        architecture=architecture,
        layers=int(raw["num_hidden_layers"]),
        hidden=int(raw["hidden_size"]),
        heads=heads,
        kv_heads=int(raw.get("num_key_value_heads") or heads),
        head_dim=int(raw.get("head_dim") or int(raw["hidden_size"]) // heads),
        feed_forward=int(raw["intermediate_size"]),
        vocabulary=int(raw["vocab_size"]),
        context=min(context, int(window)) if window else context,  # within one window, full attention is the same
        eps=float(raw.get("rms_norm_eps", 1e-6)),
        rope_base=float(rope.get("rope_theta") or raw.get("rope_theta") or 10000.0),
        rope_linear=float(rope["factor"]) if kind == "linear" else 1.0,
        rope_scaling=_llama3(rope) if kind == "llama3" else None,
    )


def _llama3(rope: dict[str, Any]) -> RopeScaling:
    return RopeScaling(
        factor=float(rope["factor"]),
        low=float(rope["low_freq_factor"]),
        high=float(rope["high_freq_factor"]),
        original=int(rope["original_max_position_embeddings"]),
    )
