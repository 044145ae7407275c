"""``autogen.coding.docker_commandline_code_executor``."""

from ...coding.docker import DockerCommandLineCodeExecutor

__all__ = ["DockerCommandLineCodeExecutor"]
