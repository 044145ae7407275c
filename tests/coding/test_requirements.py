"""Packages that code may import: real wheels, fetched by the real pip, from a folder instead of the network."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like.coding.blocks import CodeBlock
from autogen_like.coding.functions import with_requirements
from autogen_like.coding.local import LocalCommandLineCodeExecutor
from autogen_like.coding.requirements import Packages, Target
from autogen_like.core.errors import ConfigError


def wheel(folder: Path, name: str, version: str, *, tag: str = "py3-none-any", needs: str = "") -> None:
    """Makes a wheel with one module, which tells its version."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{name}/__init__.py": f"version = {version!r}\n",
        f"{info}/METADATA": metadata + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that pip looks in."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AUTOGEN_LIKE_HOME", str(tmp_path / "home"))
    for version in ("1.0", "2.0"):
        wheel(folder, "alpha", version)
    wheel(folder, "beta", "1.0", needs="alpha<2")
    return folder


def version_of(name: str, folder: Path) -> str:
    code = f"import {name}; print({name}.version)"
    env = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True
    ).stdout.strip()


def parts(cache: Path) -> list[Path]:
    return list(cache.glob(".part-*"))


@pytest.mark.slow
async def test_what_is_allowed_is_there_with_what_it_needs(index, tmp_path):
    folder = await Packages(["beta"]).folder()
    assert folder is not None
    assert folder.is_relative_to(tmp_path / "home" / "packages")
    assert (version_of("beta", folder), version_of("alpha", folder)) == ("1.0", "1.0")
    assert parts(folder.parent) == []


@pytest.mark.slow
async def test_it_is_fetched_once_for_all_and_kept(index, tmp_path):
    cache = tmp_path / "cache"
    folders = await asyncio.gather(*(Packages(["alpha"], cache).folder() for _ in range(3)))
    wheel(index, "alpha", "3.0")
    folders.append(await Packages(["Alpha"], cache).folder())
    assert len(set(folders)) == 1
    assert version_of("alpha", folders[0]) == "2.0"
    assert list(cache.iterdir()) == [folders[0]]


@pytest.mark.slow
async def test_versions_are_those_of_the_list_and_of_who_needs_it(index, tmp_path):
    pinned = await Packages(["alpha==1.0"], tmp_path / "c").folder()
    assert version_of("alpha", pinned) == "1.0"
    packages = Packages(["alpha"], tmp_path / "c")
    packages.check("alpha < 2", "f")
    assert version_of("alpha", await packages.folder(["alpha < 2"])) == "1.0"
    with pytest.raises(ConfigError, match=r"alpha==1.0, alpha>=2 could not be fetched"):
        await Packages(["alpha==1.0"], tmp_path / "c").folder(["alpha>=2"])


