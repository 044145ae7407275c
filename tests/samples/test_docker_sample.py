"""The sample that runs code in Docker: an error goes back to the coder, and is mended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "samples" / "docker_code.py"


@pytest.mark.needs_docker
@pytest.mark.slow
def test_the_coder_mends_what_failed(docker_image, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = subprocess.run([sys.executable, SAMPLE, "--image", docker_image], check=True, capture_output=True, text=True)
    failed, mended = done.stdout.index("NameError"), done.stdout.index("exitcode: 0 (execution succeeded)")
    assert failed < mended
    assert "Code output: 328" in done.stdout


def test_without_an_engine_the_sample_ends_with_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    done = subprocess.run([sys.executable, SAMPLE], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no engine answers" in done.stderr
    assert "Traceback" not in done.stderr
