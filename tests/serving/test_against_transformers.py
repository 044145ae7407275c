"""The engine computes what the reference implementation computes, on the embedded model and on small random ones."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
import transformers

from autogen_like.core.errors import ConfigError
from autogen_like.serving.engine import Engine, GenerateRequest
from autogen_like.serving.engine.checkpoint import open_checkpoint
from autogen_like.serving.engine.model import Decoder

from .support import Alone

PROMPTS = [
    "What is the capital of France?",
    "Write a haiku about autumn leaves.",
    "Count from 1 to 20.",
    "def fibonacci(n):\n    ",
    "Explain in two sentences why the sky is blue.",
    "Translate to German: The cat sleeps on the mat. 🐈",
    "List three differences between TCP and UDP.",
    "Once upon a time, in a village by the sea,",
]
TOKENS = 40


@pytest.fixture(scope="module")
def reference(model_path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its own loading of GGUF files
        model = transformers.AutoModelForCausalLM.from_pretrained(
            model_path.parent, gguf_file=model_path.name, dtype=torch.float32
        )
    return model.eval()


def prompt_tokens(engine: Engine, text: str) -> list[int]:
    return engine.tokenizer.encode(f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n")


def greedy(engine: Engine, prompt: list[int], count: int) -> list[int]:
    steps = engine.generate(GenerateRequest(prompt, max_tokens=count))
    return [step.token for step in steps if step.token is not None]


@pytest.mark.slow
@pytest.mark.parametrize("text", PROMPTS)
def test_greedy_output_equals_the_references_token_for_token(engine: Engine, reference: Any, text: str) -> None:
    prompt = prompt_tokens(engine, text)
    ours = greedy(engine, prompt, TOKENS)
    with torch.inference_mode():
        # Greedy choices for all positions at once: each equals the reference's own if all before it do.
        logits = reference(torch.tensor([prompt + ours])).logits[0, len(prompt) - 1 :]
    chosen = logits.argmax(dim=-1).tolist()
    assert chosen[: len(ours)] == ours
    if len(ours) < TOKENS:  # ours ended there; so must the reference
        assert chosen[len(ours)] in engine.tokenizer.ends


@pytest.mark.slow
def test_greedy_output_equals_that_of_the_references_own_loop(engine: Engine, reference: Any) -> None:
    prompt = prompt_tokens(engine, PROMPTS[1])
    settings = {"do_sample": False, "max_new_tokens": 32, "pad_token_id": 2, "eos_token_id": 2}
    theirs = reference.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), **settings)
    ours = greedy(engine, prompt, 32)
    assert ours == theirs[0, len(prompt) : len(prompt) + len(ours)].tolist()
    assert len(ours) >= 8


@pytest.mark.slow
def test_logits_are_the_references_within_rounding(engine: Engine, reference: Any) -> None:
    prompt = prompt_tokens(engine, PROMPTS[4])
    with torch.inference_mode():
        wanted = reference(torch.tensor([prompt])).logits[0, -1]
    found = Alone(engine.model).forward(prompt)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=2e-3)


# --- small random models

SHAPE = {
    "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 6,
    "num_key_value_heads": 2, "vocab_size": 131, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64, "rope_theta": 10000.0,
}  # fmt: skip
MODELS: dict[str, dict[str, Any]] = {
    "llama": {"model_type": "llama"},
    "llama-tied": {"model_type": "llama", "tie_word_embeddings": True},
    "llama-all-heads": {"model_type": "llama", "num_key_value_heads": 6},
    "llama-3.1": {"model_type": "llama", "rope_parameters": LLAMA3},
    "llama-linear": {
        "model_type": "llama",
        "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e3},
    },
    "mistral": {"model_type": "mistral", "head_dim": 16, "sliding_window": None},
    "qwen2": {"model_type": "qwen2", "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    "qwen3": {"model_type": "qwen3", "head_dim": 16},
}


@pytest.fixture(params=MODELS)
def small(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Path]:
    """A random model of the reference implementation, and the folder it was saved to."""
    settings = {**SHAPE, **MODELS[request.param]}
    config = transformers.AutoConfig.for_model(**settings)
    torch.manual_seed(7)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.copy_(1 + 0.3 * torch.randn_like(weight))
            elif "bias" in name:
                weight.copy_(torch.randn_like(weight))
            else:
                weight.mul_(8)
    model.save_pretrained(tmp_path)
    return model, tmp_path


def all_logits(reference: Any, tokens: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = reference(torch.tensor([tokens])).logits[0]
    return found


def tokens_of(seed: int, count: int) -> list[int]:
    return torch.randint(0, SHAPE["vocab_size"], (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def check(decoder: Decoder, reference: Any) -> None:
    """The same logits: for a prompt at once, for one in pieces, and token by token behind it."""
    tokens = tokens_of(1, 90)
    wanted = all_logits(reference, tokens)
    sequence = Alone(decoder)
    for start, end in ((0, 50), (50, 80), *((place, place + 1) for place in range(80, 90))):
        found = sequence.forward(tokens[start:end])
        torch.testing.assert_close(found, wanted[end - 1], rtol=1e-4, atol=1e-4)


def test_safetensors_models_compute_what_the_reference_computes(small: tuple[Any, Path]) -> None:
    reference, folder = small
    check(Decoder(open_checkpoint(folder), torch.float32), reference)


NAMES = {
    "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def gguf_name(name: str) -> str:
    if name in NAMES:
        return NAMES[name]
    _, _, layer, rest = name.split(".", 3)
    part, _, kind = rest.rpartition(".")
    return f"blk.{layer}.{NAMES[part]}.{kind}"


def interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows in the order that llama.cpp's converter gives the llama architecture."""
    rows = weight.shape[0] // heads
    return weight.reshape(heads, 2, rows // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def write_gguf(reference: Any, path: Path, architecture: str) -> None:
    config = reference.config
    writer = gguf.GGUFWriter(path, architecture)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    rope = config.rope_parameters
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "llama3":  # the converter stores the divisors of the frequencies
        plain = 1.0 / rope["rope_theta"] ** (torch.arange(0, head_dim, 2).float() / head_dim)
        writer.add_tensor("rope_freqs.weight", (plain / reference.model.rotary_emb.inv_freq).numpy())
    for name, weight in reference.named_parameters():
        value = weight.detach()
        if architecture == "llama" and "q_proj" in name:
            value = interleaved(value, config.num_attention_heads)
        elif architecture == "llama" and "k_proj" in name:
            value = interleaved(value, config.num_key_value_heads)
        writer.add_tensor(gguf_name(name), value.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_gguf_models_compute_what_the_reference_computes(small: tuple[Any, Path]) -> None:
    reference, folder = small
    kind = reference.config.model_type
    path = folder / "model.gguf"
    write_gguf(reference, path, "llama" if kind == "mistral" else kind)
    check(Decoder(open_checkpoint(path), torch.float32), reference)


def test_bfloat16_stays_near_float32(small: tuple[Any, Path]) -> None:
    reference, folder = small
    decoder = Decoder(open_checkpoint(folder), torch.bfloat16)
    tokens = tokens_of(2, 60)
    found = Alone(decoder).forward(tokens)
    wanted = all_logits(reference, tokens)[-1]
    assert (found - wanted).norm() / wanted.norm() < 0.1


# --- what is refused


def saved(tmp_path: Path, **changes: Any) -> Path:
    config = transformers.AutoConfig.for_model(**{**SHAPE, "model_type": "llama"})
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    raw = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**raw, **changes}))
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "mamba"}, "architecture 'mamba'"),
        ({"hidden_act": "gelu"}, "activation 'gelu'"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}, "rope scaling 'yarn'"),
        ({"quantization_config": {"quant_method": "gptq"}}, "take a GGUF file"),
        ({"num_hidden_layers": 4}, "lacks layers.3"),
        ({"num_hidden_layers": 2}, "has layers.2"),
        ({"intermediate_size": 90}, "layers.0.gate is"),
    ],
)
def test_a_folder_that_cannot_be_run_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Decoder(open_checkpoint(saved(tmp_path, **changes)), torch.float32)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no config.json"):
        open_checkpoint(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="is no JSON"):
        open_checkpoint(tmp_path)
    saved(tmp_path)
    with pytest.raises(ConfigError, match=r"no tokenizer.json"):
        open_checkpoint(tmp_path).tokenizer()
    with pytest.raises(ConfigError, match="give the folder"):
        open_checkpoint(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match="no weights"):
        open_checkpoint(tmp_path)


