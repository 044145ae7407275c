"""Rollouts on a Ray that really runs: the same call, and what becomes of tasks whose process dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from autogen_like import ConfigError, RolloutError, Rollouts, Store, WorkerLost, read_trajectories
from autogen_like.scale import ray_backend, rollouts

from . import factories
from .factories import adder, double, echo, odd, traced
from .ray_head import Head

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollouts, "FIRST_WAIT", 0.0)


def test_the_same_call_gives_the_same_results(head: Head, tmp_path: Path) -> None:
    words = [f"word {number}" for number in range(30)]
    files: dict[str, Any] = {"logs": tmp_path / "logs", "trajectories": tmp_path / "t.jsonl"}
    with Rollouts(echo, on="ray", scorer=lambda rollout: len(rollout.result.summary), **files) as there:
        done = there.map(words)
    here = Rollouts(echo, scorer=lambda rollout: len(rollout.result.summary)).map(words)
    assert [one.result.summary for one in done] == [one.result.summary for one in here]
    assert [one.reward for one in done] == [one.reward for one in here]
    assert {one.usage.total.total_tokens for one in done} == {5}
    assert "WORD 7" in (tmp_path / "logs" / "000007.log").read_text()
    assert len(list(read_trajectories(tmp_path / "t.jsonl"))) == 30


async def test_what_goes_wrong_there_is_told_here(head: Head) -> None:
    kinds = ["fine", "raise", "config", "cancel", "hang", "strange error", "unpicklable"]
    async with Rollouts(odd, on="ray", workers=1, timeout=2, retries=1) as there:
        done = {one.task["kind"]: one for one in await there.run({"kind": kind, "result": 1} for kind in kinds)}
        assert await there.run([]) == []
    assert done["fine"].result == 1
    assert repr(done["raise"].error) == "ValueError('as it was told')"
    assert isinstance(done["config"].error, ConfigError)
    assert isinstance(done["hang"].error, TimeoutError)
    assert isinstance(done["cancel"].error, RolloutError)
    assert "Strange: a b" in str(done["strange error"].error)
    assert "can't be taken to another process" in str(done["unpicklable"].error)
    assert {kind: one.attempts for kind, one in done.items()} == {
        **dict.fromkeys(kinds, 2), "fine": 1, "config": 1, "unpicklable": 1
    }  # fmt: skip


async def test_a_task_that_cannot_travel_is_told_before_anything_is_spent(head: Head, tmp_path: Path) -> None:
    trace = str(tmp_path / "trace")
    tasks: list[Any] = [{"kind": "fine", "trace": trace}, threading.Lock()]
    async with Rollouts(odd, on="ray") as there:
        with pytest.raises(ConfigError, match="task 1 can't be taken"):
            await there.run(tasks)
    assert traced(Path(trace)) == []


async def test_killing_a_worker_loses_nothing_and_repeats_only_what_was_under_way(head: Head, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    tasks = [{"kind": "fine", "name": str(n), "trace": str(trace), "seconds": 0.2, "result": n} for n in range(80)]
    killed: list[int] = []
    ended: list[str] = []
    under_way: set[str] = set()
    async with Rollouts(odd, on="ray", workers=2, concurrency=10) as there:
        results = {}
        async for rollout in there.stream(tasks):
            results[rollout.index] = rollout
            ended.append(rollout.task["name"])
            if len(results) == 20:
                begun = traced(trace)
                under_way = {name for name, _ in begun} - set(ended)
                killed.append(begun[-1][1])
                os.kill(killed[0], signal.SIGKILL)
    assert [results[n].result for n in range(80)] == list(range(80))
    counts = Counter(name for name, _ in traced(trace))
    repeated = {name for name, count in counts.items() if count > 1}
    assert repeated  # something was under way in it
    assert max(counts.values()) == 2
    assert len(repeated) <= 10
    by_killed = {name for name, process in traced(trace) if process == killed[0]}
    assert repeated <= by_killed
    assert all(results[int(name)].attempts == 2 for name in repeated)
    assert under_way


async def test_a_task_that_kills_its_process_is_found_and_the_others_are_done(head: Head) -> None:
    tasks = [{"kind": "die"}, *({"kind": "fine", "seconds": 0.3, "result": number} for number in range(6))]
    async with Rollouts(odd, on="ray", workers=1, concurrency=3, retries=2) as there:
        bad, *good = await there.run(tasks)
    assert isinstance(bad.error, WorkerLost)
    assert "died 3 times" in str(bad.error)
    assert [rollout.result for rollout in good] == list(range(6))


async def test_a_worker_whose_loop_is_blocked_is_ended(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_backend, "GRACE", 1.0)
    async with Rollouts(odd, on="ray", workers=1, timeout=1) as there:
        [blocked] = await there.run([{"kind": "block"}])
        assert isinstance(blocked.error, TimeoutError)
        assert "was ended" in str(blocked.error)
        [fine] = await there.run([{"kind": "fine", "result": 1}])
        assert fine.result == 1


async def test_cancelling_reaches_the_conversations_there(head: Head, tmp_path: Path) -> None:
    begun, trace = tmp_path / "begun", tmp_path / "cancelled"

    async def wait(_: int) -> None:
        begun.touch()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            trace.write_text("yes")
            raise

    async with Rollouts(wait, on="ray", workers=1) as there:
        running = asyncio.create_task(there.run([1]))
        while not begun.exists():
            await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert trace.read_text() == "yes"


async def test_workers_that_cannot_load_the_factory_are_told_of(head: Head) -> None:
    class Unloadable:
        def __reduce__(self) -> Any:
            return _missing, ()

        def __call__(self, _: int) -> None: ...

    def _missing() -> None:
        raise ImportError("no module named of_the_driver_alone")

    with pytest.raises(ConfigError, match="of_the_driver_alone"):
        async with Rollouts(Unloadable(), on="ray", workers=1) as there:
            await there.run([1])


async def test_a_kept_run_is_resumed_from_a_worker(head: Head, tmp_path: Path) -> None:
    await _resumed(f"sqlite:///{tmp_path}/runs.db")


@pytest.mark.needs_postgres
async def test_a_run_kept_in_postgresql_is_resumed_from_a_worker(head: Head) -> None:
    from ..store.postgres import Cluster

    cluster = Cluster()
    try:
        await _resumed(cluster.new_database())
    finally:
        cluster.close()


async def _resumed(url: str) -> None:
    """A run that was cut off here goes on in a process of the cluster, where it was."""
    async with Store(url) as store:
        run = adder().run(message="What is 1 + 2?", store=store, max_turns=None)
        async for event in run:
            if type(event).__name__ == "ToolFinished":
                run.cancel()
        cut = await run
        assert cut.stop_reason.kind == "cancelled"
        before = len(await store.messages((await store.conversations(cut.run_id))[0].id))

        async def go_on(task: tuple[str, str]) -> Any:
            from autogen_like import AssistantAgent, ScriptedModel

            agent = AssistantAgent("adder", llm_config=ScriptedModel(["It is 3, I remember."]), tools=[factories.add])
            database, run_id = task  # not of the closure: a database's address may hold a password
            return await agent.run(message="What is 1 + 2?", store=database, resume=run_id)

        async with Rollouts(go_on, on="ray", workers=1) as there:
            [rollout] = await there.run([(url, cut.run_id)])
        assert rollout.ok, rollout.error
        assert rollout.result.summary == "It is 3, I remember."
        after = await store.messages((await store.conversations(cut.run_id))[0].id)
        assert len(after) > before
        assert after[0].text == "What is 1 + 2?"


def test_a_client_of_a_cluster_makes_the_same_call(head: Head) -> None:
    script = f"""
from autogen_like import Rollouts

async def double(task):
    return task * 2

with Rollouts(double, on={head.client!r}, workers=1) as there:
    print([rollout.result for rollout in there.map(range(5))])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.strip().endswith("[0, 2, 4, 6, 8]"), done.stdout + done.stderr


def test_an_address_where_nothing_answers_is_told() -> None:
    script = """
from autogen_like import ConfigError, Rollouts

async def double(task):
    return task * 2

try:
    Rollouts(double, on="ray://127.0.0.1:9").map([1])
except ConfigError as error:
    print("told:", error)
"""
    quick = {**os.environ, "RAY_CLIENT_MODE": "0"}
    quick.pop("RAY_ADDRESS", None)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=quick)
    assert "no Ray answers there" in done.stdout, done.stdout + done.stderr


def test_two_of_them_share_one_ray(head: Head) -> None:
    with Rollouts(double, on="ray", workers=1) as one, Rollouts(double, on="ray", workers=1) as other:
        assert [rollout.result for rollout in one.map([1])] == [2]
        assert [rollout.result for rollout in other.map([2])] == [4]
    with Rollouts(double, on="ray", workers=1) as again:
        assert [rollout.result for rollout in again.map([3])] == [6]
