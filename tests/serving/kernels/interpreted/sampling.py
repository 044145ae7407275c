"""Chosen tokens, which must be the reference's: greedy, drawn, masked, with penalties and bias."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from autogen_like.serving.engine.ops import SampleBatch, TorchOps, penalised
from autogen_like.serving.kernels.launch import INTERPRETED
from autogen_like.serving.kernels.ops import TritonOps
from autogen_like.serving.kernels.sampling import penalise_launch

OPS, REFERENCE = TritonOps(8), TorchOps()
assert INTERPRETED
VOCABULARY = 5003


def batch(temperature: Sequence[float], **changes: Tensor) -> SampleBatch:
    rows = len(temperature)
    plain = {
        "temperature": torch.tensor(temperature), "top_k": torch.zeros(rows, dtype=torch.long),
        "top_p": torch.ones(rows), "min_p": torch.zeros(rows), "uniform": torch.rand(rows, dtype=torch.float64),
        "repetition": torch.ones(rows), "frequency": torch.zeros(rows), "presence": torch.zeros(rows),
        "seen": torch.empty(rows, 0, dtype=torch.long), "counts": torch.empty(rows, 0),
        "bias_tokens": torch.empty(rows, 0, dtype=torch.long), "bias": torch.empty(rows, 0),
    }  # fmt: skip
    return SampleBatch(**{**plain, **changes})


def words(rows: int) -> Tensor:
    return torch.randint(-(1 << 31), 1 << 31, (rows, (VOCABULARY + 31) // 32)).int()


def test_greedy_tokens_the_first_where_several_are_greatest() -> None:
    logits = torch.randn(4, VOCABULARY)
    logits[1, [7, 2500, 4999]] = 9.0
    logits[2, 5002] = 9.0
    logits[3] = 0.0
    tokens = OPS.sample(logits, batch([0.0] * 4))
    assert tokens.tolist() == [int(logits[0].argmax()), 7, 5002, 0]


def test_a_mask_is_kept_to_whatever_the_temperature() -> None:
    for round_ in range(4):
        torch.manual_seed(round_)
        logits = torch.randn(6, VOCABULARY) * 3
        allowed = words(6)
        allowed[5] = 0
        allowed[5, 50] = 1 << 3  # one token alone
        how = batch([0.0, 0.3, 1.0, 2.0, 0.0, 1.0], allowed=allowed)
        tokens = OPS.sample(logits, how)
        assert torch.equal(tokens, REFERENCE.sample(logits, how))
        assert int(tokens[5]) == 50 * 32 + 3


def test_draws_are_the_references_at_any_place_of_the_vocabulary() -> None:
    logits = torch.randn(1, VOCABULARY).expand(24, -1)
    uniform = torch.linspace(0, 1 - 1e-9, 24, dtype=torch.float64)
    how = batch([1.0] * 24, uniform=uniform)
    tokens = OPS.sample(logits, how)
    assert torch.equal(tokens, REFERENCE.sample(logits.contiguous(), how))
    assert tokens.diff().ge(0).all(), "the draw goes through the vocabulary in order"


def test_a_draw_behind_all_that_has_a_share_takes_the_last_that_has() -> None:
    logits = torch.full((2, VOCABULARY), -torch.inf)
    logits[:, [3, 2100]] = torch.tensor([1.0, 2.0])
    how = batch([1.0, 1.0], uniform=torch.tensor([0.0, 1.0], dtype=torch.float64))
    assert OPS.sample(logits, how).tolist() == [3, 2100]


def test_penalties_and_bias() -> None:
    """Lists of different lengths, longer than one go of the kernel, with tokens in both lists."""
    torch.manual_seed(3)
    logits = torch.randn(3, VOCABULARY) * 2
    before = logits.clone()
    order = torch.stack([torch.randperm(VOCABULARY) for _ in range(3)])
    seen, biased = order[:, :300].clone(), order[:, 250:450].clone()
    seen[1, 3:] = -1
    seen[2] = -1
    biased[2, 1:] = -1
    how = {
        "seen": seen, "counts": torch.randint(1, 9, seen.shape).float(),
        "bias_tokens": biased, "bias": torch.randn(biased.shape) * 3,
        "repetition": torch.tensor([1.3, 0.7, 2.0]), "frequency": torch.tensor([0.2, -0.5, 1.0]),
        "presence": torch.tensor([0.1, 1.5, 1.0]),
    }  # fmt: skip
    for temperature in ([0.0] * 3, [0.8] * 3):
        chosen = batch(temperature, allowed=words(3), **how)
        assert torch.equal(OPS.sample(logits, chosen), REFERENCE.sample(logits, chosen))
    assert torch.equal(logits, before), "the logits given are not changed"
    wanted = penalised(logits, batch([0.0] * 3, **how))
    penalise_launch(logits, batch([0.0] * 3, **how)).run()
    torch.testing.assert_close(logits, wanted, rtol=1e-5, atol=1e-5)


def test_top_k_is_the_references_business() -> None:
    logits = torch.randn(2, VOCABULARY)
    how = batch([1.0, 0.0], top_k=torch.tensor([1, 0]))
    assert torch.equal(OPS.sample(logits, how), logits.argmax(dim=-1))


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    shares = torch.tensor([0.5, 0.0, 0.3, 0.15, 0.05])
    logits = shares.log().expand(400, -1).contiguous()
    uniform = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    tokens = OPS.sample(logits, batch([1.0] * 400, uniform=uniform))
    assert torch.bincount(tokens, minlength=5).tolist() == [200, 0, 120, 60, 20]
