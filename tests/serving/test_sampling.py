"""Sampling chooses as its settings say, and refuses settings that say nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch

from autogen_like.core.errors import ConfigError
from autogen_like.serving.engine.ops import TorchOps
from autogen_like.serving.engine.sampling import Sampler, Sampling, choose

LOGITS = torch.tensor([0.5, 0.3, 0.1, 0.06, 0.04]).log()


def next_token(sampler: Sampler, logits: torch.Tensor, bits: torch.Tensor | None = None) -> int:
    return choose(TorchOps(), logits[None], [sampler], [bits])[0]


def drawn(sampling: Sampling, draws: int = 2000, bits: torch.Tensor | None = None) -> Counter[int]:
    sampler = Sampler(sampling)
    return Counter(next_token(sampler, LOGITS, bits) for _ in range(draws))


def test_greedy_takes_the_most_likely() -> None:
    assert drawn(Sampling(), 5) == {0: 5}


def test_chance_follows_the_probabilities() -> None:
    counts = drawn(Sampling(temperature=1.0, seed=1))
    for token, share in enumerate((0.5, 0.3, 0.1, 0.06, 0.04)):
        assert counts[token] / 2000 == pytest.approx(share, abs=0.05)


def test_a_high_temperature_levels_them() -> None:
    counts = drawn(Sampling(temperature=100.0, seed=1))
    assert min(counts.values()) > 300


@pytest.mark.parametrize(
    ("settings", "possible"),
    [
        ({"top_k": 2}, {0, 1}),
        ({"top_p": 0.5}, {0}),
        ({"top_p": 0.75}, {0, 1}),
        ({"top_p": 0.85, "top_k": 4}, {0, 1, 2}),
        ({"min_p": 0.15}, {0, 1, 2}),
        ({"top_k": 1}, {0}),
        ({"logit_bias": {0: -100.0, 1: -100.0, 999: 5.0}}, {2, 3, 4}),
    ],
)
def test_unlikely_tokens_are_left_out(settings: dict[str, Any], possible: set[int]) -> None:
    assert set(drawn(Sampling(temperature=1.0, seed=3, **settings))) == possible


def test_only_allowed_tokens_are_chosen() -> None:
    bits = torch.tensor([0b10100], dtype=torch.int32)
    assert set(drawn(Sampling(temperature=1.0, seed=3), bits=bits)) == {2, 4}
    assert drawn(Sampling(), 3, bits) == {2: 3}


@pytest.mark.parametrize(
    "settings", [{"frequency_penalty": 2.0}, {"presence_penalty": 2.0}, {"repetition_penalty": 9.0}]
)
def test_penalties_make_repetition_unlikely(settings: dict[str, float]) -> None:
    sampler = Sampler(Sampling(**settings))
    assert [next_token(sampler, LOGITS) for _ in range(2)] == [0, 1]


def test_a_repetition_penalty_also_lowers_positive_logits() -> None:
    sampler = Sampler(Sampling(repetition_penalty=2.0))
    assert [next_token(sampler, torch.tensor([3.0, 2.0])) for _ in range(2)] == [0, 1]


def test_a_request_draws_the_same_tokens_in_any_batch() -> None:
    """Rows with other settings, other seeds and constraints beside it change nothing."""
    ops, how = TorchOps(), Sampling(temperature=1.0, seed=5, top_p=0.9)
    alone = Sampler(how)
    wanted = [choose(ops, LOGITS[None], [alone], [None])[0] for _ in range(30)]
    mine, others = Sampler(how), [Sampler(Sampling()), Sampler(Sampling(temperature=2.0, frequency_penalty=1.0))]
    bits = torch.tensor([0b10100], dtype=torch.int32)
    rows = LOGITS.expand(3, -1)
    found = [choose(ops, rows, [others[0], mine, others[1]], [bits, None, None])[1] for _ in range(30)]
    assert found == wanted
    assert len(set(wanted)) > 1


def test_replies_to_one_request_have_their_own_chance() -> None:
    how = Sampling(temperature=1.0, seed=5)
    first, second = Sampler(how, 0), Sampler(how, 1)
    assert [first.uniform() for _ in range(4)] != [second.uniform() for _ in range(4)]


@pytest.mark.parametrize("settings", [{"top_k": 600}, {"top_p": 0.999}, {"top_k": 600, "top_p": 0.5}, {"top_p": 0.2}])
def test_what_is_left_out_of_a_large_vocabulary_is_what_sorting_says(settings: dict[str, Any]) -> None:
    logits = 0.1 * torch.randn(2000, generator=torch.Generator().manual_seed(2))
    ordered, tokens = logits.softmax(-1).sort(descending=True)
    ordered = ordered[: settings.get("top_k", 2000)]
    shares = ordered / ordered.sum()
    kept = set(tokens[: len(shares)][shares.cumsum(0) - shares < settings.get("top_p", 1.0)].tolist())
    sampler = Sampler(Sampling(temperature=1.0, seed=1, **settings))
    rows = logits.expand(500, -1)
    found = set(choose(TorchOps(), rows, [sampler] * 500, [None] * 500))
    assert found <= kept
    assert len(found) > 0.2 * min(len(kept), 500)


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", -1), ("temperature", "hot"), ("top_p", 0.0), ("top_p", 1.1), ("top_k", -1), ("min_p", 2.0),
     ("frequency_penalty", 3.0), ("presence_penalty", -3.0), ("repetition_penalty", 0.0), ("temperature", True)],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' must be"):
        Sampling(**{name: value})
