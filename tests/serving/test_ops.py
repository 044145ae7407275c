"""The reference operations: what kernels are compared with agrees with the plainest way to write it."""

from __future__ import annotations

import pytest
import torch

from autogen_like.serving.engine.ops import Affine, SampleBatch, TorchOps, rotated

OPS = TorchOps()
VOCABULARY = 40


def sampling(rows: int, **changes: torch.Tensor) -> SampleBatch:
    plain = {
        "temperature": torch.ones(rows), "top_k": torch.zeros(rows, dtype=torch.long), "top_p": torch.ones(rows),
        "min_p": torch.zeros(rows), "uniform": torch.full((rows,), 0.5, dtype=torch.float64),
        "repetition": torch.ones(rows), "frequency": torch.zeros(rows), "presence": torch.zeros(rows),
        "seen": torch.empty(rows, 0, dtype=torch.long), "counts": torch.empty(rows, 0),
        "bias_tokens": torch.empty(rows, 0, dtype=torch.long), "bias": torch.empty(rows, 0),
    }  # fmt: skip
    return SampleBatch(**{**plain, **changes})


def test_a_norm_adds_first_and_gives_the_sum() -> None:
    hidden, residual, weight = torch.randn(3, 8), torch.randn(3, 8), torch.randn(8)
    normed, total = OPS.rms_norm(hidden, residual, weight, 1e-5)
    torch.testing.assert_close(total, hidden + residual)
    torch.testing.assert_close(normed, torch.nn.functional.rms_norm(total, (8,), weight, 1e-5))


@pytest.mark.parametrize("counts", [[1, 1, 1], [5, 1, 20], [0, 3]])
def test_paged_attention_is_attention_over_the_sequences_own_tokens(counts: list[int]) -> None:
    """Sequences in scattered blocks, some with a computed prefix; one row of decoding is the same."""
    torch.manual_seed(1)
    heads, kv_heads, width, before = 6, 2, 8, [40, 0, 17][: len(counts)]
    lengths = [old + new for old, new in zip(before, counts, strict=True)]
    places = torch.randperm(12)
    tables = places.view(3, 4)[: len(counts)].int()
    keys, values = torch.zeros(12, 16, kv_heads, width), torch.zeros(12, 16, kv_heads, width)
    plain, queries = [], []
    for row, length in enumerate(lengths):
        qkv = torch.randn(length, heads + 2 * kv_heads, width)
        angles = torch.outer(torch.arange(length).float(), torch.rand(width // 2))
        slots = tables[row, torch.arange(length) // 16].long() * 16 + torch.arange(length) % 16
        found = OPS.rope_store(qkv, angles.cos(), angles.sin(), slots, keys, values, None)
        queries.append(found[before[row] :])
        mine = rotated(qkv[:, :heads], angles.cos(), angles.sin())[before[row] :]
        theirs = rotated(qkv[:, heads:-kv_heads], angles.cos(), angles.sin()).repeat_interleave(3, 1)
        scores = torch.einsum("qhd,khd->hqk", mine, theirs) / width**0.5
        hidden = torch.arange(length)[None] > torch.arange(before[row], length)[:, None]
        mixed = scores.masked_fill(hidden, -torch.inf).softmax(-1)
        plain.append(torch.einsum("hqk,khd->qhd", mixed, qkv[:, -kv_heads:].repeat_interleave(3, 1)))
    starts = torch.tensor([0, *torch.tensor(counts).cumsum(0).tolist()], dtype=torch.int32)
    tokens = torch.tensor(lengths, dtype=torch.int32)
    found = OPS.prefill_attention(torch.cat(queries), keys, values, tables, starts, tokens)
    torch.testing.assert_close(found, torch.cat(plain), rtol=1e-5, atol=1e-5)
    if counts == [1, 1, 1]:
        decoded = OPS.decode_attention(torch.cat(queries), keys, values, tables, tokens)
        torch.testing.assert_close(decoded, found)


def test_what_has_no_slot_is_not_stored() -> None:
    keys, values = torch.zeros(1, 16, 1, 4), torch.zeros(1, 16, 1, 4)
    cos, sin = torch.ones(2, 2), torch.zeros(2, 2)
    OPS.rope_store(torch.ones(2, 3, 4), cos, sin, torch.tensor([-1, 3]), keys, values, None)
    assert keys.sum(dim=(0, 2, 3)).nonzero().flatten().tolist() == [3]
    assert values[0, 3, 0].tolist() == [1.0] * 4


@pytest.mark.parametrize("bits", [4, 8])
def test_a_weight_in_few_bits_multiplies_as_the_dense_one(bits: int) -> None:
    quants = torch.randint(0, 16, (6, 64), dtype=torch.uint8)
    scales, minima, rows = torch.rand(6, 2), torch.rand(6, 2), torch.randn(3, 64)
    packed = quants[:, ::2] | (quants[:, 1::2] << 4) if bits == 4 else quants.to(torch.int8)
    dense = quants * scales.repeat_interleave(32, 1) + minima.repeat_interleave(32, 1)
    torch.testing.assert_close(OPS.linear(rows, Affine(packed, scales, minima, bits)), rows @ dense.T)


def test_each_row_of_a_batch_is_sampled_its_own_way() -> None:
    logits = torch.full((5, VOCABULARY), -20.0)
    logits[:, 7], logits[:, 8], logits[:, 9] = 3.0, 2.9, 2.8
    batch = sampling(
        5,
        temperature=torch.tensor([0.0, 1.0, 1.0, 1.0, 1.0]),
        top_k=torch.tensor([0, 1, 0, 0, 0]),
        top_p=torch.tensor([1.0, 1.0, 0.3, 1.0, 1.0]),
        min_p=torch.tensor([0.0, 0.0, 0.0, 0.99, 0.0]),
        uniform=torch.tensor([0.99, 0.99, 0.99, 0.99, 0.99], dtype=torch.float64),
    )
    assert OPS.sample(logits, batch).tolist() == [7, 7, 7, 7, 9]


def test_draws_follow_the_probabilities() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0]]).expand(3000, 3)
    chance = torch.rand(3000, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    drawn = OPS.sample(logits, sampling(3000, uniform=chance)).bincount(minlength=3) / 3000
    torch.testing.assert_close(drawn, logits[0].softmax(-1), atol=0.03, rtol=0)


def test_penalties_bias_and_mask_change_what_is_likely() -> None:
    logits = torch.zeros(4, VOCABULARY)
    logits[:, 3], logits[:, 4] = 2.0, 1.9
    bits = torch.full((4, 2), -1, dtype=torch.int32)
    bits[3, 0] = -(1 << 31)  # token 31 alone
    bits[3, 1] = 0
    batch = sampling(
        4,
        temperature=torch.zeros(4),
        repetition=torch.tensor([1.5, 1.0, 1.0, 1.0]),
        frequency=torch.tensor([0.0, 0.1, 0.0, 0.0]),
        seen=torch.tensor([[3, -1], [3, 0], [-1, -1], [-1, -1]]),
        counts=torch.tensor([[1.0, 0.0], [2.0, 1.0], [0.0, 0.0], [0.0, 0.0]]),
        bias_tokens=torch.tensor([[-1], [-1], [12], [-1]]),
        bias=torch.tensor([[0.0], [0.0], [5.0], [0.0]]),
        allowed=bits,
    )
    assert OPS.sample(logits, batch).tolist() == [4, 4, 12, 31]
