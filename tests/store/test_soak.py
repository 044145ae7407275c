"""Many conversations at once into one database: nothing is lost, nothing is mixed up.

STORE_SOAK=200 for SQLite, 1000 for PostgreSQL: what `benchmarks/store.py` measures.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from autogen_like.core.journal import Called, Opened
from autogen_like.core.message import ToolResult
from autogen_like.store import Store

from .records import ENDED, call, calling, results, said, state

COUNT = int(os.environ.get("STORE_SOAK", "40"))


@pytest.mark.slow
async def test_many_conversations_at_once(url: str) -> None:
    async def converse(number: int) -> list[Any]:
        where, spoken = f"c{number}", []
        async with await store.begin(f"r{number}") as run:
            await run.append(where, Opened("", ("ada", "bob"), state()))
            for turn in range(5):
                asked = calling(f"{turn}a", f"{turn}b")
                records = [said(f"{number} {turn}", turn), asked]
                for record in records:
                    await run.append(where, record)
                await asyncio.gather(*(
                    run.append(where, Called(asked.message.id, place, call(f"{turn}{name}"), done))
                    for place, name in enumerate("ab")
                    for done in (None, ToolResult(f"{turn}{name}", "add", "2"))
                ))  # fmt: skip
                answered = results(f"{turn}a", f"{turn}b")
                await run.append(where, answered)
                spoken += [record.message for record in (*records, answered)]
            await run.append(where, ENDED)
        return spoken

    async with Store(url) as store:
        spoken = await asyncio.gather(*(converse(number) for number in range(COUNT)))
    async with Store(url) as store:
        for number, expected in enumerate(spoken):
            assert await store.messages(f"c{number}") == expected
        ended = await store.runs(COUNT + 1, status="ended")
        assert len(ended) == COUNT
        assert {info.messages for info in ended} == {15}
