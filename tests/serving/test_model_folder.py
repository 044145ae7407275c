"""A folder in Hugging Face's layout is a whole model: weights, tokenizer, template, and where a turn ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from autogen_like.core.errors import ConfigError
from autogen_like.serving.chat_model import ChatModel, ChatReply, ChatRequest
from autogen_like.serving.engine import Engine, EngineConfig, Sampling
from autogen_like.serving.engine.checkpoint import open_checkpoint


@pytest.fixture
def folder(tmp_path: Path, engine: Engine) -> Path:
    """A small random Llama with the embedded model's tokenizer."""
    config = transformers.AutoConfig.for_model(
        "llama", hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, vocab_size=engine.tokenizer.size, max_position_embeddings=128, eos_token_id=[2],
    )  # fmt: skip
    torch.manual_seed(1)
    transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text(engine.tokenizer.json)
    write(tmp_path, "tokenizer_config.json", bos_token={"content": "<|im_start|>"}, eos_token="<|im_end|>")
    write(tmp_path, "generation_config.json", eos_token_id=[2, 5])
    return tmp_path


def write(folder: Path, name: str, **content: Any) -> None:
    (folder / name).write_text(json.dumps(content))


def test_it_chats(folder: Path, engine: Engine) -> None:
    model = ChatModel.load(folder, EngineConfig(dtype="float32"))
    tokenizer = model.engine.tokenizer
    text = 'naïve 🦜 12345 "<|im_end|>"'
    assert tokenizer.encode(text) == engine.tokenizer.encode(text)
    assert tokenizer.ends >= {2, 5}
    assert (tokenizer.bos, tokenizer.eos) == ("<|im_start|>", "<|im_end|>")
    request = ChatRequest([{"role": "user", "content": "Hi"}], sampling=Sampling(), choices=("yes", "no"))
    *_, reply = model.chat(request)
    assert isinstance(reply, ChatReply)
    assert reply.content in ("yes", "no")


def test_its_template_is_found_wherever_it_is(folder: Path) -> None:
    assert open_checkpoint(folder).chat_template() is None
    write(folder, "tokenizer_config.json", chat_template="one")
    assert open_checkpoint(folder).chat_template() == "one"
    named = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "two"}]
    write(folder, "tokenizer_config.json", chat_template=named)
    assert open_checkpoint(folder).chat_template() == "two"
    (folder / "chat_template.jinja").write_text("three")
    assert open_checkpoint(folder).chat_template() == "three"


def test_a_tokenizer_without_settings_still_works(folder: Path) -> None:
    for name in ("tokenizer_config.json", "generation_config.json"):
        (folder / name).unlink()
    tokenizer = open_checkpoint(folder).tokenizer()
    assert 2 in tokenizer.ends
    assert (tokenizer.bos, tokenizer.bos_id) == ("", None)


def test_integer_weights_are_refused(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] = weights["model.norm.weight"].to(torch.int8)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ConfigError, match=r"model.norm.weight is of type torch.int8"):
        Engine.load(folder)
