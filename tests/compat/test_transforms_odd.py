"""Transforms of AutoGen 0.2 where there is little to do, and LLMLingua."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from autogen_like.compat import Cache
from autogen_like.compat.agentchat.contrib.capabilities import transforms
from autogen_like.compat.agentchat.contrib.capabilities.text_compressors import LLMLingua
from autogen_like.compat.agentchat.contrib.capabilities.transforms_util import is_tool_call_valid, min_tokens_reached

IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}


@pytest.fixture
def lingua(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []

    class PromptCompressor:
        def __init__(self, **kwargs: Any) -> None:
            made.append(kwargs)

        def compress_prompt(self, texts: list[str], **params: Any) -> dict[str, Any]:
            return {"compressed_prompt": texts[0][:2], "origin_tokens": 4, "compressed_tokens": 1}

        def structured_compress_prompt(self, texts: list[str], **params: Any) -> dict[str, Any]:
            return {"compressed_prompt": "structured"}

    module = ModuleType("llmlingua")
    module.PromptCompressor = PromptCompressor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "llmlingua", module)
    return made


def test_llmlingua_shortens_texts(lingua: list[Any]) -> None:
    short = transforms.TextMessageCompressor().apply_transform([{"content": "a long text"}])
    assert short == [{"content": "a "}]
    structured = LLMLingua({"model_name": "m"}, structured_compression=True)
    assert structured.compress_text("x") == {"compressed_prompt": "structured"}
    assert lingua[1] == {"model_name": "m"}


def test_what_was_shortened_is_kept_in_a_cache_and_not_done_again(lingua: list[Any]) -> None:
    cache = Cache.memory()
    said = [{"role": "user", "content": "a long text"}]
    for _ in range(2):
        compressor = transforms.TextMessageCompressor(cache=cache)
        assert compressor.apply_transform(said)[0]["content"] == "a "
        assert compressor.get_logs(said, said) == ("3 tokens saved with text compression.", True)


def test_there_is_nothing_to_shorten_where_there_is_no_text_or_too_little(lingua: list[Any]) -> None:
    compressor = transforms.TextMessageCompressor(min_tokens=50)
    assert compressor.apply_transform([]) == []
    few = [{"role": "user", "content": "few"}]
    assert compressor.apply_transform(few) is few
    assert compressor.get_logs(few, few) == ("No tokens saved with text compression.", False)
    odd: list[dict[str, Any]] = [{"role": "assistant", "content": None}, {"role": "user", "content": [IMAGE]}]
    assert transforms.TextMessageCompressor().apply_transform(odd) == odd
    only = transforms.TextMessageCompressor(filter_dict={"role": ["user"]})
    assert only.apply_transform(few) == few


def test_the_newest_messages_that_fit_are_kept_whole_with_what_has_no_text() -> None:
    said: list[dict[str, Any]] = [
        {"role": "user", "content": "one two three"},
        {"role": "assistant", "content": None},
        {"role": "tool", "content": "four"},
        {"role": "user", "content": [{"type": "text", "text": "five"}, IMAGE]},
    ]
    limit = transforms.MessageTokenLimiter
    assert limit(max_tokens=2).apply_transform(said) == said[1:]
    assert limit(max_tokens=100).apply_transform(said) == said
    short = limit(max_tokens_per_message=0).apply_transform(said)
    assert short[3]["content"] == [{"type": "text", "text": ""}, IMAGE]
    assert limit(max_tokens=1).apply_transform(said[2:]) == said[3:]
    newest = limit(max_tokens=0).apply_transform(said[:1])
    assert newest == [{"role": "user", "content": ""}]
    assert limit().get_logs(said, said) == ("No tokens were truncated.", False)
    assert transforms.MessageHistoryLimiter().apply_transform(said) is said


def test_names_go_into_the_first_or_last_text_and_nowhere_else() -> None:
    parts = [{"type": "text", "text": "a"}, IMAGE, {"type": "text", "text": "b"}]
    at_end = transforms.TextMessageContentName("end", " ({name})")
    (named,) = at_end.apply_transform([{"role": "user", "name": "ada", "content": parts}])
    assert [part.get("text") for part in named["content"]] == ["a", None, "b (ada)"]
    said = [{"name": "ada", "content": "hi"}, {"content": "hi"}, {"name": "ada", "content": [IMAGE]}]
    again = at_end.apply_transform(at_end.apply_transform(said))
    assert [one["content"] for one in again] == ["hi (ada)", "hi", [IMAGE]]
    assert at_end.get_logs(said, again) == ("1 message(s) changed to incorporate name.", True)
    assert at_end.get_logs(said, said) == ("No messages changed to incorporate name.", False)


def test_tokens_are_counted_until_there_are_enough_and_calls_have_their_results() -> None:
    said = [{"role": "user", "content": "one two"}, {"role": "user", "content": "three"}]
    assert min_tokens_reached(said, 2)
    assert not min_tokens_reached(said, 20)
    assert is_tool_call_valid([])
    assert not is_tool_call_valid([{"role": "tool"}])
