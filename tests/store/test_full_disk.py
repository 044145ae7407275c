"""A disk with no room left: one clear error, what was committed can be read, and with room it goes on."""

from __future__ import annotations

import asyncio
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autogen_like.store import Store, StoreError

from .records import OPENED, said, texts

PROGRAM = Path(__file__).parent / "full.py"


async def test_a_file_that_is_full(tmp_path: Path) -> None:
    async with Store(f"sqlite:///{tmp_path}/chats.db") as store:
        run = await store.begin("r")
        await run.append("c", OPENED)
        await run.append("c", said("0"))
        with sqlite3.connect(tmp_path / "chats.db") as other:
            pages = other.execute("PRAGMA page_count").fetchone()[0]
        other.close()

        writing: Any = store._writer._connection.connection  # type: ignore[union-attr]
        writing.cursor().execute(f"PRAGMA max_page_count={pages + 20}")
        too_much = [said(f"{number} " + "x" * 2000) for number in range(100)]
        with pytest.raises(StoreError, match=r"chats\.db: the disk is full: make room, then resume"):
            await asyncio.gather(*(run.append("c", one) for one in too_much))
        there = texts(await store.messages("c"))
        assert there[0] == "0"
        await run.append("c", said("fits"))
        assert texts(await store.messages("c")) == [*there, "fits"]


def filled(folder: Path, how: str, *before: str) -> str:
    command = [*before, sys.executable, "-W", "error", str(PROGRAM), str(folder), how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    error, counts, last = done.stdout.splitlines()
    written, found = counts.split()
    assert written == found != "0"
    assert last == "room again"
    return error


@pytest.mark.slow
def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    error = filled(tmp_path, "limit")
    assert "the file can't be read or written: is the disk full" in error


@pytest.mark.slow
def test_a_small_disk_that_another_file_fills(tmp_path: Path) -> None:
    """A tmpfs of 1 MiB, which is there for this program alone."""
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=1m none {shlex.quote(str(tmp_path))}"
    if subprocess.run([*alone, mount], capture_output=True, check=False).returncode:
        pytest.skip("no mounts are allowed here; the two tests above ask the same of the store")
    error = filled(tmp_path, "disk", *alone, f'{mount} && exec "$@"', "sh")
    assert "chats.db: the disk is full: make room, then resume" in error
