"""The same words whatever else runs: alone, in a batch, behind a known prefix, after being put back; and no leaks."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from autogen_like.core.errors import ConfigError, ContextOverflow, ModelError
from autogen_like.serving.engine import AsyncEngine, Engine, GenerateRequest, QueueFull, Sampling

from .support import audit, random_engine, run, run_together, save_random_model

PROMPTS = int(os.environ.get("AUTOGEN_LIKE_PROMPTS", "16"))
SOAK = int(os.environ.get("AUTOGEN_LIKE_SOAK", "150"))
CLOSE = 1e-3  # logits this near may change places


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random-model")


@pytest.fixture(scope="module")
def reference(folder: Path) -> Any:
    return save_random_model(folder)


@pytest.fixture
def small(reference: Any, folder: Path) -> Engine:
    return random_engine(folder, max_running=8)


def prompts_of(count: int) -> list[list[int]]:
    """Prompts of mixed lengths, of which some begin alike."""
    chance = random.Random(5)
    shared = [chance.randrange(256) for _ in range(50)]
    found = []
    for number in range(count):
        own = [chance.randrange(256) for _ in range(chance.randrange(1, 120))]
        found.append(shared[: chance.randrange(50)] + own if number % 2 else own)
    return found


def agree(reference: Any, prompt: list[int], ours: list[int]) -> None:
    """Each token is the reference's choice, or was as likely within rounding; then what follows is another text."""
    with torch.inference_mode():
        logits = reference(torch.tensor([prompt + ours])).logits[0, len(prompt) - 1 : -1]
    for place, token in enumerate(ours):
        best = logits[place].max()
        assert best - logits[place, token] <= CLOSE, f"token {place} is {best - logits[place, token]} behind the best"


def same(reference: Any, prompt: list[int], first: list[int], second: list[int]) -> None:
    """Two replies are equal, or first differ where two tokens are as likely within rounding."""
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            with torch.inference_mode():
                logits = reference(torch.tensor([prompt + first[:place]])).logits[0, -1]
            assert abs(logits[one] - logits[other]) <= CLOSE
            return
    assert len(first) == len(second)


def requests_for(prompts: list[list[int]], **settings: Any) -> list[GenerateRequest]:
    return [GenerateRequest(prompt, max_tokens=24, **settings) for prompt in prompts]


def test_greedy_tokens_are_the_references_alone_and_in_a_batch(reference: Any, folder: Path, small: Engine) -> None:
    prompts = prompts_of(PROMPTS)
    alone = random_engine(folder, cache_bytes=0)
    single = [run(alone, request)[0] for request in requests_for(prompts)]
    together = run_together(small, requests_for(prompts))
    for prompt, ours, batched in zip(prompts, single, together, strict=True):
        agree(reference, prompt, ours)
        same(reference, prompt, ours, batched)
    again = run_together(small, requests_for(prompts))  # now all of them are known
    for prompt, ours, cached in zip(prompts, single, again, strict=True):
        same(reference, prompt, ours, cached)
    audit(small.blocks)


def test_greedy_tokens_are_the_same_after_being_put_back(reference: Any, folder: Path) -> None:
    prompts = prompts_of(PROMPTS)
    alone = random_engine(folder, cache_bytes=0)
    narrow = random_engine(folder, max_running=8, context=160, cache_bytes=1)  # twelve blocks for eight sequences
    together = run_together(narrow, requests_for(prompts))
    assert narrow.scheduler.preempted > 0
    for prompt, batched in zip(prompts, together, strict=True):
        same(reference, prompt, run(alone, GenerateRequest(prompt, max_tokens=24))[0], batched)
    audit(narrow.blocks)
    assert narrow.blocks.free == narrow.blocks.count


def test_draws_are_the_same_alone_and_in_a_batch(folder: Path, small: Engine) -> None:
    how = Sampling(temperature=0.8, top_p=0.9, top_k=40, seed=4, frequency_penalty=0.5)
    prompts = prompts_of(6)
    alone = [run(small, GenerateRequest(prompt, how, max_tokens=12))[0] for prompt in prompts]
    assert run_together(small, [GenerateRequest(prompt, how, max_tokens=12) for prompt in prompts]) == alone


def test_replies_to_one_request_are_those_of_single_requests(small: Engine) -> None:
    prompt = prompts_of(1)[0]
    how = Sampling(temperature=0.9, seed=3)
    steps = list(small.generate(GenerateRequest(prompt, how, max_tokens=10, n=4)))
    replies = [[s.token for s in steps if s.index == index and s.token is not None] for index in range(4)]
    assert replies[0] == run(small, GenerateRequest(prompt, how, max_tokens=10))[0]
    assert len({tuple(reply) for reply in replies}) == 4
    assert small.prefilled_tokens == len(prompt) + 1  # once for the four, and the last token for the one


