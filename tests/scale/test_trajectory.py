"""What a rollout leaves: messages, tools, calls and tokens, as lines of JSON that can be read again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autogen_like import (
    AssistantAgent,
    ConfigError,
    ModelResponse,
    Rollouts,
    SampledTokens,
    ScriptedModel,
    read_samples,
    read_trajectories,
)
from autogen_like.scale.recorder import tokens_of

from .factories import adder


async def test_messages_tools_and_calls_are_kept_each_message_once(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    await Rollouts(adder, trajectories=path).run(["What is 1 + 2?"])
    [line] = read_trajectories(path)
    assert [said["speaker"] for said in line["messages"]] == ["user", "adder", "adder", "adder"]
    assert line["messages"][-1]["content"] == "It is 3."
    [tool] = line["tools"]
    assert (tool["agent"], tool["name"], tool["result"], tool["error"]) == ("adder", "add", "3", False)
    first, second = line["calls"]
    assert second["messages"][: len(first["messages"])] == first["messages"]
    assert [line["shown"][place]["role"] for place in second["messages"]] == ["system", "user", "assistant", "tool"]
    assert first["tools"] == second["tools"]
    assert first["reply"]["tool_calls"][0]["function"]["name"] == "add"
    assert line["usage"] == {"requests": 2, "prompt_tokens": 8, "completion_tokens": 9, "cost": 0.0}
    assert line["samples"] == []


async def test_one_that_took_too_long_leaves_what_there_was(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"

    async def talk(_: str) -> None:
        await AssistantAgent("ada", llm_config=ScriptedModel(["One."])).run(message="Count")
        await asyncio.Event().wait()

    await Rollouts(talk, timeout=0.5, trajectories=path).run(["go"])
    [line] = read_trajectories(path)
    assert line["error"].startswith("TimeoutError")
    assert line["messages"][-1]["content"] == "One."
    assert len(line["calls"]) == 1


async def test_tokens_become_samples_with_the_reward(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    tokens = SampledTokens((1, 2), (3, 4), (-0.5, -0.25), frozenset({4}))
    model = ScriptedModel([ModelResponse("Hi", tokens=tokens)])

    def agent() -> AssistantAgent:
        return AssistantAgent("ada", llm_config=model)

    await Rollouts(agent, trajectories=path, scorer=lambda _: 1.0).run(["Hello"])
    [sample] = read_samples(path)
    assert (sample.prompt_ids, sample.response_ids, sample.loss_mask) == ((1, 2), (3, 4), (1, 1))
    assert (sample.logprobs, sample.reward, sample.agent, sample.model) == ((-0.5, -0.25), 1.0, "ada", "scripted")


@pytest.mark.slow
async def test_the_embedded_model_s_conversation_is_one_sample(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    config = {
        "model": "local:smollm2-135m",
        "dtype": "float32",
        "max_tokens": 12,
        "logprobs": True,
        "temperature": 0.8,
        "seed": 7,
    }

    async def chat(topic: str) -> Any:
        ada = AssistantAgent("ada", "You are brief.", llm_config=config)
        bob = ScriptedModel(["Why?", "And then?"])
        return await AssistantAgent("bob", llm_config=bob).run(ada, message=topic, max_turns=3, summary_method=None)

    [done] = await Rollouts(chat, trajectories=path).run(["Say something about the sea."])
    assert done.ok, done.error
    assert done.trajectory is not None
    told = [call.tokens for call in done.trajectory.calls if call.tokens is not None]
    assert len(told) == 3
    [sample] = read_samples(path)
    assert sample.calls == 3
    assert sample.trained == tuple(token for one in told for token in one.response_ids)
    assert sample.logprobs is not None
    kept = [logprob for logprob, mask in zip(sample.logprobs, sample.loss_mask, strict=True) if mask]
    assert kept == pytest.approx([value for one in told for value in one.logprobs or ()])


def test_tokens_that_vllm_gives_are_taken() -> None:
    told = SimpleNamespace(content=[SimpleNamespace(logprob=-0.1), SimpleNamespace(logprob=-0.2)])
    choice = SimpleNamespace(model_extra={"token_ids": [5, 6]}, logprobs=told)
    raw = SimpleNamespace(model_extra={"prompt_token_ids": [1, 2]}, choices=[choice])
    assert tokens_of(ModelResponse("x", raw=raw)) == SampledTokens((1, 2), (5, 6), (-0.1, -0.2))
    assert tokens_of(ModelResponse("x", raw=raw, cached=True)) is None
    choice.logprobs = None
    assert tokens_of(ModelResponse("x", raw=raw)) == SampledTokens((1, 2), (5, 6))
    raw.choices = []
    assert tokens_of(ModelResponse("x", raw=raw)) is None
    assert tokens_of(ModelResponse("x")) is None


@pytest.mark.parametrize("line", ["no json", "[]", '{"format": "autogen_like trajectory", "version": 99}', "{}"])
def test_a_line_that_is_none_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(ConfigError, match="line 1"):
        list(read_trajectories(path))


async def test_a_damaged_sample_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    await Rollouts(adder, trajectories=path).run(["What is 1 + 2?"])
    line = json.loads(path.read_text())
    line["samples"] = [{"prompt_ids": [1]}]
    path.write_text(json.dumps(line))
    with pytest.raises(ConfigError, match="task 0"):
        list(read_samples(path))
