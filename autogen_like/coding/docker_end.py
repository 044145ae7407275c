"""The end of a container: its files copied out, and itself removed, whoever let go of it and however."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from ..core.errors import ExecutorUnavailable
from .docker_container import Box, Container
from .docker_engine import Gone
from .docker_files import pack, unpack
from .output import Output

_LOG = logging.getLogger(__name__)
_STDOUT = 1


def finish(container: Container, box: Box, folder: Path | None) -> None:
    """Ends a container; what can't be done is logged, since nobody may be there to be told. Blocks.

    Args:
        container: The container.
        box: What it was made to be.
        folder: Where the work folder's files are copied to before, if anywhere.
    """
    if container.process != os.getpid():
        return
    try:
        if folder is not None:
            copy_out(container, folder, box.work_size)
    except (Gone, ExecutorUnavailable, OSError) as error:
        _LOG.warning("the files of container %s could not be copied to %s: %s", container.id[:12], folder, error)
    try:
        if not box.owned:
            container.disconnect()
        elif box.auto_remove:
            container.remove()
        else:
            container.kill()
    except ExecutorUnavailable as error:
        _LOG.warning("container %s is left to whoever starts one next: %s", container.id[:12], error)


def drop(container: Container, box: Box, folder: Path | None) -> None:
    """Ends the container of an executor that nobody holds any more, without holding up who let go of it.

    Args:
        container: As for `finish`.
        box: As for `finish`.
        folder: As for `finish`.
    """
    if threading.main_thread().is_alive():
        # No daemon: a program that ends waits for it.
        threading.Thread(target=finish, args=(container, box, folder), name="autogen_like-container").start()
    else:  # the program is ending, and starts no more threads
        finish(container, box, folder)


def copy_out(container: Container, folder: Path, limit: int) -> list[Path]:
    """Copies the work folder's files to a folder of this machine. Blocks.

    Args:
        container: The container.
        folder: Where to.
        limit: Bytes that are written at most.

    Returns:
        The files that were written. What was left out, and why, is logged as a warning.
    """
    complaints = Output(2000)

    def archive() -> Iterator[bytes]:
        for stream, data in container.execute(pack(limit)).frames():
            if stream == _STDOUT:
                yield data
            else:
                complaints.feed(data)

    pieces = archive()
    written = unpack(pieces, folder, limit)
    for _ in pieces:  # to the end, also where `unpack` had enough: then nothing is left that waits to be read
        pass
    if said := complaints.finish().strip():
        _LOG.warning("not all files of container %s could be copied: %r", container.id[:12], said)
    return written
