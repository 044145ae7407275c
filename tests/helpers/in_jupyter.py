"""Code in a Jupyter kernel of the tests."""

from __future__ import annotations

import time
from pathlib import Path

from autogen_like import CodeBlock, JupyterCodeExecutor

PID = "import os; print(os.getpid())"


def blocks(*codes: str, language: str = "python") -> list[CodeBlock]:
    return [CodeBlock(code, language) for code in codes]


def run(executor: JupyterCodeExecutor, *codes: str, language: str = "python"):
    return executor.execute_code_blocks(blocks(*codes, language=language))


def output(executor: JupyterCodeExecutor, *codes: str, language: str = "python") -> str:
    result = run(executor, *codes, language=language)
    assert result.exit_code == 0, result.output
    return result.output


def gone(pid: int) -> bool:
    """Waits until a process is dead; a zombie whose threads are dead too counts as dead."""
    for _ in range(1000):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z" and threads == 1:
            return True
        time.sleep(0.01)
    return False


def soon(condition) -> bool:
    for _ in range(1000):
        if condition():
            return True
        time.sleep(0.01)
    return False
