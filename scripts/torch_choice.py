"""Which torch to install: the machine's own where it will do, and never gigabytes of CUDA without a GPU.

Plain ``torch`` from PyPI brings CUDA packages on Linux. Before anything that depends on torch is installed, pip is
asked for dry-run reports, and the first candidate that suits the machine wins. Standard library only.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MINIMUM = (2, 6)
RANGE = "torch>=2.6"
TESTED = "torch==2.13.0"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

Report = dict[str, object]
DryRun = Callable[[str], Report | None]


@dataclass(frozen=True)
class TorchPlan:
    """What to install (a requirement) and from where (None: pip's own configuration); `why` is told to the user."""

    requirement: str
    index_url: str | None
    why: str


def package_names(report: Report) -> list[str]:
    """The names, as indexes spell them (lower case, hyphens), of all that pip would install by this report."""
    items = report.get("install")
    names = [str(item["metadata"]["name"]) for item in items] if isinstance(items, list) else []
    return [re.sub(r"[-_.]+", "-", name).lower() for name in names]


def cuda_packages(report: Report) -> list[str]:
    """The packages of a dry-run report that a machine without a GPU has no use for.

    triton counts only beside NVIDIA's packages: alone it may be a CPU or another vendor's build.
    """
    names = package_names(report)
    cuda = [name for name in names if re.match(r"(nvidia|cuda)\b", name)]
    return sorted(cuda + [name for name in names if name.startswith("triton")]) if cuda else []


def satisfies(version: str) -> bool:
    """Whether an installed torch of this version is new enough (``2.13.0+cpu`` is)."""
    match = re.match(r"(\d+)\.(\d+)", version)
    return bool(match) and (int(match.group(1)), int(match.group(2))) >= MINIMUM


def has_gpu() -> bool:
    """Whether this machine has an NVIDIA GPU that its driver can see."""
    if Path("/dev/nvidia0").exists():
        return True
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    answer = subprocess.run([tool, "-L"], capture_output=True, text=True)
    return answer.returncode == 0 and "GPU" in answer.stdout


def choose(installed: str | None, dry_run: DryRun, gpu: bool) -> TorchPlan | None:
    """Decides what to install.

    Args:
        installed: Version of the torch that is already there, or None.
        dry_run: Asks pip what installing a requirement would bring; None where it can't be installed.
        gpu: Whether the machine has a GPU.

    Returns:
        The plan, or None where the installed torch will do.
    """
    if installed and satisfies(installed):
        return None
    report = dry_run(RANGE)
    if report is not None and gpu:
        return TorchPlan(RANGE, None, "this machine has a GPU")
    if report is not None and not cuda_packages(report):
        return TorchPlan(RANGE, None, "it comes without CUDA packages")
    found = len(cuda_packages(report)) if report is not None else 0
    report = dry_run(TESTED)
    if report is not None and not cuda_packages(report):
        return TorchPlan(TESTED, None, f"the newest would bring {found} CUDA packages and there is no GPU")
    return TorchPlan(RANGE, CPU_INDEX, "no GPU here: PyTorch's CPU builds")
