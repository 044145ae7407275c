"""The sample of a served model, on the embedded one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "samples" / "serve_clients.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command, env = [sys.executable, SAMPLE, *arguments], {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, env=env)


@pytest.mark.slow
def test_agents_and_openais_client_hear_the_same():
    done = run()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("The capital of France is Paris.") == 3


def test_a_model_that_is_not_there_is_told_in_a_line():
    done = run("--model", "no-such-model")
    assert done.returncode == 1
    assert "models pull" in done.stderr
    assert "Traceback" not in done.stderr
