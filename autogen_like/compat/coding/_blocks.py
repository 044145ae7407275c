"""Blocks of code as AutoGen 0.2's executors took them."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from ...coding.blocks import CodeBlock
from ...coding.commandline import CommandLineCodeExecutor
from ...coding.output import Output
from .utils import silence_pip

_SUFFIXES = {
    "python": "py",
    "bash": "sh",
    "sh": "sh",
    "powershell": "ps1",
    "javascript": "js",
    "html": "html",
    "css": "css",
}
_COMMENT = re.compile(r"\s*(?:#|//|/\*|<!--)\s*(?P<path>[\w./-]*\w\.(?P<suffix>\w+))\s*(?:\*/|-->)?\s*")


def named_in_comment(code: str, language: str) -> str | None:
    r"""The file that a first line names which is a comment with nothing in it but a file's name, as ``# report.py``.

    In AutoGen 0.2 any comment named a file; here only one that can be nothing else.

    Example:
        >>> named_in_comment("# report.py\nprint(1)", "python"), named_in_comment("# compute the sum", "python")
        ('report.py', None)
    """
    match = _COMMENT.fullmatch(code.split("\n", 1)[0])
    return match["path"] if match and match["suffix"].lower() == _SUFFIXES.get(language) else None


def silenced(block: CodeBlock) -> CodeBlock:
    """A block whose ``pip install`` prints no progress."""
    quiet = silence_pip(block.code, block.language.lower())
    return block if quiet == block.code else CodeBlock(quiet, block.language)


class BlocksMixin(CommandLineCodeExecutor):
    """What 0.2's command line executors did with a block before they ran it."""

    def _path(self, code: str, language: str) -> PurePosixPath:
        name = named_in_comment(code, language)
        return super()._path(code if name is None else f"# filename: {name}", language)

    async def _run(self, block: CodeBlock, output: Output, files: list[str]) -> int:
        return await super()._run(silenced(block), output, files)


def check_folder(folder: Any, what: str) -> None:
    """Checks that a folder can be made without others above it, as 0.2 did.

    Raises:
        FileNotFoundError: If the folder above it isn't there.
    """
    if folder is not None and not Path(folder).absolute().parent.is_dir():
        raise FileNotFoundError(f"{what}: there is no folder {Path(folder).absolute().parent}: make it first")


__all__ = ["BlocksMixin", "check_folder", "named_in_comment", "silenced"]
