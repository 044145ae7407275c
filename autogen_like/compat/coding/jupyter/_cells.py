"""Blocks of code as AutoGen 0.2's Jupyter executors took them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ....coding.blocks import CodeBlock
from ....coding.jupyter.executor import JupyterCodeExecutor
from ....coding.jupyter.output import IPythonCodeResult
from ....core.errors import ConfigError
from .._blocks import silenced


def as_cell(block: CodeBlock) -> CodeBlock:
    """A block as a cell: one that begins with IPython's ``!`` is IPython's, whatever language it says that it is.

    Example:
        >>> as_cell(CodeBlock("!echo hi", "bash")).language
        'python'
    """
    return silenced(CodeBlock(block.code, "python") if block.code.lstrip().startswith("!") else block)


class CellsMixin(JupyterCodeExecutor):
    """What 0.2's Jupyter executors did with a block before they ran it."""

    async def execute(
        self, blocks: Sequence[CodeBlock], *, on_output: Callable[[str], None] | None = None
    ) -> IPythonCodeResult:
        """Runs blocks in order; see `autogen_like.JupyterCodeExecutor.execute`."""
        return await super().execute([as_cell(block) for block in blocks], on_output=on_output)


def check_output_dir(folder: Any) -> None:
    """Checks that the folder for files is there, as 0.2 did.

    Raises:
        ConfigError: If it isn't.
    """
    if folder is not None and not Path(folder).is_dir():
        raise ConfigError(f"Output directory {folder} does not exist. Make it, or name none for a temporary one")
