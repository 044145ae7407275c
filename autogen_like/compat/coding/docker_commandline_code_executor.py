"""``autogen.coding.docker_commandline_code_executor``."""

from __future__ import annotations

from ...coding import docker
from ._blocks import BlocksMixin


class DockerCommandLineCodeExecutor(BlocksMixin, docker.DockerCommandLineCodeExecutor):
    """`autogen_like.DockerCommandLineCodeExecutor` for scripts of AutoGen 0.2.

    A first comment that is nothing but a file's name names the file, and ``pip install`` prints no progress.
    """


__all__ = ["DockerCommandLineCodeExecutor"]
