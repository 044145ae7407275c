"""``autogen.coding.jupyter.jupyter_code_executor``."""

from __future__ import annotations

from typing import Any

from ._cells import CellsMixin, check_output_dir


class JupyterCodeExecutor(CellsMixin):
    """`autogen_like.JupyterCodeExecutor` for scripts of AutoGen 0.2.

    A cell may begin with ``!``, ``pip install`` prints no progress, and `output_dir` must be there.

    Args:
        jupyter_server: The server whose kernel is used; a kernel of this machine by default.
        kernel_name: The kernel's name.
        timeout: Seconds that one block may take.
        output_dir: Where files are saved; a temporary folder by default.

    Raises:
        ConfigError: If there is no such kernel or folder.
    """

    def __init__(
        self, jupyter_server: Any = None, kernel_name: str = "python3", timeout: float = 60, output_dir: Any = None
    ) -> None:
        check_output_dir(output_dir)
        super().__init__(jupyter_server, kernel_name, timeout, output_dir)
        self._kernel_name = kernel_name


__all__ = ["JupyterCodeExecutor"]
