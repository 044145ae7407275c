"""What all tests share: a test that needs a program beside Python says so with a marker."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

_SCRIPTS = Path(__file__).parent.parent / "scripts"


def _programs() -> list[tuple[str, str, str]]:
    """Marker, program, Debian package: from the table that the installer reads too."""
    table = (_SCRIPTS / "system_packages.txt").read_text().splitlines()
    rows = [line.split(None, 3) for line in table if line and not line.startswith("#")]
    return [(marker, program, package) for marker, program, package, _ in rows]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test whose program is missing, naming the command that enables it; in CI that is a failure."""
    for marker, program, package in _programs():
        if item.get_closest_marker(marker) is None:
            continue
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"):
            continue
        _do_without(f"{program} is missing; to enable: sudo apt-get install {package}")


def _do_without(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def docker_image() -> str:
    """The image of the tests' containers (Debian's Python and pip), on an engine that is started where none answers.

    A test that uses it is marked ``needs_docker``. The script does the work once, whoever asks first.
    """
    done = subprocess.run([_SCRIPTS / "docker_engine.sh"], check=False, capture_output=True, text=True)
    if done.returncode:
        _do_without(done.stderr)
    return done.stdout.strip()
