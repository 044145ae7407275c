"""A program whose disk fills up while it writes, and has room again later. Prints what was said of it.

python full.py FOLDER limit|disk
"""

from __future__ import annotations

import asyncio
import resource
import sys
from contextlib import suppress
from pathlib import Path

from autogen_like.core.journal import Opened, Said
from autogen_like.core.message import Message
from autogen_like.store import Store, StoreError


class Limit:
    """Files of this process may not grow beyond a size."""

    def fill(self, folder: Path) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))

    def make_room(self, folder: Path) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Disk:
    """The disk of the folder has no room: another file has taken all of it."""

    def fill(self, folder: Path) -> None:
        with (folder / "filler").open("wb", buffering=0) as file:
            for size in (4096, 1):
                with suppress(OSError):
                    while True:
                        file.write(b"x" * size)

    def make_room(self, folder: Path) -> None:
        (folder / "filler").unlink()


async def main(folder: Path, disk: Limit | Disk) -> None:
    async with Store(f"sqlite:///{folder}/chats.db") as store:
        run = await store.begin("r")
        await run.append("c", Opened("", (), {}))
        await run.append("c", Said(Message("ada", "first"), {}))
        disk.fill(folder)
        written = 1
        try:
            while True:
                await run.append("c", Said(Message("ada", "x" * 2000), {}))
                written += 1
        except StoreError as error:
            print(error)
        print(written, len(await store.messages("c")))
        disk.make_room(folder)
        await run.append("c", Said(Message("ada", "room again"), {}))
        print((await store.messages("c"))[written].text)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), {"limit": Limit, "disk": Disk}[sys.argv[2]]()))
