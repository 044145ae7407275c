"""The sdist and the wheel, installed into an empty environment, away from the checkout."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("installed")]  # one environment serves them all

MOST_PACKAGES = 28
MOST_MEGABYTES = 50

QUICK_START = """
import asyncio, json, sys
from autogen_like import AssistantAgent, ScriptedModel, TextDelta, UserProxyAgent

def add(a: int, b: int) -> int:
    "Adds two numbers."
    return a + b

guide = AssistantAgent("guide", llm_config=ScriptedModel(["Paris.", "Rome."]), tools=[add])
user = UserProxyAgent("user", human_input_mode="NEVER")
summary = user.initiate_chat(guide, message="The capital of France?", max_turns=1).summary

async def streamed():
    return "".join([e.text async for e in user.run(guide, "And of Italy?", max_turns=1) if isinstance(e, TextDelta)])

import autogen_like
print(json.dumps([summary, asyncio.run(streamed()), autogen_like.__file__]))
"""

INSTALLED = """
import importlib.metadata as metadata, json
ours = [one for one in metadata.distributions() if one.metadata["Name"] not in ("pip", "setuptools")]
files = [file.locate() for one in ours for file in one.files or () if "__pycache__" not in str(file)]
print(json.dumps([len(ours), sum(file.stat().st_size for file in files if file.is_file())]))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel that is built from it."""
    folder, source = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("source")
    # A copy of what is committed, so that the build leaves nothing behind in the tree.
    listed = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    subprocess.run([sys.executable, "-m", "build", "-o", folder, source], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def python(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel and what it needs, and nothing else."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=True)
    program = environment / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    subprocess.run([program, "-m", "pip", "install", "-q", wheel], check=True)
    return program


def output(python: Path, program: str, folder: Path) -> list[object]:
    done = subprocess.run([python, "-c", program], check=True, capture_output=True, text=True, cwd=folder)
    return list(json.loads(done.stdout.splitlines()[-1]))


def test_the_quick_start_runs_from_the_wheel(python: Path, tmp_path: Path) -> None:
    summary, streamed, where = output(python, QUICK_START, tmp_path)
    assert (summary, streamed) == ("Paris.", "Rome.")
    assert not Path(str(where)).is_relative_to(ROOT)


def test_the_installed_command_works_without_extras(python: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [python.parent / "autogen-like", "--version"], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.strip()


def test_without_extras_the_installation_is_small(python: Path, tmp_path: Path) -> None:
    packages, size = output(python, INSTALLED, tmp_path)
    assert packages <= MOST_PACKAGES
    assert size <= MOST_MEGABYTES * 1e6


def test_the_sdist_holds_what_it_takes_to_build(built: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, sdist],
        check=True,
        capture_output=True,
    )
    assert list(tmp_path.glob("autogen_like-*.whl"))
