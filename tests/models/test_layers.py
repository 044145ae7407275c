"""Clients around clients: retries, fall-backs, rate limits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from autogen_like.core.errors import ConfigError, ModelError
from autogen_like.core.usage import Usage
from autogen_like.models.client import Capabilities, Delta, ModelClient, ModelRequest, ModelResponse, StreamItem
from autogen_like.models.fallback import Fallback
from autogen_like.models.openai import OpenAIClient
from autogen_like.models.ratelimit import RateLimit
from autogen_like.models.retry import Retry
from autogen_like.models.scripted import ScriptedModel
from autogen_like.testing import OpenAIServer, Reply

HELLO = ModelRequest([{"role": "user", "content": "Hello"}])
BUSY = ModelError("busy", status=503, transient=True)
WRONG = ModelError("wrong", status=400)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds

    def __call__(self) -> float:
        return self.now


class Breaking(ScriptedModel):
    """Streams one piece and fails."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        self.calls += 1
        yield Delta("half a ")
        raise BUSY


async def read(client: ModelClient) -> tuple[str, ModelResponse | None]:
    text, response = "", None
    async for item in client.stream(HELLO):
        if isinstance(item, Delta):
            text += item.text
        else:
            response = item
    return text, response


def retrying(model: ModelClient, clock: Clock, **settings: Any) -> Retry:
    return Retry(model, sleep=clock.sleep, jitter=lambda: 0.5, clock=clock, **settings)


async def test_errors_that_can_pass_are_tried_again_with_growing_waits() -> None:
    clock, model = Clock(), ScriptedModel([BUSY, BUSY, BUSY, "Hi"])
    assert (await retrying(model, clock, retries=3).complete(HELLO)).content == "Hi"
    assert clock.slept == [0.25, 0.5, 1.0]


async def test_waits_have_a_bound() -> None:
    clock, model = Clock(), ScriptedModel([BUSY] * 6 + ["Hi"])
    await retrying(model, clock, retries=6, base=1, longest=4).complete(HELLO)
    assert clock.slept == [0.5, 1, 2, 2, 2, 2]


async def test_the_endpoint_s_own_wait_is_kept_to() -> None:
    clock = Clock()
    model = ScriptedModel([ModelError("slow down", status=429, retry_after=7, transient=True), "Hi"])
    await retrying(model, clock).complete(HELLO)
    assert clock.slept == [7]


async def test_a_wait_that_would_be_too_long_is_not_begun() -> None:
    clock = Clock()
    model = ScriptedModel([ModelError("tomorrow", retry_after=86400, transient=True), "Hi"])
    with pytest.raises(ModelError, match="tomorrow"):
        await retrying(model, clock).complete(HELLO)
    assert clock.slept == []


@pytest.mark.parametrize("errors", [[WRONG], [BUSY, BUSY, BUSY]], ids=["lasting", "too many"])
async def test_other_errors_and_the_last_one_are_raised(errors: list[Any]) -> None:
    model = ScriptedModel([*errors, "unasked"])
    with pytest.raises(ModelError) as raised:
        await retrying(model, Clock()).complete(HELLO)
    assert raised.value is errors[-1]
    assert model.calls == len(errors)
    streaming = ScriptedModel([*errors, "unasked"])
    with pytest.raises(ModelError):
        await read(retrying(streaming, Clock()))


async def test_a_stream_is_tried_again_only_until_its_first_piece() -> None:
    clock = Clock()
    text, response = await read(retrying(ScriptedModel([BUSY, "Hello there"]), clock))
    assert text == "Hello there"
    assert response is not None
    broken = Breaking([])
    with pytest.raises(ModelError):
        await read(retrying(broken, clock))
    assert broken.calls == 1


async def test_a_real_endpoint_s_wait_is_read_from_its_answer() -> None:
    clock = Clock()
    with OpenAIServer(
        [Reply.error(429, retry_after=3), Reply(status=529, headers={"retry-after-ms": "1500"}), "Hi"]
    ) as server:
        client = retrying(OpenAIClient({"model": "m", "base_url": server.base_url, "api_key": "k"}), clock)
        assert (await client.complete(HELLO)).content == "Hi"
        await client.aclose()
    assert clock.slept == [3, 1.5]


async def test_a_fallback_asks_the_next_and_tells_all_errors_at_the_end() -> None:
    first, second = ScriptedModel([WRONG, BUSY], model="a"), ScriptedModel(["Hi", WRONG], model="b")
    both = Fallback([first, second])
    assert (await both.complete(HELLO)).model == "b"
    with pytest.raises(ModelError, match=r"(?s)all 2 models .* busy.* wrong") as raised:
        await both.complete(HELLO)
    assert raised.value.transient
    assert raised.value.status == 400
    only = ModelError("alone")
    with pytest.raises(ModelError) as single:
        await Fallback([ScriptedModel([only])]).complete(HELLO)
    assert single.value is only


