"""Settings of containers, checked before there is one."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..core.errors import ConfigError
from .docker_container import KEEPER

NOBODY = "65534:65534"
_SIZE = re.compile(r"(\d+)([kmg]?)b?", re.IGNORECASE)
_USER = re.compile(r"(?P<uid>\d+)(?::(?P<gid>\d+))?")
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}


def size_of(name: str, value: str | int) -> int:
    """A setting's bytes.

    Args:
        name: The setting.
        value: A number, or one with a unit.

    Raises:
        ConfigError: If it is neither.

    Example:
        >>> size_of("memory", "512m")
        536870912
    """
    match = _SIZE.fullmatch(str(value).strip())
    if match is None or (size := int(match[1]) * _UNITS[match[2].lower()]) <= 0:
        raise ConfigError(f"{name} must be a number of bytes, as 536870912 or '512m', not {value!r}")
    return size


def checked_user(user: str) -> str:
    """A user as ``uid:gid``.

    Args:
        user: ``uid:gid`` or ``uid``.

    Raises:
        ConfigError: If it is neither, or the one user that code can't run as.
    """
    match = _USER.fullmatch(user)
    if match is None:
        raise ConfigError(f"user must be numbers, as '1000:1000' or '1000', not {user!r}")
    if match["uid"] == KEEPER:
        raise ConfigError(f"user: {KEEPER} is who keeps the container alive; choose another")
    return f"{match['uid']}:{match['gid'] or match['uid']}"


def owner_of(folder: Path) -> str | None:
    """Who code runs as that writes to a folder of the machine: its owner, never root.

    Args:
        folder: The folder; made if need be.

    Returns:
        The owner as ``uid:gid``; None where the system has no such thing.

    Raises:
        ConfigError: If it belongs to root.
    """
    if not hasattr(os, "getuid"):
        return None
    if not folder.exists():
        folder.mkdir(parents=True)
        if os.getuid() == 0:
            os.chown(folder, *map(int, NOBODY.split(":")))
    stat = folder.stat()
    if stat.st_uid == 0:
        raise ConfigError(
            f"bind_dir: {folder} belongs to root, and code doesn't run as root. Give the folder to somebody "
            f"(chown {NOBODY} {folder}), or say user='0:0'"
        )
    return f"{stat.st_uid}:{stat.st_gid}"
