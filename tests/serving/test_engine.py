"""The engine: what was computed is not computed again, and a request that ends early frees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from autogen_like.core.errors import ConfigError, ContextOverflow
from autogen_like.serving.engine import Engine, EngineConfig, GenerateRequest, Sampling, Step
from autogen_like.serving.engine.sequence import StepUsage

from .support import Alone, run


def usage_of(step: Step) -> StepUsage:
    assert step.usage is not None
    return step.usage


@pytest.fixture
def fresh(engine: Engine) -> Engine:
    """The engine with nothing in its cache."""
    engine.clear()
    return engine


def story(engine: Engine, system: str, turns: int) -> list[int]:
    text = f"<|im_start|>system\n{system}<|im_end|>\n"
    for turn in range(turns):
        text += f"<|im_start|>user\nTell me fact number {turn} about ships.<|im_end|>\n"
    return engine.tokenizer.encode(text + "<|im_start|>assistant\n")


# --- prefixes


def test_a_prompt_that_begins_like_the_last_one_is_computed_from_there(fresh: Engine) -> None:
    short, long = story(fresh, "You are brief.", 3), story(fresh, "You are brief.", 6)
    alone, _, _ = run(fresh, GenerateRequest(long, max_tokens=24))
    fresh.clear()
    run(fresh, GenerateRequest(short, max_tokens=8))
    before = fresh.prefilled_tokens
    reused, _, last = run(fresh, GenerateRequest(long, max_tokens=24))
    shared = next(place for place, (one, other) in enumerate(zip(short, long, strict=False)) if one != other)
    assert reused == alone
    assert usage_of(last).cached_tokens == shared
    assert fresh.prefilled_tokens - before == len(long) - shared


def test_a_reply_that_is_part_of_the_next_prompt_is_not_computed_again(fresh: Engine) -> None:
    prompt = story(fresh, "You are brief.", 1)
    reply, _, _ = run(fresh, GenerateRequest(prompt, max_tokens=16))
    follow_up = [*prompt, *reply, *fresh.tokenizer.encode("<|im_end|>\n<|im_start|>user\nMore.<|im_end|>\n")]
    _, _, last = run(fresh, GenerateRequest(follow_up, max_tokens=1))
    assert usage_of(last).cached_tokens >= len(prompt) + len(reply) - 1


def test_agents_that_take_turns_keep_their_own_prefixes(fresh: Engine) -> None:
    agents = {name: f"You are {name}, one of several agents." for name in ("ada", "bob", "cyd")}
    for turns in (2, 3, 4):
        before, total = fresh.prefilled_tokens, 0
        for name, system in agents.items():
            prompt = story(fresh, system, turns)
            total += len(prompt)
            run(fresh, GenerateRequest(prompt, max_tokens=2, owner=("chat", name)))
        computed = fresh.prefilled_tokens - before
        if turns > 2:
            assert computed < 0.45 * total


def test_the_same_prompt_again_computes_one_token(fresh: Engine) -> None:
    prompt = story(fresh, "You are brief.", 2)
    first, _, _ = run(fresh, GenerateRequest(prompt, max_tokens=12))
    before = fresh.prefilled_tokens
    again, _, last = run(fresh, GenerateRequest(prompt, max_tokens=12))
    assert again == first
    assert fresh.prefilled_tokens - before == 1
    assert usage_of(last).cached_tokens == len(prompt) - 1


def test_a_prompt_in_chunks_gives_the_same_reply_and_a_step_for_each(model_path: Path, fresh: Engine) -> None:
    prompt = story(fresh, "You are brief.", 4)
    whole, _, _ = run(fresh, GenerateRequest(prompt, max_tokens=16))
    chunked = Engine(fresh.model, fresh.tokenizer, EngineConfig(step_tokens=32, max_running=4, cache_bytes=0))
    steps = list(chunked.generate(GenerateRequest(prompt, max_tokens=16)))
    assert [step.token for step in steps if step.token is not None] == whole
    assert sum(step.token is None for step in steps[:-1]) == -(-len(prompt) // 32) - 1
    assert chunked.metrics()["blocks_cached"] == 0


# --- ends


def test_a_reply_ends_at_its_limit(fresh: Engine) -> None:
    tokens, _, last = run(fresh, GenerateRequest(story(fresh, "Talk.", 1), max_tokens=5))
    assert (len(tokens), last.finish, usage_of(last).completion_tokens) == (5, "length", 5)


def test_a_reply_ends_by_itself(fresh: Engine) -> None:
    prompt = fresh.tokenizer.encode(
        "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
    )
    _, text, last = run(fresh, GenerateRequest(prompt))
    assert (text, last.finish) == ("The capital of France is Paris.", "stop")


@pytest.mark.parametrize(
    ("stop", "text"), [("France", "The capital of "), ("al of Fr", "The capit"), ("s Par", "The capital of France i")]
)
def test_a_stop_string_ends_a_reply_wherever_it_begins(fresh: Engine, stop: str, text: str) -> None:
    prompt = fresh.tokenizer.encode(
        "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
    )
    _, shown, last = run(fresh, GenerateRequest(prompt, stop=(stop, "never")))
    assert (shown, last.finish) == (text, "stop")


def test_a_prompt_longer_than_the_window_is_refused_before_anything_is_computed(fresh: Engine) -> None:
    small = Engine(fresh.model, fresh.tokenizer, EngineConfig(context=64))
    with pytest.raises(ContextOverflow, match="64 tokens long, and the model's window is 64"):
        next(small.generate(GenerateRequest([5] * 64)))
    assert small.prefilled_tokens == 0
    _, _, last = run(small, GenerateRequest([5] * 60, sampling=Sampling(logit_bias={0: -1000.0, 2: -1000.0})))
    assert (usage_of(last).completion_tokens, last.finish) == (4, "length")


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one token"):
        GenerateRequest([])


def test_a_reply_that_is_left_keeps_what_it_computed(fresh: Engine) -> None:
    prompt = story(fresh, "You are brief.", 3)
    steps = fresh.generate(GenerateRequest(prompt))
    for _ in range(3):
        next(steps)
    steps.close()
    before = fresh.prefilled_tokens
    run(fresh, GenerateRequest(prompt, max_tokens=1))
    assert fresh.prefilled_tokens - before == 1


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(ConfigError, match="'dtype' must be auto, float32 or bfloat16, not 'int3'"):
        EngineConfig(dtype="int3").torch_dtype()


# --- chance


def text_of(engine: Engine, sampling: Sampling) -> str:
    return run(engine, GenerateRequest(story(engine, "Tell stories.", 1), sampling, max_tokens=24))[1]


def test_a_seed_makes_chance_repeatable(fresh: Engine) -> None:
    texts = [text_of(fresh, Sampling(temperature=1.0, seed=seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_logprobs_are_those_of_the_model(fresh: Engine) -> None:
    prompt = story(fresh, "Tell stories.", 1)
    steps = list(fresh.generate(GenerateRequest(prompt, max_tokens=2, logprobs=3)))
    told = [step.logprob for step in steps if step.logprob is not None]
    wanted = Alone(fresh.model).forward(prompt).log_softmax(-1)
    assert told[0].token == int(wanted.argmax()) == told[0].top[0][0]
    assert told[0].logprob == pytest.approx(float(wanted.max()), abs=1e-3)
    assert [value for _, value in told[0].top] == pytest.approx(wanted.topk(3).values.tolist(), abs=1e-3)
    assert len(told) == 2
