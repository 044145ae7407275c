"""One program run to its end or its time-out, limited, with everything that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from ..core.errors import ConfigError
from ..core.sync import in_worker
from .output import Output

MARK = "AUTOGEN_LIKE_CODE_RUN"
_DRAIN = 1.0  # seconds that the last output may take once everything is dead
_GRACE = 25.0  # seconds that the keeper has for killing everything; it takes milliseconds
# Imported, not run as a script, which Python would compile anew each time.
_START = "import sys; sys.path.append(sys.argv[1]); import keeper; keeper.main(sys.argv[2:])"
_KEEPER = (sys.executable, "-I", "-S", "-c", _START, str(Path(__file__).parent))

# What code needs to find programs and its language, and nothing that could be a key or a password.
_HARMLESS = (
    "PATH USER LOGNAME SHELL LANG LANGUAGE TZ TERM LD_LIBRARY_PATH DYLD_LIBRARY_PATH VIRTUAL_ENV CONDA_PREFIX "
    "SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE"
)
_PASSED = frozenset(_HARMLESS.split())


@dataclass(frozen=True, slots=True)
class CodeLimits:
    """What one block may take of this machine; None is no limit.

    Memory, processes and disk are counted over all that the block started, a few times a second, on Linux; a burst
    may go over them for a moment. The others are the system's own limits of each process.

    Args:
        memory: Bytes of memory.
        processes: Processes at a time.
        file_size: Bytes of one file.
        disk: Bytes written to the work folder and the temporary folder.
        open_files: Files that one process may have open.
        cpu_seconds: Seconds of computing of one process.

    Raises:
        ConfigError: If one isn't positive.
    """

    memory: int | None = 4 * 2**30
    processes: int | None = 256
    file_size: int | None = 2**30
    disk: int | None = 2 * 2**30
    open_files: int | None = 1024
    cpu_seconds: int | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not (isinstance(value, int) and value > 0):
                raise ConfigError(f"limits: {each.name} must be a positive whole number or None, not {value!r}")

    def as_arguments(self) -> list[str]:
        """The limits in the order of the fields, with 0 for none, as the keeper takes them."""
        return [str(getattr(self, each.name) or 0) for each in fields(self)]


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


class _Report(asyncio.Protocol):
    """What the keeper says in the end."""

    def __init__(self) -> None:
        self._said = b""
        self.given = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._said += data
        if self._said.endswith(b"\n"):
            self.given.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.given.set()

    @property
    def verdict(self) -> tuple[str, str]:
        """A word and what belongs to it; empty where the keeper said nothing."""
        word, _, rest = self._said.decode("utf-8", "replace").strip().partition(" ")
        return word, rest


async def run_process(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    seconds: float,
    output: Output,
    limits: CodeLimits,
    folders: Sequence[Path],
) -> int | None:
    """Runs a program under a keeper; nothing that it started outlives it.

    Args:
        command: The path of the program, and its arguments.
        cwd: Where it runs.
        env: Its environment, the whole of it.
        seconds: How long it may take.
        output: Takes what it prints, both streams in the order written, and why it was stopped.
        limits: What it may take.
        folders: Where its bytes on disk are counted.

    Returns:
        The exit code: None on a time-out, 128 + n when signal n ended it.

    Raises:
        OSError: If the program can't be started.
    """
    mark = secrets.token_hex(8)
    reader, report = _Reader(output), _Report()
    with contextlib.ExitStack() as closing:
        with contextlib.ExitStack() as given:
            printed = await _pipe(reader, closing, given)
            reported = await _pipe(report, closing, given)
            lifeline, held = os.pipe()
            given.callback(os.close, lifeline)
            closing.callback(os.close, held)
            watched = [str(len(folders)), *map(str, folders)]
            keeper = subprocess.Popen(  # noqa: ASYNC220, S603 - as asyncio's own, it returns once the program has begun
                [*_KEEPER, str(reported), *limits.as_arguments(), *watched, *command],
                cwd=cwd,
                env={**env, MARK: mark},
                stdin=lifeline,
                stdout=printed,
                stderr=printed,
                pass_fds=[reported],
                start_new_session=True,
            )
        try:
            in_time = await _within(seconds, report.given)
        finally:  # also when cancelled: everything is dead before this is left
            await _end(keeper, held, report, mark)
        await _within(_DRAIN, reader.closed)  # or something that got away holds the pipe
    return _outcome(report, output) if in_time else None


async def _pipe(protocol: asyncio.Protocol, here: contextlib.ExitStack, there: contextlib.ExitStack) -> int:
    """A pipe whose one end is read by a protocol: the other end. Each end is closed with a stack."""
    read_end, write_end = os.pipe()
    there.callback(os.close, write_end)
    file = os.fdopen(read_end, "rb", 0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, file)
    here.callback(transport.close)
    return write_end


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _end(keeper: subprocess.Popen[bytes], lifeline: int, report: _Report, mark: str) -> None:
    """Has the keeper kill everything, and waits for that."""
    with contextlib.suppress(BrokenPipeError):  # it is done
        os.write(lifeline, b"x")  # not only closed: a fork of this process may hold the pipe too
        keeper.send_signal(signal.SIGCONT)  # the code may have stopped it
    try:
        if not await _within(_GRACE, report.given) or not report.verdict[0]:
            keeper.kill()
            await in_worker(kill_marked, mark)
    except asyncio.CancelledError:  # again: the keeper goes on by itself, and is buried when it is done
        threading.Thread(target=keeper.wait, name="autogen_like-burial", daemon=True).start()
        raise
    keeper.kill()
    keeper.wait()


def _outcome(report: _Report, output: Output) -> int:
    word, rest = report.verdict
    if word == "exit":
        code = int(rest)
        return code if code >= 0 else 128 - code
    if word == "failed":
        raise OSError(rest)
    output.say(f"\nStopped: {rest or 'it killed the process that kept it'}\n")
    return 128 + signal.SIGKILL


def kill_marked(mark: str) -> None:
    """Kills whatever carries the mark in its environment: for code that killed its keeper."""
    if not sys.platform.startswith("linux"):
        return
    sought = f"{MARK}={mark}".encode()
    until = time.monotonic() + _GRACE
    while (marked := [pid for pid in _processes() if sought in _environment(pid)]) and time.monotonic() < until:
        for pid in marked:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _processes() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it is gone, or somebody else's
        return b""
