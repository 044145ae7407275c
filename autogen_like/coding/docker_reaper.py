"""Containers whose owner crashed: found by their labels, and removed by whoever comes next."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .docker_engine import Gone, engine_errors

if TYPE_CHECKING:
    from docker import APIClient

_LOG = logging.getLogger(__name__)
OWNER = "autogen_like.owner"
_PROC = Path("/proc")


def owner() -> str:
    """This process, told apart from all others: machine and boot, space of process ids, id, and when it started.

    A process id alone is used again, and means nothing on another machine or in another container of the same engine.

    Returns:
        The four; empty where the system can't tell (it is no Linux), and so nothing may be judged.
    """
    pid = os.getpid()
    started = _started(pid)
    return f"{_space()}/{pid}/{started}" if started is not None else ""


def is_dead(label: str) -> bool:
    """Whether an owner is known to be gone; False where that can't be known from here.

    Args:
        label: What `owner` gave it.
    """
    space, process, started = label.rsplit("/", 2) if label.count("/") > 1 else ("", "", "")
    if not process.isdecimal() or space != _space():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it is there, and somebody else's
        pass
    now = _started(int(process))
    return now is not None and now != started


def reap(client: APIClient) -> list[str]:
    """Removes the containers whose owners crashed. Blocks.

    Args:
        client: The engine that they are on.

    Returns:
        Their ids.
    """
    removed: list[str] = []
    with engine_errors():
        containers = client.containers(all=True, filters={"label": OWNER})
    for container in containers:
        if is_dead(container["Labels"].get(OWNER, "")):
            remove(client, container["Id"])
            removed.append(container["Id"])
            _LOG.info("a container of a program that crashed is removed: %s", container["Id"][:12])
    return removed


def remove(client: APIClient, container: str) -> None:
    """Kills and removes a container, if it is still there. Blocks until it is gone.

    Args:
        client: The engine.
        container: Its id.
    """
    try:
        with engine_errors():
            client.remove_container(container, force=True, v=True)
    except Gone:  # or somebody else is about to remove it: then until that is done
        try:
            with engine_errors():
                client.wait(container, condition="removed")
        except Gone:
            return


def _space() -> str:
    """This boot of this machine, and the space of process ids in it; empty where the system doesn't say."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When a process started, in ticks since boot; empty for one that is dead and not yet buried; None if unknown."""
    try:
        # The second field is the program's name in parentheses, which may hold anything.
        fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
