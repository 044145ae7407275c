"""Many processes and one PostgreSQL: conversations go from one to the other, and nothing is lost or done twice."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest

from autogen_like import Store

from . import killed, worker
from .postgres import Cluster
from .test_killed import processes

CONVERSATIONS = int(os.environ.get("AUTOGEN_LIKE_HANDED", "24"))  # 200 is the full figure
WORKERS = 4


@pytest.mark.slow
@pytest.mark.needs_postgres
async def test_four_processes_hand_conversations_around(cluster: Cluster, tmp_path: Path):
    url, names = cluster.new_database(), [f"c{number}" for number in range(CONVERSATIONS)]
    begun = processes.Barrier(WORKERS)
    at_work = [
        processes.Process(target=worker.work, args=(number, url, tmp_path, names, begun)) for number in range(WORKERS)
    ]
    for one in at_work:
        one.start()
    for one in at_work:
        one.join(600)
    assert [one.exitcode for one in at_work] == [0] * WORKERS

    told = [json.loads((tmp_path / f"worker {number}").read_text()) for number in range(WORKERS)]
    undisturbed = await killed.two(killed.tools(tmp_path / "undisturbed"))
    booked = (tmp_path / "undisturbed").read_text()
    async with Store(url) as store:
        for name in names:
            assert (tmp_path / name).read_text() == booked
            (conversation,) = await store.conversations(name)
            said = await store.messages(conversation.id)
            assert [(one.speaker, one.content, one.tool_calls, one.tool_results) for one in said] == [
                (one.speaker, one.content, one.tool_calls, one.tool_results) for one in undisturbed.messages
            ]
            stints = [(at, number) for number in range(WORKERS) for who, *at in told[number]["stints"] if who == name]
            stints.sort()
            for ((_, stop), one), ((start, _), other) in pairwise(stints):
                assert start == stop, "each begins where another left off: nobody was there at the same time"
                assert one != other
            assert len(stints) > 2
    count = sum(len(each["stints"]) for each in told)
    refused = sum(each["refused"] for each in told)
    print(f"{CONVERSATIONS} conversations, {count} stints of {WORKERS} processes; {refused} refused: another had it")
