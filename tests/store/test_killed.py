"""kill -9 at random instants: the run goes on, nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from autogen_like import Store

PROGRAM = Path(__file__).parent / "killed.py"
KILLS = int(os.environ.get("AUTOGEN_LIKE_KILLS", "25"))  # on each database
UNKNOWN = "Error: it is unknown whether this ran"


def start(*arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, str(PROGRAM), *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process: subprocess.Popen[str]) -> dict[str, Any] | None:
    """What it printed; None where it was killed before."""
    said, _ = process.communicate(timeout=120)
    return json.loads(said) if said else None


def known(store_url: str, run_id: str) -> bool:
    from autogen_like.core.sync import run

    async def look() -> bool:
        async with Store(store_url) as store:
            return any(info.id == run_id for info in await store.runs(limit=10_000))

    return run(look())


@pytest.mark.slow
def test_a_killed_chat_goes_on_as_if_nothing_had_been(url: str, tmp_path: Path):
    undisturbed = finish(start(url, "undisturbed", str(tmp_path / "once")))
    assert undisturbed is not None
    booked = sorted((tmp_path / "once").read_text().split())
    begun = time.monotonic()
    finish(start(url, "timed", str(tmp_path / "timed")))
    window = (time.monotonic() - begun) * 0.6  # most of that is Python's start, which "ready" ends

    chance = random.Random(7)
    kills, number, uncertain = 0, 0, 0
    while kills < KILLS:
        number += 1
        run_id, effects = f"run {number}", tmp_path / f"effects {number}"
        result, resume = None, False
        while result is None:
            process = start(url, run_id, str(effects), *(["resume"] if resume else []))
            if kills < KILLS and chance.random() < 0.8:
                time.sleep(chance.random() * window)
                process.send_signal(signal.SIGKILL)
                kills += 1
            result = finish(process)
            resume = resume or (result is None and known(url, run_id))
        assert sorted(effects.read_text().split()) == booked, "something was done twice, or not at all"
        assert result["why"] == undisturbed["why"]
        assert len(result["said"]) == len(undisturbed["said"])
        for now, then in zip(result["said"], undisturbed["said"], strict=True):
            assert now[:3] == then[:3]
            for got, expected in zip(now[3], then[3], strict=True):
                if got != expected:  # killed between the deed and the note of it: the model is told by a person
                    assert got.startswith(UNKNOWN)
                    assert got.endswith(expected)
                    uncertain += 1
    print(f"{kills} kills in {number} runs; {uncertain} calls were done and not yet noted")
