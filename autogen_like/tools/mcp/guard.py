"""Runs one program and sees to it that nothing of it outlives the process that asked for it.

This file is a program of its own (``python guard.py LIFELINE COMMAND ...``) and imports nothing of the package, so that
it starts at once. The file descriptor LIFELINE is the reading end of a pipe: when its other end is closed, by a parent
that is done or by one that has crashed, the program and all that it started are killed, even what left its process
group. Standard input, output and error are the program's alone.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE = 1.0  # seconds between asking processes to end and killing them
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h
_LOOK = 1.0  # seconds between looks at who the parent is; a child forked by it may hold the lifeline open


def main() -> int:
    """Runs the program to its end, or until the lifeline is cut; gives its exit status."""
    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    parent = os.getppid()
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)  # orphans become our children, not init's
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # the lifeline says when it is over
    try:
        program = subprocess.Popen(command)  # noqa: S603 - what the user configured
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # else its end of file would never be seen on them
        os.dup2(nothing, stream)
    while program.poll() is None and os.getppid() == parent:
        ready, _, _ = select.select([lifeline, woken], [], [], _LOOK)
        if lifeline in ready:
            break
        if woken in ready:
            os.read(woken, 1024)
    _kill_all()
    return program.returncode if program.returncode is not None else 128 + signal.SIGKILL


def _kill_all() -> None:
    """Ends all that descends from this process: asks first, then kills; what can't be killed is not ours."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + GRACE
        pids = _descendants()
        _signal(pids, number)
        while pids and time.monotonic() < until:
            time.sleep(0.01)
            _reap()
            pids = _descendants()
            if number == signal.SIGKILL:
                _signal(pids, number)  # again, for what was being born meanwhile


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return


def _descendants() -> list[int]:
    """The processes below this one; without /proc, those of its group."""
    try:
        listed = [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]
    except FileNotFoundError:
        os.killpg(0, signal.SIGKILL)  # this process too: it has nothing left to do
        return []
    children: dict[int, list[int]] = {}
    for pid in listed:
        try:
            state, above = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:2]
        except OSError:  # gone meanwhile
            continue
        if state != b"Z":
            children.setdefault(int(above), []).append(pid)
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


if __name__ == "__main__":
    sys.exit(main())
