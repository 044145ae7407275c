"""What all tests share: a test that needs a program beside Python says so with a marker."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

_TABLE = Path(__file__).parent.parent / "scripts" / "system_packages.txt"


def _programs() -> dict[str, tuple[str, str]]:
    """Marker -> (program, Debian package), from the table that the installer reads too."""
    rows = [line.split(None, 3) for line in _TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return {marker: (program, package) for marker, program, package, _ in rows}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test whose program is missing, naming the command that enables it; in CI that is a failure."""
    for marker, (program, package) in _programs().items():
        if item.get_closest_marker(marker) is None:
            continue
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"):
            continue
        reason = f"{program} is missing; to enable: sudo apt-get install {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