async def test_a_file_called_pip_in_the_working_folder_is_not_run(index, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("pip.py", "zipfile.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert version_of("alpha", await Packages(["alpha"], tmp_path / "c").folder()) == "2.0"
    assert not (tmp_path / "ran").exists()


async def test_nothing_is_allowed_by_default_and_nothing_is_fetched(index, tmp_path):
    assert await Packages([], tmp_path / "c").folder() is None
    assert not Packages([])
    assert not (tmp_path / "c").exists()


async def test_what_there_is_no_wheel_of_is_an_error_that_says_so(index, tmp_path):
    with pytest.raises(ConfigError, match="gamma could not be fetched as wheels; pip says"):
        await Packages(["gamma"], tmp_path / "c").folder()
    assert list((tmp_path / "c").iterdir()) == []


@pytest.mark.slow
async def test_source_is_never_built_so_nothing_of_a_package_runs_here(index, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_BINARY", ":all:")
    setup = f"open({str(tmp_path / 'ran')!r}, 'w')\nfrom setuptools import setup\nsetup(name='delta', version='1')\n"
    with tarfile.open(index / "delta-1.tar.gz", "w:gz") as archive:
        for name, text in {"setup.py": setup, "PKG-INFO": "Metadata-Version: 1.0\nName: delta\nVersion: 1\n"}.items():
            entry = tarfile.TarInfo(f"delta-1/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    with pytest.raises(ConfigError, match="delta could not be fetched as wheels"):
        await Packages(["delta"], tmp_path / "c").folder()
    assert not (tmp_path / "ran").exists()
    assert version_of("alpha", await Packages(["alpha"], tmp_path / "c").folder()) == "2.0"


@pytest.mark.slow
async def test_wheels_are_those_of_the_python_they_are_for(index, tmp_path):
    wheel(index, "omega", "1", tag="cp312-cp312-manylinux_2_28_aarch64")
    wheel(index, "omega", "2", tag="cp39-cp39-musllinux_1_2_x86_64")
    packages = Packages(["omega"], tmp_path / "c")
    debian = await packages.folder(target=Target.parse('[[3, 12], "aarch64", ["glibc", "2.36"]]'))
    alpine = await packages.folder(target=Target.parse('[[3, 9], "x86_64", ["", ""]]'))
    assert [version_of("omega", folder) for folder in (debian, alpine)] == ["1", "2"]
    with pytest.raises(ConfigError, match="omega could not be fetched"):
        await packages.folder(target=Target.parse('[[3, 12], "aarch64", ["glibc", "2.17"]]'))


def test_the_probe_describes_this_python():
    printed = subprocess.run([sys.executable, "-c", Target.PROBE], check=True, capture_output=True, text=True).stdout
    assert Target.parse(printed).version == f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.slow
async def test_others_may_read_it_whatever_the_umask(index, tmp_path):
    before = os.umask(0o077)
    try:
        folder = await Packages(["alpha"], tmp_path / "c").folder()
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o055 == 0o055
    assert (folder / "alpha" / "__init__.py").stat().st_mode & 0o044 == 0o044


@pytest.mark.parametrize("running", [False, True])
async def test_cancelled_it_leaves_nothing_half_made(index, tmp_path, running):
    task = asyncio.create_task(Packages(["alpha"], tmp_path / "c").folder())
    while not (tmp_path / "c").exists() or not parts(tmp_path / "c"):
        await asyncio.sleep(0)
    if running:
        await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list((tmp_path / "c").iterdir()) == []


@pytest.mark.slow
async def test_what_was_left_half_made_long_ago_is_removed(index, tmp_path):
    old, new = tmp_path / "c" / ".part-old", tmp_path / "c" / ".part-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 100_000,) * 2)
    await Packages(["alpha"], tmp_path / "c").folder()
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize(
    "text",
    ["", "-e .", "--index-url=http://x", "./alpha", "/tmp/alpha", "git+https://x/y", "alpha @ https://x/y.whl", "a b",
     "alpha; python_version>'3'", "alpha==", "alpha\n--pre", "alpha#x", 3],
)  # fmt: skip
def test_only_names_and_versions_are_taken(text):
    with pytest.raises(ConfigError, match="packages: "):
        Packages([text])


@given(st.text(alphabet="ab1.-_[]<>=!~, @/;#\n", max_size=14))
def test_what_is_taken_is_never_an_option_or_a_place(text):
    try:
        Packages([text])
    except ConfigError:
        return
    assert text.strip()[0].isalnum()
    assert not set("@/;#\n") & set(text.strip())


def test_a_package_is_allowed_once_in_whatever_spelling():
    with pytest.raises(ConfigError, match="named twice"):
        Packages(["My.Package", "my-package==1"])
    Packages(["My.Package[extra]>=1,<2"]).check("my_package", "f")


@with_requirements(python_packages=["alpha>=2"], global_imports=["alpha"])
def alpha_version() -> str:
    """The version of alpha."""
    return alpha.version  # noqa: F821 - imported where it runs


def test_a_requirement_that_is_not_allowed_is_refused_before_anything_runs():
    refusal = r"alpha_version needs alpha>=2, which is not among packages=\['beta'\]; add it"
    with pytest.raises(ConfigError, match=refusal):
        LocalCommandLineCodeExecutor(functions=[alpha_version], packages=["beta"])


@pytest.mark.slow
@pytest.mark.parametrize("virtual_env", [False, "venv"])
def test_code_imports_what_is_allowed_and_the_users_python_stays_as_it_is(index, tmp_path, virtual_env):
    executor = LocalCommandLineCodeExecutor(
        functions=[alpha_version], packages=["alpha"], virtual_env=virtual_env and tmp_path / virtual_env
    )
    code = "from functions import alpha_version\nimport alpha\nprint(alpha_version(), alpha.__file__)"
    result = executor.execute_code_blocks([CodeBlock(code, "python"), CodeBlock("python3 -c 'import alpha'", "sh")])
    assert (result.exit_code, result.output.split()[0]) == (0, "2.0"), result.output
    assert str(tmp_path / "home" / "packages") in result.output
    with pytest.raises(ImportError):
        __import__("alpha")


def test_packages_that_cannot_be_had_are_an_error_of_the_persons(index):
    with pytest.raises(ConfigError, match="gamma could not be fetched"):
        LocalCommandLineCodeExecutor(packages=["gamma"]).execute_code_blocks([CodeBlock("1", "python")])
