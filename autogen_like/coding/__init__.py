"""Running code blocks that a model wrote."""

from .blocks import CodeBlock, CodeExtractor, MarkdownCodeExtractor, infer_language
from .executor import (
    BlockingCodeExecutor,
    BlockingExecutorAdapter,
    CodeExecutor,
    CodeResult,
    CommandLineCodeResult,
    format_result,
)
from .factory import create
from .local import LocalCommandLineCodeExecutor

__all__ = [
    "BlockingCodeExecutor",
    "BlockingExecutorAdapter",
    "CodeBlock",
    "CodeExecutor",
    "CodeExtractor",
    "CodeResult",
    "CommandLineCodeResult",
    "LocalCommandLineCodeExecutor",
    "MarkdownCodeExtractor",
    "create",
    "format_result",
    "infer_language",
]
