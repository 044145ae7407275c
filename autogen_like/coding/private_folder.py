"""Temporary folders that go away with their owner, also when the program was killed: the next one removes them then."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
import weakref
from pathlib import Path

_PREFIX = "autogen_like-"
_TRIES, _DYING = 5, 0.02  # a process that was killed may write once more while its folder is removed
_LOCK = "lock"  # held while the owner lives; the system lets go of it when the program is gone


class PrivateFolder:
    """A temporary folder that only this user may enter.

    Args:
        owner: Whose it is: the folder is removed with it, or at the end of the program.
        name: What its name says that it is for.

    Attributes:
        path: The folder.
    """

    def __init__(self, owner: object, name: str = "") -> None:
        _reap(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{name}"))
        new = self.path / f"{_LOCK}.new"
        lock = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        new.rename(self.path / _LOCK)  # under its name only when it is held
        # Not TemporaryDirectory, which warns when nobody closed it: an agent that is dropped is no mistake.
        self.close = weakref.finalize(owner, _give_up, str(self.path), lock, os.getpid())


def _give_up(folder: str, lock: int, process: int) -> None:
    if os.getpid() == process:  # in the child of a fork it is still the parent's
        _remove(folder)
    os.close(lock)


def _reap(place: Path) -> None:
    """Removes what programs that were killed left behind."""
    for lock in place.glob(f"{_PREFIX}*/{_LOCK}"):
        with contextlib.suppress(OSError):  # it is gone, or in use
            if _is_ours(lock.parent) and not lock.is_symlink():
                _reap_one(lock)


def _reap_one(lock: Path) -> None:
    with lock.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(str(lock.parent))


def _is_ours(folder: Path) -> bool:
    """Whether a folder was made by this user; a link may be anybody's, and lead anywhere."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()


def _remove(folder: str) -> None:
    """Removes a folder that code could write to, also what it made unreadable."""
    for _ in range(_TRIES):
        for place, names, _ in os.walk(folder):
            for path in (Path(place, name) for name in names):
                with contextlib.suppress(OSError):  # it is gone
                    if not path.is_symlink():
                        path.chmod(stat.S_IRWXU)
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):  # noqa: PTH110 - a string is what it is given
            return
        time.sleep(_DYING)
