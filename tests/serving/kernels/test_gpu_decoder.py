"""The decoder for GPUs, as far as it goes without one: on the CPU, with torch's operations, in the real engine.

What needs CUDA (recording a step, pinned memory) is not run here; padding to sizes, the pool of blocks, slots and
tables, weights in few bits, and steps of prompts and decoding together are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from autogen_like.core.errors import ConfigError
from autogen_like.serving.engine import Engine, EngineConfig, GenerateRequest, Sampling
from autogen_like.serving.engine.checkpoint import open_checkpoint
from autogen_like.serving.engine.model import Decoder
from autogen_like.serving.engine.ops import Affine, TorchOps
from autogen_like.serving.engine.packed import Affine4
from autogen_like.serving.kernels.decoder import SIZES, GpuDecoder, device_ops
from autogen_like.serving.kernels.memory import PagedMemory
from autogen_like.serving.kernels.weights import load_weights

from ..support import audit, byte_tokenizer, run_together, save_random_model

CPU = torch.device("cpu")


def engines(folder: Path, **config: Any) -> tuple[Engine, Engine]:
    """The same model as on a CPU, and as on a GPU."""
    settings = EngineConfig(dtype="float32", context=256, **config)
    checkpoint = open_checkpoint(folder)
    gpu = GpuDecoder.load(checkpoint, torch.float32, CPU, context=256)
    return (
        Engine(Decoder(checkpoint, torch.float32), byte_tokenizer(), settings),
        Engine(gpu, byte_tokenizer(), settings),
    )


MODELS: list[dict[str, Any]] = [
    {},
    {"model_type": "qwen2", "tie_word_embeddings": True},
    {"model_type": "qwen3", "head_dim": 16},
]


@pytest.mark.parametrize("settings", MODELS, ids=["llama", "qwen2", "qwen3"])
def test_the_same_tokens_as_on_a_cpu(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Prompts of many lengths side by side: in pieces, beginning alike, forked, and put back for want of blocks."""
    save_random_model(tmp_path, **settings)
    chance = torch.Generator().manual_seed(1)
    beginning = torch.randint(0, 250, (40,), generator=chance).tolist()
    prompts = [beginning[: 5 * n] + torch.randint(0, 250, (n,), generator=chance).tolist() for n in range(1, 9)]
    requests = [GenerateRequest(prompt, max_tokens=20, n=1 + n % 2) for n, prompt in enumerate(prompts)]
    cpu, gpu = engines(tmp_path, cache_bytes=1, step_tokens=16)
    for _ in range(2):  # the second time, most is found in the prefix cache
        assert run_together(gpu, requests) == run_together(cpu, requests)
    audit(gpu.blocks)
    assert gpu.scheduler.preempted
    assert gpu.metrics()["cached_tokens"] == cpu.metrics()["cached_tokens"] > 0


def test_draws_and_penalties_are_the_same(tmp_path: Path) -> None:
    save_random_model(tmp_path)
    how = Sampling(temperature=1.0, seed=3, repetition_penalty=1.2, logit_bias={65: 2.0}, top_k=50)
    requests = [GenerateRequest([1, 2, n], how, max_tokens=15) for n in range(3)]
    cpu, gpu = engines(tmp_path)
    assert run_together(gpu, requests) == run_together(cpu, requests)


def test_rows_of_padding_write_nothing(tmp_path: Path) -> None:
    """Three sequences are computed as four: no block but theirs changes."""
    save_random_model(tmp_path)
    _, gpu = engines(tmp_path)
    assert 3 not in SIZES
    pool = gpu._memory.pool
    pool.fill_(7.0)
    for _ in range(3):
        gpu._added(GenerateRequest([5, 6, 7], max_tokens=30))
    for _ in range(5):
        gpu.step()
    used = {block for sequence in gpu.scheduler.running for block in sequence.blocks}
    untouched = [block for block in range(pool.shape[2]) if block not in used]
    assert bool((pool[:, :, untouched] == 7.0).all())


def test_weights_that_the_file_has_in_four_or_eight_bits_stay_so(tmp_path: Path) -> None:
    """The numbers are those of the file: as dense, so packed."""
    save_random_model(tmp_path, hidden_size=64, intermediate_size=96, num_attention_heads=4)
    checkpoint = _Quantised(open_checkpoint(tmp_path))
    for packed in (True, False):
        weights = load_weights(checkpoint, torch.float32, CPU, context=32, packed=packed)
        layer = weights.layers[1]
        assert isinstance(layer.down.weight, Affine) is packed
        for matrix, names, bits in ((layer.gate_up, ("gate", "up"), 4), (layer.out, ("o",), 8)):
            wanted = torch.cat([checkpoint.weight(f"layers.1.{name}", torch.float32) for name in names])
            rows = torch.randn(3, wanted.shape[1])
            torch.testing.assert_close(matrix.apply(TorchOps(), rows), rows @ wanted.T, atol=1e-4, rtol=1e-4)
            if packed:
                assert isinstance(matrix.weight, Affine)
                assert matrix.weight.bits == bits
        assert isinstance(weights.embed, torch.Tensor)


class _Quantised:
    """A checkpoint whose matrices are Q4_1, but for those behind attention, which are Q8_0."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.config = inner.config

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def bits(self, name: str) -> int:
        return 8 if name.endswith(".o") else 4

    def affine(self, name: str) -> Affine4 | None:
        if name.endswith(".o"):
            return None
        grouped = self._inner.weight(name, torch.float32).unflatten(1, (-1, 32))
        minima = grouped.amin(-1)
        scales = (grouped.amax(-1) - minima) / 15
        quants = ((grouped - minima[..., None]) / scales[..., None]).round().to(torch.uint8)
        return Affine4(quants.flatten(1), scales, minima)

    def weight(self, name: str, dtype: torch.dtype) -> torch.Tensor:
        dense: torch.Tensor = self._inner.weight(name, torch.float32)
        if dense.dim() < 2:
            return dense.to(dtype)
        if not name.endswith(".o"):
            part = self.affine(name)
            assert part is not None
            grouped = part.quants.unflatten(1, (-1, 32)) * part.scales[..., None] + part.minima[..., None]
            return grouped.flatten(1).to(dtype)
        grouped = dense.unflatten(1, (-1, 32))
        scales = (grouped.abs().amax(-1, keepdim=True) / 127).half().float()
        return ((grouped / scales).round().clamp(-127, 127) * scales).flatten(1).to(dtype)


def test_too_much_memory_is_refused_with_the_cure(tmp_path: Path) -> None:
    save_random_model(tmp_path)
    config = open_checkpoint(tmp_path).config
    with pytest.raises(ConfigError, match="smaller 'context_length'"):
        PagedMemory(config, torch.float32, 1 << 40, CPU)


def test_without_a_gpu_the_operations_are_torchs_and_nothing_is_recorded(tmp_path: Path) -> None:
    save_random_model(tmp_path)
    ops, records = device_ops(open_checkpoint(tmp_path).config, torch.float32, CPU)
    assert isinstance(ops, TorchOps)
    assert not records


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="'device' is cuda"):
        EngineConfig(device="cuda").torch_device()
    with pytest.raises(ConfigError, match="auto, cpu or cuda"):
        EngineConfig(device="tpu").torch_device()
    assert EngineConfig().torch_device() == CPU
