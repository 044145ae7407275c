"""What several tests of this room need: one sequence computed by hand, a small random model, an audit of blocks."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from autogen_like.serving.engine import Engine, EngineConfig, GenerateRequest, Step
from autogen_like.serving.engine.blocks import BlockManager
from autogen_like.serving.engine.checkpoint import open_checkpoint
from autogen_like.serving.engine.mirror import Mirror, MirrorBatch
from autogen_like.serving.engine.model import Decoder
from autogen_like.serving.engine.scheduler import Chunk
from autogen_like.serving.engine.sequence import Running
from autogen_like.serving.engine.tokenizer import TextTokenizer


class Alone:
    """One sequence on a decoder, without an engine.

    Args:
        decoder: Which.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        memory = Mirror(decoder.config, decoder.dtype, 16)
        self._sequence = SimpleNamespace(computed=0, memory=memory)

    def forward(self, tokens: list[int]) -> torch.Tensor:
        """The logits behind the last of the next tokens."""
        return self.logits(tokens, torch.tensor([len(tokens) - 1]))[0]

    def logits(self, tokens: list[int], rows: torch.Tensor | None = None) -> torch.Tensor:
        """The logits behind each of the next tokens, or behind some of them."""
        start, count = self._sequence.computed, len(tokens)
        batch = MirrorBatch(self._decoder.config, [Chunk(cast("Running", self._sequence), count)])
        with torch.inference_mode():
            places = torch.arange(start, start + count)
            logits = self._decoder.forward(torch.tensor(tokens), places, batch, rows)
        self._sequence.computed += count
        return logits


def run(engine: Engine, request: GenerateRequest) -> tuple[list[int], str, Step]:
    """Tokens, text and last step of a request on its own."""
    steps = list(engine.generate(request))
    return [step.token for step in steps if step.token is not None], "".join(step.text for step in steps), steps[-1]


def run_together(engine: Engine, requests: list[GenerateRequest]) -> list[list[int]]:
    """Tokens of requests that run side by side."""
    iterators = {place: engine.generate(request) for place, request in enumerate(requests)}
    tokens: list[list[int]] = [[] for _ in requests]
    while iterators:
        for place, steps in list(iterators.items()):
            step = next(steps, None)
            if step is None:
                del iterators[place]
            elif step.token is not None:
                tokens[place].append(step.token)
    return tokens


SHAPE = {
    "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 2, "num_attention_heads": 6,
    "num_key_value_heads": 2, "vocab_size": 260, "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
}  # fmt: skip


def save_random_model(folder: Path, **settings: Any) -> Any:
    """A small model of random weights, saved to a folder; gives the reference implementation's own object."""
    import transformers

    config = transformers.AutoConfig.for_model(**{"model_type": "llama", **SHAPE, **settings})
    torch.manual_seed(7)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.copy_(1 + 0.3 * torch.randn_like(weight))
            else:
                weight.mul_(8)
    model.save_pretrained(folder)
    return model


def save_random_weights(folder: Path, **settings: Any) -> None:
    """A small Llama of random weights, for who needs no reference beside it: importing that takes seconds."""
    from safetensors.torch import save_file

    shape = {**SHAPE, **settings}
    torch.manual_seed(11)  # with these its replies don't end by themselves soon
    width, inner, heads = shape["hidden_size"], shape["intermediate_size"], shape["num_attention_heads"]
    narrow = width // heads * shape["num_key_value_heads"]
    sizes = {"embed_tokens.weight": (shape["vocab_size"], width), "norm.weight": (width,)}
    for layer in range(shape["num_hidden_layers"]):
        attention = {"q": (width, width), "k": (narrow, width), "v": (narrow, width), "o": (width, width)}
        dense = {"gate": (inner, width), "up": (inner, width), "down": (width, inner)}
        sizes |= {f"layers.{layer}.self_attn.{name}_proj.weight": size for name, size in attention.items()}
        sizes |= {f"layers.{layer}.mlp.{name}_proj.weight": size for name, size in dense.items()}
        sizes |= {f"layers.{layer}.{name}_layernorm.weight": (width,) for name in ("input", "post_attention")}
    weights = {
        f"model.{name}": 1 + 0.3 * torch.randn(size) if "norm" in name else 0.16 * torch.randn(size)
        for name, size in sizes.items()
    }
    weights["lm_head.weight"] = 0.16 * torch.randn(shape["vocab_size"], width)
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "tie_word_embeddings": False, **shape}))


def byte_tokenizer() -> TextTokenizer:
    """A token for each byte, and four that end a reply or mean nothing."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: place for place, letter in enumerate(letters)}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.add_special_tokens(["<end>"])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return TextTokenizer(tokenizer, ends=[256], eos="<end>")


def random_engine(folder: Path, **config: Any) -> Engine:
    """An engine on the model that `save_random_model` saved."""
    settings = EngineConfig(**{"dtype": "float32", **config})
    return Engine(Decoder(open_checkpoint(folder), settings.torch_dtype()), byte_tokenizer(), settings)


def audit(blocks: BlockManager) -> None:
    """No block is lost, in two places, or known under a wrong hash."""
    places = [*blocks._empty, *blocks._idle, *blocks._resident]
    used = [block for block, held in enumerate(blocks._blocks) if held.refs]
    assert sorted([*places, *used]) == list(range(blocks.count))
    assert all(blocks._known[blocks._blocks[block].digest] == block for block in (*blocks._idle, *blocks._resident))
    assert not any(blocks._blocks[block].digest for block in blocks._empty)
    children = [block for siblings in blocks._children.values() for block in siblings]
    assert sorted(children) == sorted(blocks._known.values())