async def test_a_fallback_s_stream_changes_clients_only_before_the_first_piece() -> None:
    text, _ = await read(Fallback([ScriptedModel([BUSY]), ScriptedModel(["Hi"])]))
    assert text == "Hi"
    unasked = ScriptedModel(["Hi"])
    with pytest.raises(ModelError):
        await read(Fallback([Breaking([]), unasked]))
    assert unasked.calls == 0
    with pytest.raises(ModelError, match="all 2"):
        await read(Fallback([ScriptedModel([BUSY]), ScriptedModel([BUSY])]))


async def test_a_stream_that_may_be_refused_shows_only_what_is_accepted() -> None:
    def good(response: ModelResponse) -> bool:
        return response.content == "good"

    text, _ = await read(Fallback([ScriptedModel(["bad"]), ScriptedModel(["good"])], accept=good))
    assert text == "good"
    text, _ = await read(Fallback([ScriptedModel(["bad"]), ScriptedModel(["worse"])], accept=good))
    assert text == "worse", "the last one's always does"
    whole = await Fallback([ScriptedModel(["bad"]), ScriptedModel(["worse"])], accept=good).complete(HELLO)
    assert whole.content == "worse"


async def test_a_fallback_can_do_what_all_of_its_clients_can() -> None:
    able = ScriptedModel([], capabilities=Capabilities(True, True, True, True, context=9))
    less = ScriptedModel([], capabilities=Capabilities(True, False, True, False))
    both = Fallback([able, less])
    assert both.capabilities == Capabilities(choices=True, json_schema=False, tools=True, images=False, context=9)
    assert both.model == "scripted"
    await both.aclose()
    with pytest.raises(ConfigError):
        Fallback([])


async def test_requests_are_spaced_evenly() -> None:
    clock = Clock()
    limited = RateLimit(ScriptedModel(lambda _: "Hi"), requests_per_minute=60, sleep=clock.sleep, clock=clock)
    started = []
    for _ in range(4):
        await limited.complete(HELLO)
        started.append(clock.now)
    assert started == [0, 1, 2, 3]
    await clock.sleep(100)
    clock.slept.clear()
    await limited.complete(HELLO)
    await limited.complete(HELLO)
    assert clock.slept == [1], "a pause earns no more than a burst"


async def test_a_burst_goes_at_once() -> None:
    clock = Clock()
    limited = RateLimit(ScriptedModel(lambda _: "Hi"), requests_per_minute=60, burst=3, sleep=clock.sleep, clock=clock)
    for _ in range(5):
        await limited.complete(HELLO)
    assert clock.slept == [1, 1]


async def test_tokens_are_paid_off_before_the_next_request() -> None:
    clock = Clock()
    model = ScriptedModel(lambda _: "Hi", usage=Usage(200, 100))
    limited = RateLimit(model, tokens_per_minute=600, sleep=clock.sleep, clock=clock)
    await limited.complete(HELLO)
    await read(limited)
    await limited.complete(HELLO)
    assert clock.slept == [30, 30]


def test_threads_and_loops_share_one_limit() -> None:
    seen: list[float] = []
    lock = threading.Lock()

    async def sleep(seconds: float) -> None:
        with lock:
            seen.append(round(seconds))

    limited = RateLimit(ScriptedModel(lambda _: "Hi"), requests_per_minute=60, sleep=sleep, clock=lambda: 0.0)

    async def chat() -> None:
        await asyncio.gather(*(limited.complete(HELLO) for _ in range(10)))

    threads = [threading.Thread(target=asyncio.run, args=(chat(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 30))


@pytest.mark.parametrize(
    "make",
    [
        lambda client: RateLimit(client, requests_per_minute=0),
        lambda client: RateLimit(client, tokens_per_minute=-1),
        lambda client: RateLimit(client, burst=0),
        lambda client: Retry(client, -1),
    ],
)
def test_limits_that_cannot_be_are_refused(make: Callable[[ModelClient], ModelClient]) -> None:
    with pytest.raises(ConfigError):
        make(ScriptedModel([]))


async def test_layers_answer_for_the_client_inside() -> None:
    inside = ScriptedModel([], model="inner")
    layered = Retry(RateLimit(inside))
    assert isinstance(layered, ModelClient)
    assert layered.model == "inner"
    assert layered.capabilities is inside.capabilities
    assert "inner" in repr(layered)
    await layered.aclose()


async def test_leaving_a_stream_early_closes_what_is_inside() -> None:
    closed = []

    class Endless(ScriptedModel):
        async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
            try:
                while True:
                    yield Delta("x")
            finally:
                closed.append(True)

    stream = Fallback([Retry(RateLimit(Endless([])))]).stream(HELLO)
    async for _ in stream:
        break
    await stream.aclose()  # type: ignore[attr-defined]
    assert closed == [True]
