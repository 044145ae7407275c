"""The benchmark of tool calls runs, with few of everything: that it works, never how fast it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "tool_call.py"


def test_it_prints_a_number_a_target_and_a_verdict_for_each_kind_of_call() -> None:
    command = [sys.executable, str(SCRIPT), "--calls", "2", "--rounds", "1", "--nap", "0.01"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    calls, together = done.stdout.strip().split("\n\n")
    rows = [*calls.splitlines()[1:], *together.splitlines()[1:]]
    assert len(rows) == 10
    for row in rows:
        *_, number, sign, target, verdict = row.split()
        assert float(number) > 0
        assert float(target) > 0
        assert (sign, verdict in ("met", "MISSED")) == ("<", True)
