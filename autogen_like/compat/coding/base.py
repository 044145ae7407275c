"""``autogen.coding.base``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from typing_extensions import TypedDict

from ...coding.blocks import CodeBlock, CodeExtractor
from ...coding.executor import BlockingCodeExecutor as CodeExecutor
from ...coding.executor import CodeResult, CommandLineCodeResult
from ...coding.jupyter.output import IPythonCodeResult

CommandlineCodeResult = CommandLineCodeResult

CodeExecutionConfig = TypedDict(
    "CodeExecutionConfig",
    {
        "executor": "Literal['ipython-embedded', 'commandline-local'] | CodeExecutor",
        "last_n_messages": "int | Literal['auto']",
        "timeout": "int",
        "use_docker": "bool | str | list[str]",
        "work_dir": "str",
        "ipython-embedded": "Mapping[str, Any]",
        "commandline-local": "Mapping[str, Any]",
    },
    total=False,
)

__all__ = [
    "CodeBlock",
    "CodeExecutionConfig",
    "CodeExecutor",
    "CodeExtractor",
    "CodeResult",
    "CommandLineCodeResult",
    "CommandlineCodeResult",
    "IPythonCodeResult",
]
