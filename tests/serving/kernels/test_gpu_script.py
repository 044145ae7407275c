"""The script that measures on a GPU: what it takes and prints, and all of it once without a GPU, as small as can be."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "serving" / "gpu.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    spec.loader.exec_module(module)
    return module


def test_what_is_asked_for(script: ModuleType) -> None:
    asked = script.arguments(["--device", "cpu", "--models", "0.5B,8B", "--batches", "1,64", "--contexts", "1024"])
    assert (asked.models, asked.batches, asked.contexts) == (["0.5B", "8B"], [1, 64], [1024])
    assert asked.seconds < 600
    assert asked.sections == list(script.SECTIONS)
    assert sum(share for share, _ in script.SECTIONS.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--models", "70B"], "70B is not among tiny, 0.5B, 7B, 8B"),
        (["--sections", "speed"], "speed is not among numerics"),
        (["--batches", "one"], "invalid literal"),
    ],
)
def test_what_can_not_be_is_refused(
    script: ModuleType, given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        script.arguments(["--device", "cpu", *given])
    assert said in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script.arguments([])
    assert "finds no NVIDIA GPU" in capsys.readouterr().err


def test_the_table_and_the_file(script: ModuleType, tmp_path: Path) -> None:
    lines = [
        script.measures.Line("decode, 1 x 1024", 0.00042, "s", 0.756),
        script.measures.Line("8B, 64 x 8192", None, note="no memory"),
        script.measures.Line("0.5B", 12345.6, "tok/s"),
    ]
    assert script.table(lines).splitlines()[2:] == [
        "| decode, 1 x 1024 | 0.00042 s | 76 % |",
        "| 8B, 64 x 8192 | no memory | - |",
        "| 0.5B | 12,346 tok/s | - |",
    ]
    found = {"environment": {"date": "2026-01-02T03:04:05+00:00", "commit": "0123456789"}, "decode": []}
    path = script.save(found, tmp_path / "results")
    assert path.name == "gpu-2026-01-02-01234567.json"
    assert json.loads(path.read_text()) == found


@pytest.mark.slow
def test_all_of_it_runs_on_a_cpu(tmp_path: Path) -> None:
    small = ["--models", "tiny", "--batches", "1,2", "--contexts", "32", "--requests", "3", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--device", "cpu", *small],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert "| decode_attention, 2 x 32, tiny |" in done.stdout
    [path] = tmp_path.iterdir()
    found = json.loads(path.read_text())
    assert max(line["value"] for line in found["numerics"]) < 0.02
    assert all(line["value"] > 0 for line in found["decode"] + found["ragged"] + found["transformers"])
    assert found["copy_bytes_per_second"] > 0
