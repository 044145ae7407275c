"""The benchmarks of training run, with few of everything: that they work, never what their figures are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "optimizer"


def printed(name: str, *options: str) -> str:
    command = [sys.executable, str(FOLDER / f"{name}.py"), *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_simulation_says_that_it_is_one_and_draws_its_pictures(tmp_path):
    out = printed("simulation", "--runs", "2", "--plot", str(tmp_path))
    assert out.count("SIMULATED") == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ablation.png", "acceptance.png"]


def test_prompt_tokens_are_counted_at_once_and_in_parts():
    out = printed("prompt_tokens", "--sizes", "6", "--part-size", "2", "--actions", "1")
    (row,) = [line for line in out.splitlines() if line.startswith("| 6 |")]
    peak_at_once, peak_in_parts = (int(cell.replace(",", "")) for cell in row.split("|")[2:4])
    assert peak_in_parts < peak_at_once
