"""The bootstrap never brings CUDA to a machine without a GPU, and leaves a torch that will do alone."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


torch_choice = load("torch_choice")
bootstrap = load("bootstrap")


def report(*names: str) -> dict[str, Any]:
    return {"install": [{"metadata": {"name": name, "version": "1"}} for name in names]}


WITH_CUDA = report("torch", "nvidia-cublas", "cuda-toolkit", "cuda-bindings", "triton", "sympy")
PLAIN = report("torch", "sympy", "Jinja2")


def asked(answers: dict[str, Any]) -> tuple[list[str], Any]:
    requirements: list[str] = []

    def dry_run(requirement: str) -> Any:
        requirements.append(requirement)
        return answers.get(requirement)

    return requirements, dry_run


def test_an_installed_torch_that_is_new_enough_is_kept_and_pip_is_not_asked() -> None:
    requirements, dry_run = asked({})
    assert torch_choice.choose("2.13.0+cpu", dry_run, gpu=False) is None
    assert requirements == []


def test_an_installed_torch_that_is_too_old_is_replaced() -> None:
    _, dry_run = asked({"torch>=2.6": PLAIN})
    assert torch_choice.choose("2.5.1", dry_run, gpu=False).requirement == "torch>=2.6"


def test_the_newest_is_taken_where_it_comes_without_cuda() -> None:
    requirements, dry_run = asked({"torch>=2.6": PLAIN})
    plan = torch_choice.choose(None, dry_run, gpu=False)
    assert (plan.requirement, plan.index_url) == ("torch>=2.6", None)
    assert requirements == ["torch>=2.6"]


def test_cuda_without_a_gpu_leads_to_the_tested_version_where_that_is_plain() -> None:
    _, dry_run = asked({"torch>=2.6": WITH_CUDA, "torch==2.13.0": PLAIN})
    plan = torch_choice.choose(None, dry_run, gpu=False)
    assert (plan.requirement, plan.index_url) == ("torch==2.13.0", None)


def test_cuda_everywhere_without_a_gpu_leads_to_the_cpu_index() -> None:
    _, dry_run = asked({"torch>=2.6": WITH_CUDA, "torch==2.13.0": WITH_CUDA})
    plan = torch_choice.choose(None, dry_run, gpu=False)
    assert (plan.requirement, plan.index_url) == ("torch>=2.6", "https://download.pytorch.org/whl/cpu")


def test_where_pip_can_tell_nothing_the_cpu_index_is_used() -> None:
    _, dry_run = asked({})
    assert torch_choice.choose(None, dry_run, gpu=False).index_url == torch_choice.CPU_INDEX


def test_a_machine_with_a_gpu_gets_cuda() -> None:
    requirements, dry_run = asked({"torch>=2.6": WITH_CUDA})
    plan = torch_choice.choose(None, dry_run, gpu=True)
    assert (plan.requirement, plan.index_url) == ("torch>=2.6", None)
    assert requirements == ["torch>=2.6"]


@pytest.mark.parametrize(
    ("names", "cuda"),
    [
        (["torch", "triton", "nvidia-nccl-cu13"], ["nvidia-nccl-cu13", "triton"]),
        (["torch", "cuda-toolkit"], ["cuda-toolkit"]),
        (["torch", "triton"], []),  # triton alone is no sign of CUDA
        (["torch", "NVIDIA_cudnn_cu12"], ["nvidia-cudnn-cu12"]),
        (["torch", "cudalike-name"], []),
        ([], []),
    ],
)
def test_cuda_packages_are_told_from_others(names: list[str], cuda: list[str]) -> None:
    assert torch_choice.cuda_packages(report(*names)) == cuda


@pytest.mark.parametrize(
    ("version", "enough"),
    [("2.6.0", True), ("2.13.0+cpu", True), ("3.0", True), ("2.5.9", False), ("1.13", False), ("", False)],
)
def test_versions_are_compared_as_numbers(version: str, enough: bool) -> None:
    assert torch_choice.satisfies(version) is enough


def test_a_stamp_counts_only_under_the_same_key(tmp_path: Path) -> None:
    stamp = tmp_path / "installed.json"
    assert bootstrap.installed_extras(stamp, "k") is None
    stamp.write_text(json.dumps({"key": "k", "extras": ["local", "test"]}))
    assert bootstrap.installed_extras(stamp, "k") == {"local", "test"}
    assert bootstrap.installed_extras(stamp, "changed") is None
    stamp.write_text("cut of")
    assert bootstrap.installed_extras(stamp, "k") is None


def test_an_older_python_is_told_what_is_needed() -> None:
    source = (SCRIPTS / "bootstrap.py").read_text()
    head = source.split("import argparse")[0].replace("import sys", "import types; sys = FAKE", 1)
    old = ModuleType("sys")
    old.version_info = (3, 9, 2)  # type: ignore[attr-defined]

    def leave(text: str) -> None:
        raise SystemExit(text)

    old.exit = leave  # type: ignore[attr-defined]
    with pytest.raises(SystemExit, match=r"needs Python 3.11 or newer; this is 3.9"):
        exec(compile(head, "bootstrap.py", "exec"), {"FAKE": old})


def test_every_extra_that_the_makefile_asks_for_is_declared() -> None:
    import configparser

    config = configparser.ConfigParser()
    config.read(SCRIPTS.parent / "setup.cfg")
    makefile = (SCRIPTS.parent / "Makefile").read_text()
    wanted = {
        extra for line in makefile.splitlines() if "$(BOOTSTRAP) " in line for extra in line.split()[-1].split(",")
    }
    assert wanted
    assert wanted <= set(config["options.extras_require"])


def test_missing_programs_are_named_with_the_command_and_fail_only_in_ci(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "system_packages.sh").write_text((SCRIPTS / "system_packages.sh").read_text())
    (scripts / "system_packages.txt").write_text("needs_moon  no-such-program-x  moon-server  the moon\n")
    tools = tmp_path / "bin"  # a machine without apt-get and sudo
    tools.mkdir()
    for name in ("bash", "dirname", "cut", "sort", "tr", "id"):
        found = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        (tools / name).symlink_to(found)

    def run(**extra: str) -> subprocess.CompletedProcess[str]:
        script = str(scripts / "system_packages.sh")
        return subprocess.run(
            ["bash", script], env={"PATH": str(tools), **extra}, check=False, capture_output=True, text=True
        )

    alone, ci = run(), run(CI="true")
    assert alone.returncode == 0
    assert "tests marked needs_moon (the moon) will be skipped" in alone.stderr
    assert "sudo apt-get install moon-server" in alone.stderr
    assert ci.returncode == 1
