"""The benchmark of tracing runs and prints its table; what its figures are is for who runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_table_has_a_row_for_each_way():
    command = [sys.executable, str(ROOT / "benchmarks" / "tracing.py"), "--runs", "3", "--rounds", "1"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("5 spans a run")
    rows = [line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("| ")]
    assert rows[2:] == ["off", "no SDK", "dropped", "on", "on, with content", "SDK alone"]
