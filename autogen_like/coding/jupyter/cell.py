"""One block of code in a kernel: what it is sent as, and what the kernel's messages about it say."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

from ...core.message import new_id
from ..blocks import CodeBlock
from .kernel import KernelMessage
from .output import Gathered, plain

_PYTHON = frozenset(("python", "py", "python3", "ipython", "ipython3"))
_SHELLS = {"sh": "sh", "shell": "sh", "bash": "bash"}
_STATUS = re.compile(r"non-zero exit status (\d+)|died with .*?(\d+)>?\.")


def source_of(block: CodeBlock, language: str) -> str | None:
    r"""The code that a kernel is sent for a block.

    Args:
        block: The block.
        language: What the kernel runs.

    Returns:
        The code; shell as a cell magic, where the kernel is IPython's. None if the kernel can't run it.

    Example:
        >>> source_of(CodeBlock("ls", "sh"), "python")
        "get_ipython().run_cell_magic('sh', '', 'ls\\n')"
        >>> source_of(CodeBlock("ls", "sh"), "julia") is None
        True
    """
    wanted = block.language.lower()
    if wanted == language or (language == "python" and wanted in _PYTHON):
        return block.code
    if language == "python" and wanted in _SHELLS:
        return f"get_ipython().run_cell_magic({_SHELLS[wanted]!r}, '', {block.code + chr(10)!r})"
    return None


class Cell:
    """What a kernel says about one block.

    Args:
        output: Where it goes.
        shell: Whether the block is shell: it fails with an exit code of its own then, not with a traceback.

    Attributes:
        id: The request's id.
        exit_code: 0, or what the block failed with.
        done: Set once all has come.
        replied: Whether the kernel has said how the block ended. Output may still be on its way.
        idle: Whether it has said that it is done with it. The reply may still be on its way, or have fallen victim to
            an interrupt.
        touched: When the last message about it came.
        ends_kernel: Whether the block asked the kernel to end (``exit()``).
    """

    def __init__(self, output: Gathered, *, shell: bool) -> None:
        self.id = new_id()
        self.exit_code = 0
        self.done = asyncio.Event()
        self.replied = False
        self.idle = False
        self.touched = asyncio.get_running_loop().time()
        self.ends_kernel = False
        self._output = output
        self._shell = shell
        self._failed = False
        self._takers: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            "stream": self._stream,
            "display_data": self._display,
            "update_display_data": self._display,
            "execute_result": self._display,
            "error": self._error,
            "execute_reply": self._reply,
            "status": self._status,
        }

    def take(self, message: KernelMessage) -> None:
        """Takes in a message; those about other blocks are left alone.

        Args:
            message: The message. Code can send whatever it likes, so nothing about it is taken for granted.
        """
        parent, content = message.get("parent_header"), message.get("content")
        if not isinstance(parent, Mapping) or parent.get("msg_id") != self.id or not isinstance(content, Mapping):
            return
        taker = self._takers.get(str(message["header"].get("msg_type")))
        if taker is None:
            return
        self.touched = asyncio.get_running_loop().time()
        taker(content)
        if self.replied and self.idle:
            self.done.set()

    def _stream(self, content: Mapping[str, Any]) -> None:
        self._output.say(str(content.get("text", "")))

    def _display(self, content: Mapping[str, Any]) -> None:
        data = content.get("data")
        if isinstance(data, Mapping):
            self._output.show({str(kind): form for kind, form in data.items()})

    def _status(self, content: Mapping[str, Any]) -> None:
        self.idle = self.idle or content.get("execution_state") == "idle"

    def _reply(self, content: Mapping[str, Any]) -> None:
        self.replied = True
        if content.get("status") == "error":
            self._error(content)
        elif content.get("status") != "ok":
            self.exit_code = 1
            self._output.note("The kernel did not run this.")
        payload = content.get("payload")
        for item in payload if isinstance(payload, list) else ():
            if isinstance(item, Mapping) and item.get("source") == "ask_exit":
                self.ends_kernel = not item.get("keepkernel")

    def _error(self, content: Mapping[str, Any]) -> None:
        """An error is told twice, among the output and in the reply; the second is for where the first was lost."""
        if self._failed:
            return
        self._failed = True
        name, value = str(content.get("ename", "")), plain(str(content.get("evalue", "")))
        if name == "SystemExit":
            self.exit_code = _exit_code(value)
            return
        if self._shell and name == "CalledProcessError":
            found = _STATUS.search(value)
            self.exit_code = 1 if found is None else int(found[1] or 0) or 128 + int(found[2] or 0)
            return
        self.exit_code = 1
        traceback = content.get("traceback")
        lines = [str(line) for line in traceback] if isinstance(traceback, list) else []
        self._output.say("\n" + "\n".join(lines or [f"{name}: {value}"]).strip("\n") + "\n")
        if name == "StdinNotImplementedError":
            self._output.note("Nobody can type an answer here: write what is to be entered into the code.")


def _exit_code(value: str) -> int:
    """The exit code of ``sys.exit(value)``, as Python has it."""
    if value in ("", "None"):
        return 0
    return int(value) % 256 if re.fullmatch(r"-?\d{1,10}", value) else 1
