"""The benchmark of the store runs, with few of everything: that it works and loses nothing, never how fast it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "store.py"


@pytest.mark.slow
def test_it_prints_what_a_message_costs_and_that_none_is_lost() -> None:
    command = [sys.executable, str(SCRIPT), "--messages", "50", "--long", "500", "--at-once", "3"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert 'SQLite, durability="process": a message' in done.stdout
    assert "3 conversations of 20 messages at once: 0 lost" in done.stdout
