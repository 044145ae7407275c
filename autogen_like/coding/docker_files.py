"""Files out of a container: what code left there is untrusted, its names and kinds too."""

from __future__ import annotations

import io
import logging
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_LOG = logging.getLogger(__name__)

_HEADERS = 2**27  # bytes that an archive may hold beside its files' content


def pack(limit: int) -> tuple[str, ...]:
    """The command that writes an archive of the work folder for `unpack`; it ends, whatever files pretend to hold.

    Args:
        limit: Bytes that the files may hold.
    """
    return ("sh", "-c", 'tar -c -f - . | head -c "$1"', "sh", str(limit + _HEADERS))


def unpack(archive: Iterable[bytes], folder: Path, limit: int) -> list[Path]:
    """Writes the files of an archive into a folder; what is no plain file or folder is left out.

    Links could lead out of the folder, so none is made and none that lies there is followed; devices and pipes are
    nobody's result.

    Args:
        archive: The pieces of a tar archive.
        folder: Where to; made if need be.
        limit: Bytes that are written at most.

    Returns:
        The files that were written. What was left out, and why, is logged as a warning.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unpacked = _Unpacked(folder.resolve(), limit)
    try:
        with tarfile.open(fileobj=io.BufferedReader(_Reader(iter(archive))), mode="r|") as tar:
            for member in tar:
                if not member.isdir() and not unpacked.take(
                    tar, member
                ):  # a folder is made when there is a file for it
                    break
    except tarfile.TarError as error:
        _LOG.warning("the container's files could not all be copied: %s", error)
    return list(unpacked.files.values())


class _Unpacked:
    """What came of an archive so far: the files, by their names in it."""

    def __init__(self, root: Path, limit: int) -> None:
        self.files: dict[str, Path] = {}
        self._root = root
        self._limit = limit
        self._left = limit

    def take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
        """Writes one file, if it may be; False where nothing more may be written."""
        same = self.files.get(member.linkname) if member.islnk() else None  # another name of a file that was written
        if not member.isreg() and same is None:
            _LOG.warning("%r stays in the container: it is no plain file", member.name)
            return True
        size = member.size if same is None else same.stat().st_size
        if size > self._left:
            _LOG.warning("%r and what comes after it stay in the container: over %d bytes", member.name, self._limit)
            return False
        try:
            target = _target(self._root, member.name)
            with target.open("wb") as file, same.open("rb") if same is not None else _content(tar, member) as content:
                shutil.copyfileobj(content, file)
        except OSError as error:
            _LOG.warning("%r stays in the container: %s", member.name, error)
            return True
        self._left -= size
        self.files[member.name] = target
        return True


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise OSError("it has no content")
    return content


def _target(root: Path, name: str) -> Path:
    """Where a file goes.

    Raises:
        OSError: If it would go elsewhere, by its name or by a link that lies there.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name:
        raise PermissionError("its name leads out of the folder")
    target = root / path
    if root not in target.resolve().parents or target.is_symlink():
        raise PermissionError("a link lies where it would be written")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


class _Reader(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        view = memoryview(buffer)
        size = min(len(view), len(self._rest))
        view[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
