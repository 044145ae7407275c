"""The Jupyter sample, as a user starts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SAMPLE = Path(__file__).parents[2] / "samples" / "jupyter_code.py"


def test_the_error_is_mended_and_the_image_is_saved(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = subprocess.run([sys.executable, SAMPLE], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "NameError: name 'head' is not defined" in done.stdout
    assert [path.suffix for path in (tmp_path / "jupyter_output").iterdir()] == [".png"]
