"""What tests of running code share."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from autogen_like import JupyterCodeExecutor


@pytest.fixture(scope="module")
def executor(tmp_path_factory):
    with JupyterCodeExecutor(output_dir=tmp_path_factory.mktemp("shared"), timeout=60) as executor:
        yield executor


@pytest.fixture
def fresh(tmp_path):
    with JupyterCodeExecutor(output_dir=tmp_path, timeout=60) as executor:
        yield executor


@pytest.fixture
def place(monkeypatch):
    """A temporary folder of the test's own, empty, with a path short enough for sockets in it."""
    with tempfile.TemporaryDirectory(prefix="t") as place:
        monkeypatch.setattr(tempfile, "tempdir", place)
        yield Path(place)
