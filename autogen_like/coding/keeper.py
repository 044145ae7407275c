"""The parent of code that runs on this machine: a program of its own, started by `process.run_process`.

It limits what it starts, watches it, and outlives all of it: orphans become its children, so whatever double-forked,
left the session or emptied its environment is still found. It ends the code when the other end of its standard input
is written to or closed, so also when the program that started it is killed.

It runs as ``python -I -S``, imports nothing of ours and of Python only what loads quickly: its start is part of what a
block takes.
"""

# pathlib is among what takes long:
# ruff: noqa: PTH116, PTH118, PTH123, PTH208

from __future__ import annotations

import ctypes
import os
import resource
import select
import sys
import time

TYPE_CHECKING = False  # as type checkers take it to be true; `typing` takes long too
if TYPE_CHECKING:
    from collections.abc import Callable

# The module `signal` takes longer to import than all the others here.
_SIGKILL, _SIGPIPE, _SIGSTOP, _SIGXCPU, _SIGXFSZ = 9, 13, 19, 24, 25
_DEATH_SIGNAL, _ADOPT_ORPHANS = 1, 36  # of prctl
_LINUX = sys.platform == "linux"
_TICK = 20  # milliseconds between two glances
_SCAN = 0.25  # seconds between two scans of the process table; longer where a scan takes long
_SPARE = 256  # processes of the user's that may be started elsewhere meanwhile
_GIVE_UP = 20.0  # seconds for what can't be killed at once, as it waits for a disk


