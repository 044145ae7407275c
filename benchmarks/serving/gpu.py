"""What the local model does on an NVIDIA GPU, in under ten minutes: one table, and a dated JSON with the commit.

    pip install 'autogen_like[gpu]' transformers     # transformers only for the comparison
    python benchmarks/serving/gpu.py

Weights are random: speed doesn't depend on them, and nothing is downloaded. Each section stops when its share of the
time is used up, and says what it left out. `--device cpu --models tiny` goes through all of it without a GPU.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent))
import gpu_measures as measures

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
SECTIONS: dict[str, tuple[float, Callable[..., list[measures.Line]]]] = {  # share of the time, and what is measured
    "numerics": (0.1, measures.numerics),
    "kernels": (0.25, measures.kernels),
    "decode": (0.35, measures.decode),
    "ragged": (0.15, measures.ragged),
    "transformers": (0.15, measures.transformers_decode),
}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What is asked for.

    Raises:
        SystemExit: If it can't be.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default="0.5B,7B,8B", help=f"of {', '.join(measures.MODELS)}")
    parser.add_argument("--sections", default=",".join(SECTIONS), help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--batches", default="1,4,16,64", help="sizes of batches that decode")
    parser.add_argument("--contexts", default="1024,8192", help="tokens that each sequence has")
    parser.add_argument("--requests", type=int, default=256, help="of the ragged run")
    parser.add_argument("--seconds", type=float, default=540, help="for all of it")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON")
    found = parser.parse_args(given)
    found.models, found.sections = found.models.split(","), found.sections.split(",")
    for name, known in (("models", measures.MODELS), ("sections", SECTIONS)):
        wrong = [one for one in getattr(found, name) if one not in known]
        if wrong:
            parser.error(f"--{name}: {', '.join(wrong)} is not among {', '.join(known)}")
    try:
        found.batches = [int(one) for one in found.batches.split(",")]
        found.contexts = [int(one) for one in found.contexts.split(",")]
    except ValueError as error:
        parser.error(str(error))
    if found.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch finds no NVIDIA GPU; --device cpu --models tiny tries the script without one")
    return found


def environment(device: torch.device) -> dict[str, Any]:
    """What was measured, on what, with what."""

    def version(package: str) -> str | None:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return None

    def git(*command: str) -> str | None:
        done = subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    cuda = device.type == "cuda"
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": git("rev-parse", "HEAD"),
        "changed": bool(git("status", "--porcelain", "--", "autogen_like", "benchmarks/serving")),
        "device": torch.cuda.get_device_name(device) if cuda else platform.processor() or platform.machine(),
        "capability": list(torch.cuda.get_device_capability(device)) if cuda else None,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "triton", "transformers")},
    }


def table(lines: Sequence[measures.Line]) -> str:
    """Lines as a table of Markdown; a missing number is a dash.

    Example:
        >>> print(table([measures.Line("rms_norm", 4.2, "us", 0.81)]))
        | what | measured | of the roofline |
        | --- | ---: | ---: |
        | rms_norm | 4.20 us | 81 % |
    """
    rows = ["| what | measured | of the roofline |", "| --- | ---: | ---: |"]
    for line in lines:
        share = "-" if line.share is None else f"{line.share:.0%}".replace("%", " %")
        value = line.note or "-" if line.value is None else f"{number(line.value)} {line.unit}"
        rows.append(f"| {line.what} | {value} | {share} |")
    return "\n".join(rows)


def number(value: float) -> str:
    """Three figures or so, for people."""
    if value != 0 and abs(value) < 0.01:
        return f"{value:.2g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def save(found: dict[str, Any], folder: Path) -> Path:
    """Writes the JSON under a name of its date and commit."""
    folder.mkdir(parents=True, exist_ok=True)
    commit = (found["environment"]["commit"] or "unknown")[:8]
    path = folder / f"gpu-{found['environment']['date'][:10]}-{commit}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    return path


def main(given: Sequence[str] | None = None) -> None:
    asked = arguments(given)
    device = torch.device(asked.device)
    begun = time.monotonic()
    bench = measures.Bench(
        device, asked.models, asked.batches, asked.contexts, asked.requests,
        bandwidth=measures.copy_bandwidth(device),
    )  # fmt: skip
    print(f"copy: {bench.bandwidth / 1e9:,.0f} GB/s (bytes read and written)")
    found: dict[str, Any] = {"environment": environment(device), "copy_bytes_per_second": bench.bandwidth}
    wanted = sum(share for name, (share, _) in SECTIONS.items() if name in asked.sections)
    for name in asked.sections:
        share, measure = SECTIONS[name]
        deadline = time.monotonic() + asked.seconds * share / wanted
        lines = measure(bench, deadline)
        print(f"\n## {name}\n\n{table(lines)}", flush=True)
        found[name] = [line.as_dict() for line in lines]
    found["seconds"] = round(time.monotonic() - begun, 1)
    print(f"\n{save(found, asked.out)} after {found['seconds']} s")


if __name__ == "__main__":
    main()
