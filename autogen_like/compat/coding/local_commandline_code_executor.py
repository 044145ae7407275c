"""``autogen.coding.local_commandline_code_executor``."""

from ...coding.local import LocalCommandLineCodeExecutor

LocalCommandlineCodeExecutor = LocalCommandLineCodeExecutor

__all__ = ["LocalCommandLineCodeExecutor", "LocalCommandlineCodeExecutor"]
