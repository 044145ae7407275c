"""A process of its own that holds runs of a store: told what to do by lines, it answers in lines."""

from __future__ import annotations

import asyncio
import sys

from autogen_like.core.errors import AutogenLikeError
from autogen_like.core.journal import Opened, Said
from autogen_like.core.message import Message
from autogen_like.store import Store, StoredRun


async def obey(store: Store) -> None:
    held: dict[str, StoredRun] = {}
    for line in sys.stdin:
        order, run, *rest = line.split()
        try:
            if order == "begin":
                held[run] = await store.begin(run)
                await held[run].append(run, Opened("", ("ada",), {}))
            elif order == "resume":
                held[run] = await store.resume(run)
            elif order == "say":
                await held[run].append(run, Said(Message("ada", rest[0]), {}))
            elif order == "release":
                await held[run].release()
            print("done", flush=True)
        except AutogenLikeError as error:
            print(f"{type(error).__name__}: {error}", flush=True)


async def main(url: str, lease: str) -> None:
    async with Store(url, lease=float(lease)) as store:
        await obey(store)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
