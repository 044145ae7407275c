"""kill -9 at random instants: the run goes on, nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autogen_like import Store
from autogen_like.core.sync import run as run_sync

from . import killed

KILLS = int(os.environ.get("AUTOGEN_LIKE_KILLS", "25"))  # on each database
UNKNOWN = "Error: it is unknown whether this ran"

# Python starts once and is forked for each process that is killed: a start takes longer than a chat.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.store.killed", "autogen_like.store", "autogen_like.groupchat.manager"])


class Held:
    """One run, held by one process after another."""

    def __init__(self, shape: str, url: str, run_id: str, folder: Path) -> None:
        self.shape, self.url, self.id = shape, url, run_id
        self.effects, self._ended = folder / f"effects {run_id}", folder / f"ended {run_id}"
        self._begun = False

    def hold(self, kill: Callable[[], None] | None = None) -> None:
        """Has a process hold it, to its end or until it is killed."""
        arguments = (self.shape, self.url, self.id, self.effects, self._ended, self._begun)
        process = processes.Process(target=killed.hold, args=arguments)
        process.start()
        if kill is not None:
            kill()
            process.kill()
        process.join(300)
        code = process.exitcode
        process.close()
        assert code == 0 or (kill is not None and code == -9)
        if not self.ended:
            time.sleep(1.2 * killed.LEASE)  # a server may still be at work on what the dead process asked for
            self._begun = self._begun or run_sync(self._known())

    @property
    def ended(self) -> bool:
        return self._ended.exists()

    async def _known(self) -> bool:
        async with Store(self.url) as store:
            return any(info.id == self.id for info in await store.runs(limit=1))

    @property
    def booked(self) -> list[str]:
        return sorted(self.effects.read_text().split())

    @property
    def result(self) -> Any:
        return json.loads(self._ended.read_text())

    async def said(self) -> dict[str, list[Any]]:
        """What was said at each place of the run, in all its conversations."""
        found = {}
        async with Store(self.url) as store:
            assert (await store.run(self.id)).status == "ended"
            for one in await store.conversations(self.id):
                if one.key is None:  # it had begun when the process died, and began anew
                    assert one.messages == 0
                    continue
                assert one.reason is not None
                found[one.key] = await store.messages(one.id)
        return found


def uncertain(run: Held, undisturbed: Held) -> int:
    """Compares two runs; how many calls in the first were done and not yet noted when its process died."""
    assert run.booked == undisturbed.booked, "something was done twice, or not at all"
    assert run.result == undisturbed.result
    now, then = run_sync(run.said()), run_sync(undisturbed.said())
    assert now.keys() == then.keys()
    count = 0
    for place, messages in then.items():
        assert len(now[place]) == len(messages), place
        for one, other in zip(now[place], messages, strict=True):
            assert (one.speaker, one.content, one.tool_calls) == (other.speaker, other.content, other.tool_calls)
            for got, expected in zip(one.tool_results, other.tool_results, strict=True):
                if got.content != expected.content:  # the model is told by a person, who has looked
                    assert got.content.startswith(UNKNOWN)
                    assert got.content.endswith(expected.content)
                    count += 1
    return count


@pytest.mark.slow
@pytest.mark.parametrize("shape", killed.SHAPES)
def test_a_killed_chat_goes_on_as_if_nothing_had_been(shape: str, url: str, tmp_path: Path):
    undisturbed = Held(shape, url, "undisturbed", tmp_path)
    undisturbed.hold()
    begun = time.monotonic()
    Held(shape, url, "timed", tmp_path).hold()
    window = time.monotonic() - begun

    chance = random.Random(f"{shape} {KILLS}")
    share = -(-KILLS // len(killed.SHAPES))
    kills, number, unknown = 0, 0, 0
    while kills < share:
        number += 1
        run = Held(shape, url, f"run {number}", tmp_path)
        while not run.ended:
            if kills < share and chance.random() < 0.8:
                run.hold(lambda: time.sleep(chance.random() * window))
                kills += 1
            else:
                run.hold()
        unknown += uncertain(run, undisturbed)
    print(f"{shape}: {kills} kills in {number} runs; {unknown} calls were done and not yet noted")