def test_a_sliding_window_bounds_the_context(tmp_path: Path) -> None:
    folder = saved(tmp_path, model_type="mistral", sliding_window=100)
    assert open_checkpoint(folder).config.context == 100


@pytest.mark.parametrize(
    ("architecture", "extra", "message"),
    [
        ("mamba", {}, "architecture 'mamba'"),
        ("llama", {"llama.rope.scaling.type": "yarn"}, "rope scaling 'yarn'"),
        ("llama", {"llama.expert_count": 8}, "experts"),
        ("llama", {"llama.rope.dimension_count": 4}, "only a part rotates"),
        ("llama", {"split.count": 3}, "gguf-split"),
        ("llama", {}, r"no token_embd.weight"),
    ],
)
def test_a_gguf_file_that_cannot_be_run_is_refused_by_name(
    tmp_path: Path, architecture: str, extra: dict[str, Any], message: str
) -> None:
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", architecture)
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(16)
    writer.add_feed_forward_length(16)
    writer.add_head_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    for key, value in extra.items():
        (writer.add_string if isinstance(value, str) else writer.add_uint32)(key, value)
    writer.add_tensor("blk.0.attn_norm.weight", torch.ones(16).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ConfigError, match=message):
        open_checkpoint(tmp_path / "x.gguf")
