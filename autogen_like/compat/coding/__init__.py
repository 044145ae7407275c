"""``autogen.coding``."""

from .base import (
    CodeBlock,
    CodeExecutor,
    CodeExtractor,
    CodeResult,
    CommandLineCodeResult,
    CommandlineCodeResult,
    IPythonCodeResult,
)
from .docker_commandline_code_executor import DockerCommandLineCodeExecutor
from .factory import CodeExecutorFactory
from .local_commandline_code_executor import LocalCommandLineCodeExecutor, LocalCommandlineCodeExecutor
from .markdown_code_extractor import MarkdownCodeExtractor

__all__ = [
    "CodeBlock",
    "CodeExecutor",
    "CodeExecutorFactory",
    "CodeExtractor",
    "CodeResult",
    "CommandLineCodeResult",
    "CommandlineCodeResult",
    "DockerCommandLineCodeExecutor",
    "IPythonCodeResult",
    "LocalCommandLineCodeExecutor",
    "LocalCommandlineCodeExecutor",
    "MarkdownCodeExtractor",
]
