"""Four-bit weights: what decoding computes with them is what the dense weights say."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from autogen_like.serving.engine import Engine, EngineConfig, GenerateRequest, packed
from autogen_like.serving.engine.dequant import affine4
from autogen_like.serving.engine.gguf import TYPES, GgufTensor
from autogen_like.serving.engine.linear import Linear
from autogen_like.serving.engine.packed import Affine4, Packed4, Packed8, Plain8, fits4, pack8

from .support import Alone


@pytest.mark.parametrize(("name", "scales"), [("Q4_0", [0]), ("Q4_1", [0, 2]), ("Q4_K", [0, 2])])
def test_each_four_bit_type_is_numbers_scales_and_minima(name: str, scales: list[int]) -> None:
    kind, size = next((kind, entry[2]) for kind, entry in TYPES.items() if entry[0] == name)
    chance = np.random.default_rng(0)
    raw = chance.integers(0, 256, (64, 2 * size), dtype=np.uint8)
    for block in (0, size):
        for place in scales:
            half = chance.standard_normal(64).astype(np.float16).view(np.uint8).reshape(64, 2)
            raw[:, block + place : block + place + 2] = half
    wanted = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType(kind))
    found = affine4(memoryview(bytearray(raw.tobytes())), GgufTensor("x", wanted.shape, name, 0, raw.size))
    assert found is not None
    dense = found.quants * found.scales.repeat_interleave(32, 1) + found.minima.repeat_interleave(32, 1)
    torch.testing.assert_close(dense, torch.from_numpy(wanted), rtol=1e-5, atol=1e-4)


def test_other_types_have_no_such_form() -> None:
    assert affine4(memoryview(bytearray(34)), GgufTensor("x", (1, 32), "Q8_0", 0, 34)) is None


def random_weight() -> tuple[Affine4, torch.Tensor]:
    chance = torch.Generator().manual_seed(3)
    quants = torch.randint(0, 16, (128, 96), generator=chance, dtype=torch.uint8)
    scales, minima = (torch.randn(128, 3, generator=chance) for _ in range(2))
    return Affine4(quants, scales, minima), quants * scales.repeat_interleave(32, 1) + minima.repeat_interleave(32, 1)


@pytest.mark.parametrize("rows", [1, 3, packed.MOST_ROWS, packed.MOST_ROWS + 1])
def test_a_packed_weight_multiplies_as_the_dense_one(rows: int) -> None:
    weight, dense = random_weight()
    bias = torch.arange(128, dtype=torch.bfloat16)
    inputs = torch.randn(rows, 96, generator=torch.Generator().manual_seed(4)).bfloat16()
    ready = Packed4([weight]) if fits4(128, 96) else None
    found = Linear(dense.bfloat16(), bias, ready)(inputs).float()
    wanted = inputs.float() @ dense.T + bias.float()
    assert (found - wanted).norm() / wanted.norm() < 0.01


@pytest.mark.parametrize("kind", [Packed8, Plain8])
@pytest.mark.parametrize("rows", [1, 4])
def test_eight_bits_for_each_output_are_near_the_dense_weight(kind: type[Packed8 | Plain8], rows: int) -> None:
    dense = torch.randn(200, 96, generator=torch.Generator().manual_seed(5))
    inputs = torch.randn(rows, 96, generator=torch.Generator().manual_seed(6)).bfloat16()
    found = Linear(dense.bfloat16(), None, kind(dense))(inputs).float()
    wanted = inputs.float() @ dense.T
    assert (found - wanted).norm() / wanted.norm() < 0.015


def test_a_row_in_eight_bits_is_the_same_whatever_its_batch() -> None:
    ready = Packed8(torch.randn(200, 96, generator=torch.Generator().manual_seed(5)))
    inputs = torch.randn(4, 96, generator=torch.Generator().manual_seed(6)).bfloat16()
    inputs[0] *= 1000
    inputs[1] = 0
    together = ready(inputs)
    assert torch.equal(together, torch.cat([ready(row) for row in inputs.split(1)]))  # type: ignore[no-untyped-call]
    assert not together[1].any()


def test_what_is_not_a_number_stays_so_in_eight_bits() -> None:
    ready = Packed8(torch.ones(64, 32))
    assert bool(ready(torch.full((1, 32), torch.nan, dtype=torch.bfloat16)).isnan().all())


def test_without_the_faster_product_eight_bits_are_multiplied_by_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: Packed8, rows: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    packed._product8.cache_clear()
    monkeypatch.setattr(Packed8, "__call__", missing)
    assert isinstance(pack8(torch.randn(64, 32)), Plain8)
    packed._product8.cache_clear()
    assert pack8(torch.randn(64, 30)) is None


@pytest.mark.parametrize("failure", [RuntimeError("not for this processor"), None])
def test_where_the_product_is_missing_or_wrong_nothing_is_packed(
    monkeypatch: pytest.MonkeyPatch, failure: Exception | None
) -> None:
    def broken(self: Packed4, rows: torch.Tensor) -> torch.Tensor:
        if failure is not None:
            raise failure
        return torch.zeros(rows.shape[0], 128)

    packed._works4.cache_clear()
    monkeypatch.setattr(Packed4, "__call__", broken)
    assert not fits4(128, 96)
    packed._works4.cache_clear()


def test_shapes_that_do_not_fit_are_not_packed() -> None:
    assert not fits4(100, 96)
    assert not fits4(128, 90)


def test_bfloat16_with_packed_weights_stays_near_float32(model_path: Path, engine: Engine) -> None:
    fast = Engine.load(model_path, EngineConfig(dtype="bfloat16"))
    prompt = engine.tokenizer.encode("<|im_start|>user\nWhat is the capital of France?<|im_end|>\n")
    logits = []
    for model in (engine.model, fast.model):
        sequence = Alone(model)
        sequence.forward(prompt)
        logits.append(sequence.forward(engine.tokenizer.encode("<|im_start|>")))
    wanted, found = logits
    # bfloat16 alone is 0.032; scales in bfloat16 and a head in 8 bits bring it to 0.052.
    assert (found - wanted).norm() / wanted.norm() < 0.07
    replies = ["".join(step.text for step in one.generate(GenerateRequest(
        engine.tokenizer.encode("<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n")
    ))) for one in (engine, fast)]  # fmt: skip
    assert replies == ["The capital of France is Paris."] * 2
