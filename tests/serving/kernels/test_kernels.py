"""Every kernel's numbers, in Triton's interpreter: fp32 and fp16 (in bf16 the interpreter is wrong) against float64."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_INTERPRETED = Path(__file__).parent / "interpreted"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rows", "attention", "sampling", "checks"])
def test_kernels_are_as_exact_as_they_should_be(name: str) -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0"]
    done = subprocess.run(
        [*command, str(_INTERPRETED / f"{name}.py")],
        env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
