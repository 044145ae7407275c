"""Rollouts on one event loop: all tasks, a few at a time, and whatever goes wrong with one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from autogen_like import (
    AssistantAgent,
    ConfigError,
    Limits,
    ModelError,
    Rollout,
    RolloutError,
    Rollouts,
    ScriptedModel,
    Usage,
    keep_runs,
)
from autogen_like.scale import backend, rollouts

from .factories import double, echo, odd


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollouts, "FIRST_WAIT", 0.0)


def words(count: int) -> list[str]:
    return [f"word {number}" for number in range(count)]


def test_an_agent_is_asked_each_task() -> None:
    done = Rollouts(echo).map(words(40))
    assert [rollout.result.summary for rollout in done] == [word.upper() for word in words(40)]
    assert [rollout.index for rollout in done] == list(range(40))
    assert all(rollout.ok and rollout.attempts == 1 and rollout.seconds > 0 for rollout in done)
    assert {rollout.usage.total.total_tokens for rollout in done} == {5}


async def test_any_function_of_a_task_will_do() -> None:
    class Doubler:
        async def __call__(self, task: int) -> int:
            return task * 2

    for function in (double, lambda task: task * 2, Doubler(), double.__call__, lambda: echo("")):
        done = await Rollouts(function, message=str).run([1, 2])
        results = [getattr(rollout.result, "summary", rollout.result) for rollout in done]
        assert results in ([2, 4], ["1", "2"])


async def test_no_more_are_under_way_than_were_asked_for() -> None:
    now = most = 0

    async def count(_: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1

    await Rollouts(count, concurrency=7).run(range(50))
    assert most == 7


async def test_who_takes_results_slowly_slows_the_work_down() -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        for number in range(10**9):
            taken.append(number)
            yield number

    async with aclosing(Rollouts(double, concurrency=3).stream(endless())) as results:
        async for rollout in results:
            await asyncio.sleep(0.01)
            assert len(taken) <= rollout.index + 8
            if rollout.index >= 10:
                break


async def test_results_come_as_they_are_done() -> None:
    first = asyncio.Event()

    async def wait(task: int) -> int:
        if task == 0:
            await first.wait()
        return task

    order = []
    async for rollout in Rollouts(wait).stream([0, 1, 2]):
        order.append(rollout.result)
        if len(order) == 2:
            first.set()
    assert sorted(order[:2]) == [1, 2]
    assert order[2] == 0


async def test_leaving_early_cancels_what_is_under_way() -> None:
    cancelled = []

    async def hang(task: int) -> int:
        if task == 0:
            return 0
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(task)
            raise
        return task

    async with aclosing(Rollouts(hang).stream(range(5))) as results:
        async for _ in results:
            break
    assert sorted(cancelled) == [1, 2, 3, 4]


async def test_a_caller_that_is_cancelled_leaves_nothing_running() -> None:
    ended = asyncio.Event()

    async def hang(_: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(Rollouts(hang).run([1]))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_one_that_fails_takes_no_other_along() -> None:
    kinds = ["raise", "fine", "config", "cancel", "fine"]
    done = await Rollouts(odd).run({"kind": kind, "result": kind} for kind in kinds)
    assert [rollout.result for rollout in done] == [None, "fine", None, None, "fine"]
    assert [type(rollout.error) for rollout in done] == [ValueError, type(None), ConfigError, RolloutError, type(None)]


async def test_what_fails_is_tried_again_as_often_as_asked() -> None:
    tried: dict[int, int] = {}

    async def shaky(task: int) -> str:
        tried[task] = tried.get(task, 0) + 1
        if tried[task] <= task:
            raise ValueError(f"attempt {tried[task]}")
        return "done"

    done = await Rollouts(shaky, retries=2).run([0, 1, 2, 3])
    assert [rollout.attempts for rollout in done] == [1, 2, 3, 3]
    assert [rollout.result for rollout in done] == ["done"] * 3 + [None]
    assert str(done[3].error) == "attempt 3"


async def test_a_setting_that_cannot_be_is_not_tried_again() -> None:
    [rollout] = await Rollouts(odd, retries=5).run([{"kind": "config"}])
    assert (type(rollout.error), rollout.attempts) == (ConfigError, 1)


async def test_an_endpoint_is_given_the_time_that_it_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    async def busy(_: int) -> None:
        raise ModelError("busy", retry_after=30.0, transient=True)

    monkeypatch.setattr(rollouts.asyncio, "sleep", note)
    await Rollouts(busy, retries=2).run([1])
    assert waited.count(30.0) == 2


async def test_time_outs_count_the_attempt_and_not_the_queue() -> None:
    async def slow(task: float) -> float:
        await asyncio.sleep(task)
        return task

    done = await Rollouts(slow, timeout=2, concurrency=1).run([0.01] * 5 + [60])
    assert [rollout.ok for rollout in done] == [True] * 5 + [False]
    assert isinstance(done[-1].error, TimeoutError)
    assert "timeout=2 s" in str(done[-1].error)


async def test_a_time_out_of_the_task_s_own_is_its_own_error() -> None:
    async def own(_: int) -> None:
        raise TimeoutError("of the database")

    [rollout] = await Rollouts(own, timeout=60).run([1])
    assert str(rollout.error) == "of the database"


async def test_one_that_does_not_heed_its_cancellation_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(backend, "GRACE", 0.05)
    stop = asyncio.Event()

    async def deaf(_: int) -> None:
        while not stop.is_set():
            try:
                await stop.wait()
            except asyncio.CancelledError:
                continue

    [rollout] = await Rollouts(deaf, timeout=0.01).run([1])
    assert isinstance(rollout.error, TimeoutError)
    assert "doesn't end although it is cancelled" in caplog.text
    stop.set()
    await asyncio.sleep(0.05)


async def test_no_tasks_give_no_results() -> None:
    assert await Rollouts(double).run([]) == []


async def test_the_same_task_twice_is_two_rollouts() -> None:
    done = await Rollouts(double).run([3, 3])
    assert [(rollout.index, rollout.result) for rollout in done] == [(0, 6), (1, 6)]


async def test_tasks_that_break_off_end_it_with_their_error() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    with pytest.raises(LookupError):
        await Rollouts(double).run(broken())


async def test_a_factory_that_raises_is_the_rollout_s_error() -> None:
    def broken() -> AssistantAgent:
        raise OSError("no disk")

    [rollout] = await Rollouts(broken).run(["hi"])
    assert isinstance(rollout.error, OSError)


async def test_a_task_that_nobody_can_say_needs_a_message() -> None:
    [refused] = await Rollouts(lambda: echo("")).run([{"question": "hi"}])
    assert isinstance(refused.error, ConfigError)
    assert "message=" in str(refused.error)
    [asked] = await Rollouts(lambda: echo(""), message=lambda task: task["question"]).run([{"question": "hi"}])
    assert asked.result.summary == "HI"


async def test_a_scorer_gives_the_reward_and_its_failure_is_told() -> None:
    async def late(rollout: Rollout) -> float:
        return float(rollout.result)

    assert [one.reward for one in await Rollouts(double, scorer=late).run([1, 2])] == [2.0, 4.0]
    assert [one.reward for one in await Rollouts(double, scorer=lambda one: one.result > 2).run([1, 2])] == [0.0, 1.0]
    [wrong] = await Rollouts(double, scorer=lambda _: float("nan")).run([1])
    assert isinstance(wrong.error, ConfigError)
    assert (wrong.reward, wrong.result) == (None, 2)
    [failed] = await Rollouts(odd, scorer=lambda _: 1.0).run([{"kind": "raise"}])
    assert failed.reward is None


async def test_budgets_hold_for_each_attempt() -> None:
    def talker() -> AssistantAgent:
        return AssistantAgent("ada", llm_config=ScriptedModel(lambda _: "x", usage=Usage(100, 100)))

    async def chat(_: int) -> Any:
        return await talker().run(talker_two(), message="go", max_turns=50)

    def talker_two() -> AssistantAgent:
        return AssistantAgent("bob", llm_config=ScriptedModel(lambda _: "y", usage=Usage(100, 100)))

    done = await Rollouts(chat, limits=Limits(tokens=1000)).run([1, 2])
    assert [rollout.result.stop_reason.kind for rollout in done] == ["budget", "budget"]
    assert [rollout.usage.total.total_tokens for rollout in done] == [1000, 1000]


async def test_each_task_has_a_log_of_its_own(tmp_path: Path) -> None:
    async def talk(task: str) -> Any:
        result = await echo("").run(message=task)
        if task == "bad":
            raise ValueError("afterwards")
        return result

    await Rollouts(talk, retries=1, logs=tmp_path / "logs").run(["good", "bad"])
    good, bad = ((tmp_path / "logs" / f"{index:06}.log").read_text() for index in (0, 1))
    assert "GOOD" in good
    assert bad.count("BAD") == 2
    assert bad.count("ValueError: afterwards") == 2
    assert "attempt 2 at task 1" in bad


async def test_a_bar_shows_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    await Rollouts(odd, progress=True).run([{"kind": "fine"}, {"kind": "raise"}])
    assert "2/2" in (shown := capsys.readouterr().out)
    assert "1 failed" in shown


async def test_runs_of_rollouts_may_be_nested() -> None:
    async def outer(task: int) -> int:
        done = await Rollouts(lambda: echo("")).run(["a"] * task)
        return len(done)

    done = await Rollouts(outer).run([1, 2])
    assert [rollout.usage.total.requests for rollout in done] == [1, 2]


def test_the_sync_face_works_inside_a_tool_of_a_chat() -> None:
    def both(_: int) -> list[int]:
        return [rollout.result for rollout in Rollouts(double).map([1, 2])]

    assert [rollout.result for rollout in Rollouts(both).map([1])] == [[2, 4]]


async def test_rollouts_are_kept_where_all_runs_are(tmp_path: Path) -> None:
    from autogen_like import Store

    async with Store(f"sqlite:///{tmp_path}/runs.db") as store:
        keep_runs(store)
        try:
            await Rollouts(lambda: echo("")).run(["a", "b"])
        finally:
            keep_runs(None)
        assert len(await store.runs()) == 2


async def test_trajectories_are_lines_of_json(tmp_path: Path) -> None:
    path = tmp_path / "some" / "trajectories.jsonl"
    await Rollouts(lambda: echo(""), trajectories=path, scorer=lambda _: 0.5).run(["a", "b"])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted(line["task"] for line in lines) == ["a", "b"]
    assert {line["reward"] for line in lines} == {0.5}
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 1.5}, "concurrency"),
        ({"retries": -1}, "retries"),
        ({"timeout": 0}, "timeout"),
        ({"on": "dask"}, "on must be"),
        ({"workers": 2}, "workers"),
        ({"on": "ray", "workers": 0}, "workers"),
        ({"factory": 3}, "factory"),
        ({"factory": AssistantAgent("ada", llm_config=False)}, "factory must be a function"),
    ],
)
def test_what_cannot_be_is_refused_at_once(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Rollouts(**{"factory": double, **arguments})