class Keeper:
    """Keeps one program and all that it starts.

    Args:
        limits: Bytes of memory, processes, bytes a file, bytes on disk, open files and CPU seconds; 0 is no limit.
        folders: Where the bytes on disk are counted.
    """

    def __init__(self, limits: list[int], folders: list[str]) -> None:
        self._memory, self._processes, self._file_size, self._disk, self._open_files, self._cpu = limits
        self._folders = folders
        self._free = [_free(folder) for folder in folders]
        self._since = time.time()
        self._threads = _threads_of_all()
        self._next_scan = 0.0
        self._libc = ctypes.CDLL(None)

    def run(self, command: list[str]) -> str:
        """Runs a program.

        Args:
            command: Its path and its arguments.

        Returns:
            "exit" and its code, "failed" and why it can't be started, or "stopped" and what it had too much of.
        """
        if _LINUX:
            self._libc.prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
            # Only root may; and root is who no limit of processes holds back.
            _try(os.sched_setscheduler, 0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        counted = _LINUX and self._processes and os.getuid()
        most = _processes_of_user() + self._processes + _SPARE if counted else 0
        says, hears = os.pipe()
        child = os.fork()
        if child == 0:
            self._become(command, most, hears)
        os.close(hears)
        failure = os.read(says, 1000).decode()  # ends when the program has taken over
        verdict = f"failed {failure}" if failure else self._watch(child)
        self._end_all(child)
        return verdict

    def _become(self, command: list[str], most: int, hears: int) -> None:  # pragma: no cover - its process turns away
        """What the child does: limits itself, and turns into the program."""
        try:
            os.setsid()
            if _LINUX:
                self._libc.prctl(_DEATH_SIGNAL, _SIGKILL, 0, 0, 0)
                _try(_write, "/proc/self/oom_score_adj", "1000")  # where memory runs out, this goes first
            for number in (_SIGPIPE, _SIGXFSZ):  # which Python ignores, and children of its inherit that
                self._libc.signal(number, None)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            _limit(resource.RLIMIT_DATA, 2 * self._memory)  # twice: much is reserved and never used
            _limit(resource.RLIMIT_FSIZE, self._file_size)
            _limit(resource.RLIMIT_NOFILE, self._open_files)
            _limit(resource.RLIMIT_CPU, self._cpu, spare=1)  # a signal that says why comes first, then one that kills
            _limit(resource.RLIMIT_NPROC, most)
            os.execv(command[0], command)  # noqa: S606
        except BaseException as error:  # noqa: BLE001 - told to the parent; nothing may go on from here
            os.write(hears, str(getattr(error, "strerror", None) or error).encode("utf-8", "replace")[:1000])
        os._exit(127)

    def _watch(self, child: int) -> str:
        poll = select.poll()
        poll.register(0, select.POLLIN | select.POLLHUP)
        handle = os.pidfd_open(child) if hasattr(os, "pidfd_open") else -1
        if handle >= 0:
            poll.register(handle, select.POLLIN)
        while True:
            events = [number for number, _ in poll.poll(_TICK)]
            code = _bury(child)
            if code == -_SIGXCPU:
                return f"stopped it computed for more than {self._cpu} s"
            if code is not None:
                return f"exit {code}"
            if 0 in events:
                return "stopped"
            excess = self._excess()
            if excess:
                return f"stopped {excess}"

    def _excess(self) -> str:
        """What there is too much of; empty where all is well."""
        now, threads = time.monotonic(), _threads_of_all()
        burst = 0 < self._processes < threads - self._threads  # a glance that costs little, and may be somebody else's
        if now < self._next_scan and not burst:
            return ""
        self._threads = min(self._threads, threads) if not burst else threads
        family = _family()
        if 0 < self._processes < len(family):
            return f"it had more than {self._processes} processes at a time"
        if 0 < self._memory < sum(map(_memory_of, family)):
            return f"it took more than {_size(self._memory)} of memory"
        if self._disk and self._fills_disk():
            return f"it took more than {_size(self._disk)} of disk"
        self._next_scan = time.monotonic() + max(_SCAN, 20 * (time.monotonic() - now))
        return ""

    def _fills_disk(self) -> bool:
        """Whether files changed since the start are too large; looked at only when as much has gone from the disk."""
        free = [_free(folder) for folder in self._folders]
        if all(before - now <= self._disk for before, now in zip(self._free, free, strict=True)):
            return False
        self._free = free
        return sum(_written(folder, self._since) for folder in self._folders) > self._disk

    def _end_all(self, child: int) -> None:
        """Kills everything that is left, and waits until it is gone."""
        _try(os.killpg, child, _SIGKILL)  # at one stroke, so that nothing is forked meanwhile
        until = time.monotonic() + _GIVE_UP
        stopped: set[int] = set()
        while _has_children() and time.monotonic() < until:
            family = _family()
            running = [process for process in family if process not in stopped]
            # Who is only stopped leaves no room, in the user's limit of processes, for what others fork meanwhile.
            for process in running or family:
                _try(os.kill, process, _SIGSTOP if running else _SIGKILL)
            stopped.update(running)
            if not running:
                time.sleep(0.001)


def _limit(kind: int, value: int, spare: int = 0) -> None:
    if value:
        hard = resource.getrlimit(kind)[1]
        most = value + spare if hard == resource.RLIM_INFINITY else min(value + spare, hard)
        resource.setrlimit(kind, (min(value, most), most))


def _try(function: Callable[..., object], *arguments: object) -> None:
    """Calls a function whose failure changes nothing: what it is about is gone, or isn't allowed."""
    try:
        function(*arguments)
    except OSError:
        pass


def _bury(child: int) -> int | None:
    """Takes the dead out of the process table: the exit code of the one asked for, if it is among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == child:
            code = os.waitstatus_to_exitcode(status)


def _has_children() -> bool:
    _bury(0)
    try:
        return os.waitpid(-1, os.WNOHANG) is not None
    except ChildProcessError:
        return False


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:  # it is gone, or no Linux
        return b""


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _processes() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit()] if _LINUX else []


def _family() -> list[int]:
    """All descendants of this process."""
    children: dict[int, list[int]] = {}
    for pid in _processes():
        stat = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split(None, 2)
        if len(stat) > 1:
            children.setdefault(int(stat[1]), []).append(int(pid))
    found = children.get(os.getpid(), [])
    for descendant in found:
        found.extend(children.get(descendant, []))
    return found


def _processes_of_user() -> int:
    """Processes and threads of the user's: what the system counts against its limit."""
    count = 0
    for pid in _processes():
        try:
            if os.stat(f"/proc/{pid}").st_uid == os.getuid():
                count += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:  # it is gone
            continue
    return count


def _threads_of_all() -> int:
    load = _read("/proc/loadavg").split()
    return int(load[3].split(b"/")[1]) if load else 0


def _memory_of(pid: int) -> int:
    """Bytes that are a process's own: what it has in memory, less what it shares."""
    pages = _read(f"/proc/{pid}/statm").split()
    return (int(pages[1]) - int(pages[2])) * resource.getpagesize() if pages else 0


def _free(folder: str) -> int:
    try:
        disk = os.statvfs(folder)
    except OSError:  # the code removed it
        return 0
    return disk.f_bavail * disk.f_frsize


def _written(folder: str, since: float) -> int:
    """Bytes of the files in a folder that were changed since a time."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(place, name))
            except OSError:  # it is gone
                continue
            total += status.st_blocks * 512 if status.st_ctime >= since - 1 else 0
    return total


def _size(count: int) -> str:
    return f"{count / 2**30:.4g} GiB" if count >= 2**30 else f"{count / 2**20:.4g} MiB"


def main(arguments: list[str]) -> None:
    """Runs the program that the arguments name, and reports what came of it.

    Args:
        arguments: The file descriptor that is reported to, six limits, the number of folders, the folders, the program
            and its arguments.
    """
    report, *limits = map(int, arguments[:7])
    last = 8 + int(arguments[7])
    verdict = Keeper(limits, arguments[8:last]).run(arguments[last:])
    os.write(report, f"{verdict}\n".encode())
