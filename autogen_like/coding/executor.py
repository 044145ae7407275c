"""What runs code, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..core.message import Part
from ..core.sync import in_worker
from .blocks import CodeBlock, CodeExtractor


@dataclass(frozen=True, slots=True)
class CodeResult:
    """What came of running code.

    Args:
        exit_code: 0 where it went well; 124 where it took too long.
        output: What it printed, standard output and errors in the order written.
        parts: Images and files that it left to be looked at, in the order shown.
    """

    exit_code: int
    output: str
    parts: tuple[Part, ...] = field(default=(), kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class CommandLineCodeResult(CodeResult):
    """What came of running code in a process.

    Args:
        code_file: Path of the first file that a block was written to.
        code_files: The paths of all of them, in the order written.
    """

    code_file: str | None = None
    code_files: tuple[str, ...] = field(default=(), kw_only=True)


@runtime_checkable
class BlockingCodeExecutor(Protocol):
    """AutoGen 0.2's protocol of an executor."""

    @property
    def code_extractor(self) -> CodeExtractor:
        """What finds the blocks that it can run."""
        ...

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        """Runs blocks in order, up to the first that fails.

        Args:
            code_blocks: What to run.
        """
        ...

    def restart(self) -> None:
        """Forgets what earlier blocks left behind; called when the agent is reset."""
        ...


@runtime_checkable
class CodeExecutor(BlockingCodeExecutor, Protocol):
    """Whatever runs code blocks."""

    async def execute(
        self, blocks: Sequence[CodeBlock], *, on_output: Callable[[str], None] | None = None
    ) -> CodeResult:
        """Runs blocks in order, up to the first that fails. Cancelling it stops the code that runs.

        Args:
            blocks: What to run.
            on_output: Told each piece of output as it is printed, on the loop that runs this.
        """
        ...


class BlockingExecutorAdapter:
    """An executor written for AutoGen 0.2, which only blocks, run in a worker thread.

    Args:
        executor: The executor.
    """

    def __init__(self, executor: BlockingCodeExecutor) -> None:
        self.executor = executor

    @property
    def code_extractor(self) -> CodeExtractor:
        """What finds the blocks that it can run."""
        return self.executor.code_extractor

    async def execute(
        self, blocks: Sequence[CodeBlock], *, on_output: Callable[[str], None] | None = None
    ) -> CodeResult:
        """Runs blocks in order; cancelling it leaves them running, since there is no way to stop them."""
        return await in_worker(self.executor.execute_code_blocks, list(blocks))

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        """Runs blocks in order."""
        return self.executor.execute_code_blocks(code_blocks)

    def restart(self) -> None:
        """Forgets what earlier blocks left behind."""
        self.executor.restart()


def format_result(result: CodeResult) -> str:
    r"""A result as agents tell it to each other, in AutoGen 0.2's words.

    Example:
        >>> format_result(CodeResult(0, "42"))
        'exitcode: 0 (execution succeeded)\nCode output: 42'
    """
    verdict = "execution failed" if result.exit_code else "execution succeeded"
    return f"exitcode: {result.exit_code} ({verdict})\nCode output: {result.output}"
