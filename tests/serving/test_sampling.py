"""Sampling chooses as its settings say, and refuses settings that say nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch

from autogen_like.core.errors import ConfigError
from autogen_like.serving.engine.sampling import Sampler, Sampling

LOGITS = torch.tensor([0.5, 0.3, 0.1, 0.06, 0.04]).log()


def drawn(sampling: Sampling, draws: int = 2000, mask: torch.Tensor | None = None) -> Counter[int]:
    sampler = Sampler(sampling)
    return Counter(sampler.choose(LOGITS.clone(), mask) for _ in range(draws))


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
    mask = torch.tensor([False, False, True, False, True])
    assert set(drawn(Sampling(temperature=1.0, seed=3), mask=mask)) == {2, 4}
    assert drawn(Sampling(), 3, mask) == {2: 3}


@pytest.mark.parametrize(
    "settings", [{"frequency_penalty": 2.0}, {"presence_penalty": 2.0}, {"repetition_penalty": 9.0}]
)
def test_penalties_make_repetition_unlikely(settings: dict[str, float]) -> None:
    sampler = Sampler(Sampling(**settings))
    assert [sampler.choose(LOGITS.clone(), None) for _ in range(2)] == [0, 1]


def test_a_repetition_penalty_also_lowers_positive_logits() -> None:
    sampler = Sampler(Sampling(repetition_penalty=2.0))
    assert [sampler.choose(torch.tensor([3.0, 2.0]), None) for _ in range(2)] == [0, 1]


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", -1), ("temperature", "hot"), ("top_p", 0.0), ("top_p", 1.1), ("top_k", -1), ("min_p", 2.0),
     ("frequency_penalty", 3.0), ("presence_penalty", -3.0), ("repetition_penalty", 0.0), ("temperature", True)],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' must be"):
        Sampling(**{name: value})
