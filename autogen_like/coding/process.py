"""One program run to its end or its time-out, with everything that it started."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.sync import in_worker
from .output import Output

_MARK = "AUTOGEN_LIKE_CODE_RUN"
_DRAIN = 1.0  # seconds that the last output may take once everything is dead

# What code needs to find programs, its home and its language, and nothing that could be a key or a password.
_HARMLESS = (
    "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TERM TMPDIR TEMP TMP LD_LIBRARY_PATH DYLD_LIBRARY_PATH VIRTUAL_ENV "
    "CONDA_PREFIX SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE SYSTEMROOT COMSPEC PATHEXT WINDIR USERPROFILE"
)
_PASSED = frozenset(_HARMLESS.split())


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without its secrets: an allow-list, since a list of secrets is never complete.

    Args:
        extra: Variables to add; the way to hand over a key on purpose.
    """
    kept = {name: value for name, value in os.environ.items() if name in _PASSED or name.startswith("LC_")}
    # Without this, Python holds back what it prints to a pipe: lost on a time-out, and behind what goes to stderr.
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", **(extra or {})}


class _Reader(asyncio.Protocol):
    """Hands on what is read, and knows when there will be no more."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.closed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._output.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()


async def run_process(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], seconds: float, output: Output
) -> int | None:
    """Runs a program in a process group of its own; nothing that it started outlives it.

    Args:
        command: The program and its arguments.
        cwd: Where it runs.
        env: Its environment, the whole of it.
        seconds: How long it may take.
        output: Takes what it prints, both streams in the order written.

    Returns:
        The exit code: None on a time-out, 128 + n when signal n ended it.

    Raises:
        OSError: If the program can't be started.
    """
    mark = secrets.token_hex(8)
    reader = _Reader(output)
    read_end, write_end = os.pipe()
    try:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: reader, os.fdopen(read_end, "rb", 0))
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=cwd,
                env={**env, _MARK: mark},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
            )
        except BaseException:
            transport.close()
            _kill_marked(mark)  # cancelled while it was being started
            raise
    finally:
        os.close(write_end)
    try:
        code = await _ended(process, seconds)
        await in_worker(_kill_all, process.pid, mark)
        await _ended(process, _DRAIN)
        await _drained(reader)
    except BaseException:
        _kill_all(process.pid, mark)  # cancelled: no time for a worker thread
        raise
    finally:
        transport.close()
    return code


async def _ended(process: asyncio.subprocess.Process, seconds: float) -> int | None:
    try:
        async with asyncio.timeout(seconds):
            code = await process.wait()
    except TimeoutError:
        return None
    return code if code >= 0 else 128 - code


async def _drained(reader: _Reader) -> None:
    try:
        async with asyncio.timeout(_DRAIN):
            await reader.closed.wait()
    except TimeoutError:
        return  # something that got away holds the pipe


def _kill_all(group: int, mark: str) -> None:
    """Kills a process group, and those who left it for a session of their own."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    _kill_marked(mark)


def _kill_marked(mark: str) -> None:
    """Kills whatever carries the mark in its environment."""
    if not sys.platform.startswith("linux"):
        return
    sought = f"{_MARK}={mark}".encode()
    for _ in range(3):  # again, for what was being born while the first round looked
        marked = [pid for pid in _processes() if sought in _environment(pid)]
        if not marked:
            return
        for pid in marked:
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue


def _processes() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it is gone, or somebody else's
        return b""
