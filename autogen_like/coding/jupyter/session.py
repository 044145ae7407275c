"""A kernel over its lives: started when code comes, interrupted on a time-out, replaced when it is dead."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from pathlib import Path

from ..blocks import CodeBlock
from ..commandline import TIMED_OUT
from .cell import Cell, source_of
from .kernel import Death, Kernel
from .loop import submit
from .output import Gathered, IPythonCodeResult

_POLL = 0.1  # seconds between two looks whether the kernel still lives, while code runs
_QUIET = 2.0  # seconds without a message at the end of a cell, until what is missing counts as lost
_DRAIN = 0.2  # seconds for what a dead kernel sent last
_AGAIN = 1.0  # seconds until code that goes on is interrupted again
_INTERRUPTS = 5
_EXIT = 10.0  # seconds that all kernels together may take to end when the program ends

_LOST = "All variables, imports and functions are lost"
_FRESH = f"{_LOST}; the next code starts in a fresh kernel."


class KernelDied(Exception):
    """The kernel ended while code ran.

    Args:
        death: How.
    """

    def __init__(self, death: Death) -> None:
        super().__init__(death.reason)
        self.death = death


class Session:
    """One kernel after another, and what runs in them. Lives on the kernels' loop.

    Args:
        make: Makes a kernel, not yet started.
        folder: Where files are saved.
        temporary: Whether the folder goes away when the session is closed.
        timeout: Seconds that one block may take.
        max_output: Characters of output that are kept of one call.
    """

    def __init__(
        self, make: Callable[[], Kernel], folder: Path, *, temporary: bool, timeout: float, max_output: int
    ) -> None:
        self._make = make
        self._folder = folder
        self._temporary = temporary
        self._timeout = timeout
        self._max_output = max_output
        self._kernel: Kernel | None = None
        self._loss: str | None = None  # of what the last kernel ended, where nobody was told
        self._lock = asyncio.Lock()
        self._owner = os.getpid()
        _sessions.add(self)

    async def execute(self, blocks: Sequence[CodeBlock], tell: Callable[[str], None] | None) -> IPythonCodeResult:
        """Runs blocks one after the other, up to the first that fails.

        Args:
            blocks: What to run.
            tell: Told each piece of output.
        """
        async with self._lock:
            output = Gathered(self._folder, self._max_output, tell)
            code = 0
            for block in blocks:
                kernel = await self._living(output)
                code = await self._run(kernel, block, output)
                if code != 0 or self._kernel is None:
                    break
            return output.result(code)

    async def restart(self) -> None:
        """Ends the kernel; what runs in it ends too. The next code starts in a fresh one."""
        kernel, self._kernel, self._loss = self._kernel, None, None
        if kernel is not None:
            await kernel.close()

    async def close(self) -> None:
        """Ends the kernel, and removes the folder if it is a temporary one."""
        if self._owner != os.getpid():  # a fork's copy: both belong to the parent
            return
        _sessions.discard(self)
        await self.restart()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    def disown(self) -> None:
        """Leaves the kernel to the parent, in a forked child."""
        if self._kernel is not None:
            _inherited.append(self._kernel)
        self._kernel = None
        self._lock = asyncio.Lock()

    async def _living(self, output: Gathered) -> Kernel:
        """A kernel that lives; what its predecessor died of is told."""
        if self._kernel is not None:
            death = await self._kernel.death()
            if death is None:
                return self._kernel
            await self.restart()
            self._loss = death.reason
        if self._loss is not None:
            output.note(
                f"[The kernel had ended since the last code ran: {self._loss}. {_LOST}; this ran in a fresh one.]"
            )
            self._loss = None
        _sessions.add(self)
        self._folder.mkdir(parents=True, exist_ok=True)
        kernel = self._kernel = self._make()
        try:
            await kernel.start()
        except BaseException:
            self._kernel = None
            raise
        return kernel

    async def _run(self, kernel: Kernel, block: CodeBlock, output: Gathered) -> int:
        source = source_of(block, kernel.language)
        if source is None:
            output.note(f"unknown language {block.language!r}; this kernel runs {kernel.language}")
            return 1
        cell = Cell(output, shell=source != block.code)
        kernel.listener = cell.take
        try:
            return await self._finish(kernel, cell, source, output)
        except KernelDied as died:
            await self.restart()
            output.note(f"The kernel died while this code ran: {died.death.reason}. {_FRESH}")
            return died.death.exit_code
        except asyncio.CancelledError:
            if not await self._stop(kernel, cell):
                self._loss = "it did not stop when it was interrupted"
            raise

    async def _finish(self, kernel: Kernel, cell: Cell, source: str, output: Gathered) -> int:
        request = {
            "code": source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
            "stop_on_error": True,
        }  # fmt: skip
        await kernel.send("execute_request", request, cell.id)
        if not await self._ended(kernel, cell, self._timeout):
            if await self._stop(kernel, cell):
                output.note(f"Timeout: interrupted after {self._timeout:g} s. The kernel keeps its variables.")
            else:
                output.note(
                    f"Timeout: after {self._timeout:g} s the code was interrupted and did not stop, so the kernel was "
                    f"ended. {_FRESH}"
                )
            return TIMED_OUT
        if cell.ends_kernel:
            await self.restart()
            output.note(f"The code ended the kernel. {_FRESH}")
        elif not cell.done.is_set():
            output.note("[... some of the output was lost on its way: it was too much at once ...]")
        return cell.exit_code

    async def _ended(self, kernel: Kernel, cell: Cell, seconds: float) -> bool:
        """Waits until a cell has ended; False if it didn't in time.

        Raises:
            KernelDied: If the kernel ended first.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            try:
                async with asyncio.timeout(min(_POLL, max(deadline - loop.time(), 0))):
                    return await cell.done.wait()
            except TimeoutError:
                death = await kernel.death()
            if death is not None:
                await asyncio.sleep(_DRAIN)
                if cell.replied:
                    return True
                raise KernelDied(death)
            ending = cell.replied or cell.idle
            if ending and loop.time() - cell.touched > _QUIET:
                return True
            if loop.time() >= deadline and not ending:
                return False

    async def _stop(self, kernel: Kernel, cell: Cell) -> bool:
        """Interrupts a cell until it ends; whether it did. If not, the kernel is ended."""
        for _ in range(_INTERRUPTS):  # one that came before the code began, or was caught by it, did nothing
            await kernel.interrupt()
            try:
                if await self._ended(kernel, cell, _AGAIN):
                    return True
            except KernelDied:
                break
        await self.restart()
        return False


_sessions: set[Session] = set()
_inherited: list[Kernel] = []  # kept, since whoever forgets a kernel closes its sockets, which are the parent's


def _after_fork() -> None:
    for session in _sessions:
        session.disown()
    _sessions.clear()


def _at_exit() -> None:
    wait([submit(session.close()) for session in list(_sessions)], timeout=_EXIT)


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
