"""The sample and the notebook about training train to the end, offline, with functions that really run."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "samples" / "training.py"
OUTCOMES = ["start", "accepted", "rolled back", "accepted", "rolled back", "accepted"]


def test_the_sample_trains_to_the_end_and_keeps_a_curve_and_the_functions(tmp_path):
    command = [sys.executable, str(SCRIPT), "--plot", str(tmp_path / "curve.png"), "--keep", str(tmp_path / "learned")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "refused: line 1: the module os may not be imported by functions" in done.stdout
    assert "training ended: solved; learned: greatest_common_divisor, how_many_divisors, sum_of_" in done.stdout
    assert (tmp_path / "curve.png").stat().st_size > 10_000
    assert len(json.loads((tmp_path / "learned" / "manifest.json").read_text())["functions"]) == 3


@pytest.mark.needs_docker
@pytest.mark.slow
def test_the_sample_trains_in_docker(docker_image, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    from autogen_like import DockerCommandLineCodeExecutor

    with DockerCommandLineCodeExecutor(docker_image, timeout=20) as executor:
        history = importlib.import_module("training").main(executor)
    assert [point.outcome for point in history.points] == OUTCOMES


@pytest.mark.filterwarnings("default")
def test_the_notebook_shows_a_curve(tmp_path):
    notebook = nbformat.read(ROOT / "notebooks" / "training.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert "the module os may not be imported" in "".join(output.get("text", "") for output in shown)
    assert shown[-1]["data"]["text/plain"] == "'60'"
