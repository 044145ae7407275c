"""The samples of this room, and what they print."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .ray_head import Head

SAMPLES = Path(__file__).parents[2] / "samples"


def run(name: str, *arguments: str, folder: Path) -> str:
    command = [sys.executable, str(SAMPLES / f"{name}.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_sample_of_rollouts_says_what_came_of_each(tmp_path: Path) -> None:
    printed = run("rollouts", folder=tmp_path)
    assert "1 + 2    = 3 " in printed
    assert "failed: I don't add nothing" in printed
    assert "7 of 8, 105 tokens" in printed


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_the_same_sample_runs_on_ray(head: Head, tmp_path: Path) -> None:
    assert "7 of 8, 105 tokens" in run("rollouts", "--ray", folder=tmp_path)


@pytest.mark.slow
def test_the_sample_of_trajectories_shows_what_is_trained_on(tmp_path: Path) -> None:
    printed = run("trajectories", folder=tmp_path)
    assert printed.count("2 calls") == 2
    assert (tmp_path / "trajectories.jsonl").exists()
