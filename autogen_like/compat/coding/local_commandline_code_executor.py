"""``autogen.coding.local_commandline_code_executor``."""

from __future__ import annotations

import warnings
from typing import Any

from ...coding import local
from ._blocks import BlocksMixin, check_folder


class LocalCommandLineCodeExecutor(BlocksMixin, local.LocalCommandLineCodeExecutor):
    r"""`autogen_like.LocalCommandLineCodeExecutor` for scripts of AutoGen 0.2.

    A first comment that is nothing but a file's name names the file, ``pip install`` prints no progress, and the folder
    above `work_dir` must be there. No list of words is refused.

    Args:
        timeout: Seconds that one block may take.
        virtual_env_context: A virtual environment to run Python in.
        work_dir: Where files are written and code runs; a temporary folder by default.
        *args: The other arguments of the base class, in order.
        **kwargs: The other arguments of the base class.

    Raises:
        FileNotFoundError: If the folder above `work_dir` isn't there.

    Example:
        >>> from autogen_like.compat.coding import CodeBlock
        >>> executor = LocalCommandLineCodeExecutor(timeout=10)
        >>> result = executor.execute_code_blocks([CodeBlock("# sum.py\nprint(1 + 1)", "python")])
        >>> result.output, result.code_file.rpartition("/")[2]
        ('2\n', 'sum.py')
    """

    def __init__(
        self, timeout: float = 60, virtual_env_context: Any = None, work_dir: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        check_folder(work_dir, "work_dir")
        super().__init__(timeout, virtual_env_context, work_dir, *args, **kwargs)

    def restart(self) -> None:
        """Nothing to forget, and a warning that says so."""
        warnings.warn(
            "Each block is a process of its own: there is nothing to restart. No action is taken.", stacklevel=2
        )


LocalCommandlineCodeExecutor = LocalCommandLineCodeExecutor

__all__ = ["LocalCommandLineCodeExecutor", "LocalCommandlineCodeExecutor"]