def test_a_request_that_nobody_reads_any_more_frees_its_blocks_at_once(small: Engine) -> None:
    kept = small.generate(GenerateRequest([1] * 40, max_tokens=50))
    left = small.generate(GenerateRequest([2] * 40, max_tokens=50, n=3))
    for _ in range(4):
        next(kept)
        next(left)
    held = small.metrics()["blocks_used"]
    left.close()  # type: ignore[attr-defined]
    assert small.metrics()["blocks_used"] < held
    assert small.metrics()["running"] == 1
    assert small.metrics()["cancelled"] == 3
    assert len([step for step in kept if step.token is not None]) > 10
    audit(small.blocks)


def test_who_fails_fails_alone(small: Engine) -> None:
    class Broken:
        def bits(self) -> torch.Tensor:
            raise ModelError("too deep")

        def accept(self, token: int) -> bool:
            return True

    good = small.generate(GenerateRequest([1, 2, 3], max_tokens=6))
    bad = small.generate(GenerateRequest([4, 5, 6], max_tokens=6, constraint=Broken))
    next(good)
    with pytest.raises(ModelError, match="too deep"):
        list(bad)
    assert [step.finish for step in good][-1] in ("length", "stop")
    assert small.metrics()["running"] == 0


def test_memory_that_cannot_be_had_is_refused_by_name(reference: Any, folder: Path) -> None:
    with pytest.raises(ConfigError, match="context_length"):
        random_engine(folder, cache_bytes=1 << 60)


# --- many callers


async def test_a_full_queue_is_told(reference: Any, folder: Path) -> None:
    engine = AsyncEngine(lambda: random_engine(folder, max_running=1, max_waiting=2))
    assert engine.metrics() == {}

    async def ask(number: int) -> str:
        try:
            async for step in engine.submit(GenerateRequest([number + 1] * 30, max_tokens=30)):
                last = step
        except QueueFull as full:
            return str(full.status)
        return str(last.finish)

    answers = await asyncio.gather(*(ask(number) for number in range(12)))
    assert "429" in answers
    assert {"length", "stop"} & set(answers)
    assert engine.metrics()["blocks_used"] == 0
    engine.close()


async def test_a_stream_can_be_cancelled_by_name(reference: Any, folder: Path) -> None:
    engine = AsyncEngine(lambda: random_engine(folder))
    loaded = await engine.load()
    seen = []
    never = Sampling(logit_bias={256: -1000.0})
    async for step in engine.submit(GenerateRequest([1, 2, 3], never, max_tokens=400), name="mine"):
        seen.append(step)
        if len(seen) == 3:
            assert engine.cancel("mine")
    assert seen[-1].finish is None
    assert not engine.cancel("mine")
    assert loaded.metrics()["blocks_used"] == 0
    engine.close()


async def test_no_block_leaks_whatever_callers_do(reference: Any, folder: Path) -> None:
    """Callers that vanish, cancel, ask for too much, read slowly, and some that just ask."""
    engine = AsyncEngine(lambda: random_engine(folder, max_running=8, max_waiting=40, cache_bytes=40_000))
    loaded = await engine.load()
    chance = random.Random(3)
    prompts = prompts_of(20)
    ended = dict.fromkeys(("whole", "left", "refused"), 0)
    gate = asyncio.Semaphore(64)

    async def ask(number: int) -> None:
        prompt = prompts[number % 20] if number % 17 else [1] * 600
        request = GenerateRequest(
            prompt, Sampling(temperature=number % 2, seed=number), max_tokens=1 + number % 12, n=1 + (number % 5 == 0),
            owner=number % 7 or None, idle=number % 11 == 0,
        )  # fmt: skip
        leave = chance.randrange(1, 4) if number % 3 == 0 else None
        async with gate:
            try:
                stream = engine.submit(request)
                count = 0
                async for _ in stream:
                    count += 1
                    if count == leave:
                        await stream.aclose()
                        ended["left"] += 1
                        return
                ended["whole"] += 1
            except (QueueFull, ContextOverflow):
                ended["refused"] += 1

    await asyncio.gather(*(ask(number) for number in range(SOAK)))
    await engine.load()  # all that was left has been closed by then
    assert sum(ended.values()) == SOAK
    assert min(ended.values()) > 0
    assert loaded.metrics()["blocks_used"] == 0
    assert (loaded.metrics()["running"], loaded.metrics()["waiting"]) == (0, 0)
    audit(loaded.blocks)
    engine.close()
