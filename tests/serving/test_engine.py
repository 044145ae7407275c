"""The engine: what was computed is not computed again, and a request that ends early frees it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_like.core.errors import ConfigError, ContextOverflow
from autogen_like.serving.engine import Engine, EngineConfig, GenerateRequest, Sampling, Step
from autogen_like.serving.engine.cache import PrefixCache, SequenceCache, common_prefix
from autogen_like.serving.engine.checkpoint import ModelConfig
from autogen_like.serving.engine.engine import StepUsage


def run(engine: Engine, request: GenerateRequest) -> tuple[list[int], str, Step]:
    steps = list(engine.generate(request))
    return [step.token for step in steps if step.token is not None], "".join(step.text for step in steps), steps[-1]


def usage_of(step: Step) -> StepUsage:
    assert step.usage is not None
    return step.usage


@pytest.fixture
def fresh(engine: Engine) -> Engine:
    """The engine with nothing in its cache."""
    engine.cache.clear()
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
    fresh.cache.clear()
    run(fresh, GenerateRequest(short, max_tokens=8))
    before = fresh.prefilled_tokens
    reused, _, last = run(fresh, GenerateRequest(long, max_tokens=24))
    shared = common_prefix(short, long, len(long))
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
    assert len(fresh.cache) == 3


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
    chunked = Engine(fresh.model, fresh.tokenizer, EngineConfig(prefill_chunk=32, cache_bytes=0))
    steps = list(chunked.generate(GenerateRequest(prompt, max_tokens=16)))
    assert [step.token for step in steps if step.token is not None] == whole
    assert sum(step.token is None for step in steps[:-1]) == -(-len(prompt) // 32) - 1
    assert len(chunked.cache) == 0


SMALL = ModelConfig("llama", 2, 8, 2, 1, 4, 8, 16, 4096, 1e-5, 10000.0)
ROW = 2 * 2 * 1 * 4 * 4  # bytes of one token: keys and values, layers, heads, width, float32


def computed(cache: PrefixCache, tokens: list[int], owner: object = None) -> SequenceCache:
    """What an engine does with a cache, without a model: a token's keys are its own number."""
    sequence = cache.take(tokens, owner)
    rest = tokens[len(sequence.tokens) :]
    sequence.reserve(len(tokens))
    new = torch.tensor(rest, dtype=torch.float32).view(-1, 1, 1).expand(-1, 1, 4)
    for layer in range(2):
        keys, values = sequence.extend(layer, new, -new)
    sequence.tokens.extend(rest)
    assert keys[0, :, 0].tolist() == [float(token) for token in tokens]
    assert values[0, :, 0].tolist() == [-float(token) for token in tokens]
    return sequence


@settings(max_examples=150, deadline=None)
@given(
    prompts=st.lists(
        st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.sampled_from([None, "a", "b"])), max_size=12
    )
)
def test_whatever_was_cached_a_sequence_holds_what_its_tokens_say(
    prompts: list[tuple[list[int], str | None]],
) -> None:
    cache = PrefixCache(SMALL, torch.float32, max_bytes=6 * 256 * ROW)
    known: list[list[int]] = []
    for prompt, owner in prompts:
        taken = cache.take(prompt, owner)
        assert taken.tokens == prompt[: len(taken.tokens)]
        assert len(taken.tokens) < len(prompt)
        cache.give(taken)
        cache.give(computed(cache, prompt, owner))
        known.append(prompt)
        assert cache.size <= 6 * 256 * ROW


def test_the_least_recently_used_sequence_goes_first() -> None:
    cache = PrefixCache(SMALL, torch.float32, max_bytes=2 * 256 * ROW)
    for first in (1, 2, 1, 3):
        cache.give(computed(cache, [first, 9, 9, 9]))
    assert [len(cache.take([first, 9, 9, 9, 5]).tokens) for first in (2, 1, 3)] == [0, 4, 4]


def test_a_sequence_that_outgrows_the_budget_is_not_kept() -> None:
    cache = PrefixCache(SMALL, torch.float32, max_bytes=100)
    cache.give(computed(cache, [1, 2, 3]))
    assert len(cache) == 0


def test_an_owner_goes_on_in_its_own_sequence_and_others_copy_it() -> None:
    cache = PrefixCache(SMALL, torch.float32, max_bytes=1 << 20)
    mine = computed(cache, [1, 2, 3, 4], owner="me")
    cache.give(mine)
    others = cache.take([1, 2, 9, 9], owner="you")
    assert others is not mine
    assert others.tokens == [1, 2]
    assert cache.take([1, 2, 8], owner="me") is mine
    assert mine.tokens == [1, 2]


@given(first=st.lists(st.integers(0, 2)), second=st.lists(st.integers(0, 2)), limit=st.integers(0, 30))
def test_common_prefix_counts_what_a_loop_counts(first: list[int], second: list[int], limit: int) -> None:
    count = 0
    for one, other in list(zip(first, second, strict=False))[:limit]:
        if one != other:
            break
        count += 1
    assert common_prefix(first, second, limit) == count


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


def test_an_empty_prompt_is_refused(fresh: Engine) -> None:
    with pytest.raises(ConfigError, match="at least one token"):
        next(fresh.generate(GenerateRequest([])))


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
    wanted = fresh.model.forward(prompt, SequenceCache(fresh.model.config, torch.float32)).log_softmax(-1)
    assert told[0].token == int(wanted.argmax()) == told[0].top[0][0]
    assert told[0].logprob == pytest.approx(float(wanted.max()), abs=1e-3)
    assert [value for _, value in told[0].top] == pytest.approx(wanted.topk(3).values.tolist(), abs=1e-3)
    assert len(told) == 2
