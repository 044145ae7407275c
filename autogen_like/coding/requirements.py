"""Packages that code may import: fetched here, from a list that the user gave, for a place that needs no network."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import ConfigError
from ..serving.library import home

# A name, extras, versions; no URL, no path, no option of pip's.
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?P<extras>\[[A-Za-z0-9._, -]*\])?"
    r"\s*(?P<versions>(?:(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+\s*,?\s*)*)"
)
_ABANDONED = 24 * 3600.0  # seconds after which a half-made folder has nobody who makes it


@dataclass(frozen=True, slots=True)
class Target:
    """The Python that packages are for, where it isn't this one.

    `PROBE` is a program that prints what `parse` reads: run it there with ``python3 -c``.

    Args:
        version: Its version, as "3.11".
        platforms: The platform tags of wheels that it takes.
    """

    version: str
    platforms: tuple[str, ...]

    PROBE = (
        "import json, platform, sys; print(json.dumps([list(sys.version_info[:2]), platform.machine(), "
        "platform.libc_ver()]))"
    )

    @classmethod
    def parse(cls, probed: str) -> Target:
        """The target that a run of `PROBE` describes.

        Args:
            probed: What it printed.

        Example:
            >>> Target.parse('[[3, 12], "x86_64", ["glibc", "2.17"]]').platforms[0]
            'manylinux_2_17_x86_64'
        """
        (major, minor), machine, (libc, libc_version) = json.loads(probed)
        if libc == "glibc":
            newest = int(libc_version.split(".")[1])
            tags = [f"manylinux_2_{number}_{machine}" for number in range(newest, 4, -1)]
            tags += [f"manylinux{year}_{machine}" for year in ("2014", "2010", "1")]
        else:  # musl doesn't tell its version; every Alpine since 2020 has 1.2
            tags = [f"musllinux_1_{number}_{machine}" for number in (2, 1)]
        return cls(f"{major}.{minor}", (*tags, f"linux_{machine}"))


class Packages:
    """Packages that code may import.

    Wheels are fetched by this machine's pip and unpacked, so nothing of a package is ever run here: no ``setup.py``, no
    build. What `folder` gives is put on the ``PYTHONPATH`` of the place where code runs, read-only where that place
    can have it so. It is kept between runs: what has no version in the list keeps the one that was fetched first,
    until its folder is deleted.

    Args:
        allowed: Names, each with versions if need be: ``"pandas"``, ``"pandas==2.2.3"``. What they depend on comes
            with them.
        cache: Where they are kept; a folder in the user's cache by default.

    Raises:
        ConfigError: If one is no name of a package: URLs, paths and options of pip's are refused.

    Example:
        >>> Packages(["six"]).check("pandas>=2", "load_data")
        Traceback (most recent call last):
        autogen_like.core.errors.ConfigError: load_data needs pandas>=2, which is not among packages=['six']; ...
    """

    def __init__(self, allowed: Sequence[str], cache: str | Path | None = None) -> None:
        if isinstance(allowed, str):
            raise ConfigError(f"packages must be a list of names, as [{allowed!r}], not a string")
        self._allowed = {_parsed(text)[0]: text for text in allowed}
        if len(self._allowed) < len(allowed):
            raise ConfigError(f"packages: one is named twice in {list(allowed)}")
        self._cache = Path(cache).expanduser() if cache is not None else home() / "packages"

    def __bool__(self) -> bool:
        return bool(self._allowed)

    def check(self, requirement: str, needed_by: str) -> None:
        """Refuses what isn't in the list.

        Args:
            requirement: A package as pip names it, with versions if need be.
            needed_by: What needs it, for the message.

        Raises:
            ConfigError: If it isn't in the list.
        """
        if _parsed(requirement)[0] not in self._allowed:
            raise ConfigError(
                f"{needed_by} needs {requirement}, which is not among packages={list(self._allowed.values())}; add it "
                "to the executor's packages to allow it"
            )

    async def folder(
        self, requirements: Sequence[str] = (), *, target: Target | None = None, python: str | None = None
    ) -> Path | None:
        """The folder to put on the ``PYTHONPATH``, with all packages of the list; fetched if need be.

        Args:
            requirements: What narrows the list's versions; each was checked.
            target: The Python elsewhere that they are for.
            python: The Python of this machine that they are for; without either it is the one that runs this.

        Returns:
            The folder, not to be written to; None where the list is empty.

        Raises:
            ConfigError: If one can't be had: there is no such wheel, or no network.
        """
        if not self._allowed:
            return None
        wanted = sorted({_parsed(text)[1] for text in [*self._allowed.values(), *requirements]})
        python = python or sys.executable
        folder = self._cache / _key(wanted, target, python)
        if not folder.is_dir():
            await self._make(folder, wanted, target, python)
        return folder

    async def _make(self, folder: Path, wanted: list[str], target: Target | None, python: str) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        self._tidy()
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=self._cache))
        try:
            await _install(wanted, part / "site", target, python)
            _open_to_all(part / "site")
            _move(part / "site", folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _tidy(self) -> None:
        """Removes what processes that were killed left half made."""
        for part in self._cache.glob(".part-*"):
            with contextlib.suppress(OSError):
                if time.time() - part.stat().st_mtime > _ABANDONED:
                    shutil.rmtree(part, ignore_errors=True)


def _parsed(text: object) -> tuple[str, str]:
    """A requirement's name, as all spellings of it are compared, and the whole of it without spaces."""
    match = _REQUIREMENT.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ConfigError(
            f"packages: {text!r} is no package's name, with versions if need be, as 'pandas' or 'pandas>=2,<3'; URLs, "
            "paths and options are not taken"
        )
    name = re.sub(r"[-_.]+", "-", match["name"]).lower()
    return name, re.sub(r"\s", "", f"{name}{match['extras'] or ''}{match['versions']}").rstrip(",")


async def _install(wanted: Iterable[str], folder: Path, target: Target | None, python: str) -> None:
    """Has pip fetch wheels and unpack them into a folder. It builds nothing: it takes no source."""
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--only-binary=:all:", f"--target={folder}"]
    if target is not None:
        platforms = [f"--platform={tag}" for tag in target.platforms]
        options += ["--no-compile", "--implementation=cp", f"--python-version={target.version}", *platforms]
    elsewhere = [] if python == sys.executable else ["--python", python]
    process = await asyncio.create_subprocess_exec(
        # -P: a pip.py in this folder, which an agent may write to, is not what is meant.
        *(sys.executable, "-P", "-m", "pip", *elsewhere, "install", *options, "--", *wanted),
        # What a user's pip may be told for installs of their own, and can't be here.
        env={**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        text = said.decode("utf-8", "replace").strip()
        raise ConfigError(f"packages: {', '.join(wanted)} could not be fetched as wheels; pip says: {text[-2000:]}")


def _key(wanted: list[str], target: Target | None, python: str) -> str:
    """What a folder is called: by its packages, and the Python that they are for."""
    real = os.path.realpath(python)
    here = sys.version if real == os.path.realpath(sys.executable) else ""
    return hashlib.sha256(repr((wanted, target or (real, here))).encode()).hexdigest()[:24]


def _move(made: Path, folder: Path) -> None:
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():  # else somebody else has made it meanwhile
            raise


def _open_to_all(folder: Path) -> None:
    """Lets others read it, whatever this user's umask: a container runs its code as somebody else."""
    for path in [folder, *folder.rglob("*")]:
        mode = path.stat().st_mode
        path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))
