"""One of several processes that share out conversations: it goes on with what others left off, for a turn or two.

Its conversations are those of `killed.two`: a chat in which one calls the other's tools.
"""

from __future__ import annotations

import asyncio
import json
import random
from multiprocessing.synchronize import Barrier
from pathlib import Path

from autogen_like import Leased, Limits, Store
from autogen_like.core.events import MessageAdded

from .killed import tools, two

AT_ONCE = 8  # how many conversations a process takes on: more than that wait


class Worker:
    """Goes on with conversations until all have ended. What it left off last, another one has to take.

    Args:
        number: Tells it from the others.
        url: Where the conversations are.
        folder: Where their tools work.
    """

    def __init__(self, number: int, url: str, folder: Path) -> None:
        self._number, self._folder = number, folder
        self._store = Store(url)
        self._chance = random.Random(number)
        self._left: dict[str, int] = {}  # how many messages a conversation had when it was left here
        self._free = asyncio.Semaphore(AT_ONCE)
        self._stints: list[tuple[str, int, int]] = []  # conversation, messages before, messages after
        self._refused = 0

    async def begin(self, conversations: list[str]) -> None:
        """Begins conversations, and leaves each off after a turn or two."""
        await asyncio.gather(*(self._hold(one, None) for one in conversations))

    async def work(self, conversations: list[str]) -> None:
        """Goes on with conversations, a turn or two each time."""
        waiting = conversations
        while waiting:
            self._chance.shuffle(waiting)
            going = await asyncio.gather(*map(self._take, waiting))
            waiting = [one for one, goes_on in zip(waiting, going, strict=True) if goes_on]

    async def close(self) -> None:
        """Writes down what it has done."""
        await self._store.aclose()
        told = {"stints": self._stints, "refused": self._refused}
        (self._folder / f"worker {self._number}").write_text(json.dumps(told))

    async def _take(self, conversation: str) -> bool:
        """Goes on with a conversation if nobody has it; whether it goes on."""
        async with self._free:
            info = await self._store.run(conversation)
            if info.reason is not None and info.reason.kind == "termination_message":
                return False
            if info.status != "running" and self._left.get(conversation) != info.messages:
                await self._hold(conversation, info.messages)
            return True

    async def _hold(self, conversation: str, messages: int | None) -> None:
        resume = {} if messages is None else {"resume": conversation}
        turns = Limits(turns=max(messages or 1, 1) - 1 + self._chance.randint(1, 2))
        run = two(tools(self._folder / conversation), store=self._store, limits=turns, human=_nobody, **resume)
        run.id = conversation
        said: list[MessageAdded] = []
        run.subscribe(lambda event: said.append(event) if isinstance(event, MessageAdded) else None, deltas=False)
        try:
            result = await run
        except Leased:  # another was faster
            self._refused += 1
            return
        self._left[conversation] = there = len(result.messages)
        if said:  # else another was there meanwhile, and these turns are already taken
            self._stints.append((conversation, there - len(said), there))


async def _nobody(request: object) -> str:
    raise AssertionError("nothing here is uncertain: nobody is asked")


def work(number: int, url: str, folder: Path, conversations: list[str], all_begun: Barrier) -> None:
    """What a process does: begins every fourth conversation, and goes on with all."""

    async def main() -> None:
        worker = Worker(number, url, folder)
        await worker.begin(conversations[number::4])
        await asyncio.to_thread(all_begun.wait)
        await worker.work(list(conversations))
        await worker.close()

    asyncio.run(main())
