"""``autogen.coding.jupyter.embedded_ipython_code_executor``."""

from __future__ import annotations

from typing import Any

from ....coding.jupyter import executor
from ._cells import CellsMixin, check_output_dir


class EmbeddedIPythonCodeExecutor(CellsMixin, executor.EmbeddedIPythonCodeExecutor):
    """`autogen_like.EmbeddedIPythonCodeExecutor` for scripts of AutoGen 0.2; see `JupyterCodeExecutor`."""

    def __init__(self, timeout: float = 60, kernel_name: str = "python3", output_dir: Any = None) -> None:
        check_output_dir(output_dir)
        super().__init__(timeout, kernel_name, output_dir)
        self._kernel_name = kernel_name


__all__ = ["EmbeddedIPythonCodeExecutor"]
