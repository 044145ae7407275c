"""What a toolbox of very many tools costs in time: to build, and at each turn.

    python benchmarks/ecoact/scale.py [--tools 10 100 1000 10000 50000]

Times are this process's CPU time, the smallest of several; the machine's load stands in the first line. "a turn" is
what the toolbox adds to an agent's turn: looking at what was said, the offer, and the list of tools for the request, in
a conversation of 200 messages in which five tools are registered. The index is built at the first search.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from autogen_like import Message, Run, ToolCall, ToolResult, Transcript
from autogen_like.agents.pair import Asker, Solo
from autogen_like.core.conversation import Conversation
from autogen_like.ecoact import SelectiveToolbox

WORDS = ("weather", "invoice", "flight", "calendar", "translation", "currency", "parcel", "recipe", "song", "map")


class Described:
    """A tool that is only described."""

    def __init__(self, at: int) -> None:
        self.name = f"{WORDS[at % 10]}_{WORDS[at // 10 % 10]}_{at}"
        self.description = f"Looks up the {WORDS[at % 10]} of a {WORDS[at // 10 % 10]} by its number, {at}."
        parameters = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
        self.schema: Mapping[str, Any] = {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": parameters},
        }

    async def call(self, call: ToolCall) -> ToolResult:
        return ToolResult(call.id, call.name, "")


def least(times: int, work: Callable[[], object]) -> float:
    """Seconds of CPU, the smallest of several."""
    found = []
    for _ in range(times):
        before = time.process_time()
        work()
        found.append(time.process_time() - before)
    return min(found)


def conversation(names: list[str]) -> Conversation:
    """One of 200 messages in which some tools are registered."""
    asker = Asker()

    class Ada:
        name = "ada"

    said = [Message(asker.name, "Go.")]
    for at in range(100):
        call = ToolCall(str(at), "tool_register", json.dumps({"tool_name": names[at % 5]}))
        said += [
            Message("ada", tool_calls=(call,)),
            Message("ada", tool_results=(ToolResult(str(at), call.name, "ok"),)),
        ]
    return Conversation((asker, Ada()), Solo(Ada()), lambda one: asker, Transcript(said))


def row(number: int) -> str:
    """What so many tools cost."""
    tools = [Described(at) for at in range(number)]

    def build() -> SelectiveToolbox:
        box = SelectiveToolbox(tools)
        box.schemas()
        return box

    seconds, box = least(3, build), build()
    run: Run[None] = Run(lambda _: asyncio.sleep(0))
    talk = conversation(list(box.names[:5]))
    box.at(talk, run, "ada").schemas()
    turn = least(5, lambda: [box.at(talk, run, "ada").schemas() for _ in range(1_000)]) / 1_000
    index = least(1, lambda: asyncio.run(box.search("the weather of a parcel")))
    search = least(5, lambda: asyncio.run(box.search("the currency of a song")))
    return f"{number:8,}{seconds * 1e3:12.2f}{turn * 1e6:12.2f}{index * 1e3:12.1f}{search * 1e3:12.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=int, nargs="*", default=[10, 100, 1_000, 10_000, 50_000])
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"{'tools':>8}{'build, ms':>12}{'a turn, us':>12}{'index, ms':>12}{'search, ms':>12}")
    for number in options.tools:
        print(row(number))


if __name__ == "__main__":
    main()
