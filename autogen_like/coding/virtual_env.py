"""Virtual environments for code to run in."""

from __future__ import annotations

import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class VirtualEnvironment(Protocol):
    """What ``venv.EnvBuilder().ensure_directories`` gives."""

    @property
    def bin_path(self) -> str:
        """The folder of its programs."""
        ...

    @property
    def env_exe(self) -> str:
        """Its Python."""
        ...


@dataclass(frozen=True, slots=True)
class _Placed:
    """A virtual environment by absolute paths."""

    bin_path: str
    env_exe: str


def placed(context: VirtualEnvironment) -> VirtualEnvironment:
    """A virtual environment by absolute paths: code runs in another folder than the program.

    Args:
        context: The environment, whose paths may be relative to where the program is now.
    """
    return _Placed(str(Path(context.bin_path).absolute()), str(Path(context.env_exe).absolute()))


def create_virtual_env(dir_path: str | Path, *, with_pip: bool = True) -> VirtualEnvironment:
    """A virtual environment of this Python in a folder; made if it isn't there.

    Args:
        dir_path: Its folder.
        with_pip: Whether pip is put in, which takes a few seconds.

    Returns:
        What `LocalCommandLineCodeExecutor` takes as its `virtual_env_context`.
    """
    builder = venv.EnvBuilder(with_pip=with_pip, symlinks=True)
    if not (Path(dir_path) / "pyvenv.cfg").is_file():
        builder.create(dir_path)
    context: VirtualEnvironment = builder.ensure_directories(dir_path)
    return context
