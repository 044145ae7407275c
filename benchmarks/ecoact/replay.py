"""What ToolBench's recorded chains of calls would have cost, listing all tools and registering them.

    AUTOGEN_LIKE_DATA=... python benchmarks/ecoact/replay.py [--chains 300] [--observation 250] [--discount 0.1]

`$AUTOGEN_LIKE_DATA/toolbench` holds recorded ReAct chains of gpt-3.5 with the schemas of the tools that were offered
(ToolBench, Apache-2.0, https://github.com/OpenBMB/ToolBench: data/answer; one file for each of its six sets). Each
chain's tools are padded with schemas of other chains to N, and the requests of each method are counted for the same
calls: the names, meta-tools and schemas are those that `SelectiveToolbox` really sends, counted with GPT-4o's encoding.
A replay assumes that the method doesn't change what the model does: no wrong name, no other call, no better choice. The
recordings are cut to 100 characters, so that sizes of results aren't known: all are taken to have --observation tokens.

BM25 is what retrieval would cost if it always found what is needed; how often it does is said beside it: whether the
five tools that fit the task's text best hold all that was called. `auto` decides chain by chain, before it, by what the
chains before were like. An output token costs four times as much as an input token. Cached input is what a request
shares with the beginning of the one before it in its chain, at --discount of the price.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from autogen_like import ToolCall, ToolResult
from autogen_like.core.protocols import Tool
from autogen_like.ecoact import Bill, Prices, SelectiveToolbox, Workload
from autogen_like.ecoact.catalog import text_of
from autogen_like.ecoact.costs import Chain, Step, Use, listing, registering
from autogen_like.models.tokens import count_tokens

SIZES = (0, 10, 20, 30, 60, 150, 300)
SETS = ("G1_category", "G1_instruction", "G1_tool", "G2_category", "G2_instruction", "G3_instruction")
CALLED = re.compile(r"""['"]name['"]: ['"]([^'"]+)['"]""")
SYSTEM = 120  # tokens of an agent's own instructions


@cache
def tokens(text: str) -> int:
    return count_tokens(text, "gpt-4o").tokens


class Described:
    """A tool that is only described.

    Args:
        function: Its name, description and parameters.
    """

    def __init__(self, function: Mapping[str, Any]) -> None:
        self.name = str(function["name"])
        self.description = str(function.get("description", ""))
        self.schema = {"type": "function", "function": function}

    async def call(self, call: ToolCall) -> ToolResult:
        return ToolResult(call.id, call.name, "")


@dataclass(frozen=True)
class Recorded:
    """A recorded chain: the task, the tools that were offered, the names of those that were called, in order."""

    query: str
    tools: Mapping[str, Mapping[str, Any]]
    called: Sequence[str]

    def chain(self, observation: int) -> Chain:
        return Chain(SYSTEM + tokens(self.query), tuple(Use(name, 60, observation) for name in self.called), 150)


def load(folder: Path) -> list[Recorded]:
    found = []
    for name in SETS:
        for raw in json.loads((folder / f"{name}.json").read_text()).values():
            tools = {tool["name"]: tool for tool in raw["available_tools"] if tool["name"] != "Finish"}
            called = []
            node = raw["answer"]["answer_details"][0]
            while True:
                if node["role"] == "tool":
                    match = CALLED.search(str(node["message"]))
                    if match is not None and match[1] in tools:
                        called.append(match[1])
                if not node["next"]:
                    break
                node = node["next"][0]
            found.append(Recorded(raw["query"], tools, called))
    return found


def padded(chain: Recorded, pool: Sequence[Mapping[str, Any]], number: int, seed: int) -> list[Described]:
    """The chain's tools, and others until there are so many."""
    tools = dict(chain.tools)
    for function in random.Random(seed).sample(pool, min(len(pool), number + len(tools))):
        if len(tools) >= number:
            break
        tools.setdefault(function["name"], function)
    return [Described(function) for function in tools.values()]


@dataclass
class Method:
    """What a method has come to at one number of tools, and how the requests of a chain are made."""

    name: str
    steps: Callable[[Counted], list[Step]]
    bill: Bill = field(default_factory=lambda: Bill(0, 0, 0, 0))


@dataclass(frozen=True)
class Counted:
    """One chain with its tools, counted."""

    chain: Chain
    boxes: Mapping[str, SelectiveToolbox]
    sizes: Mapping[str, int]
    five: Sequence[str]
    chosen: bool

    def full(self) -> list[Step]:
        return listing(self.chain, sum(self.sizes.values()))

    def eco(self, mode: str, layout: Any = "native") -> list[Step]:
        box = self.boxes[f"{mode} {layout}"]
        meta = box.tokens_always(box.listed())
        return registering(self.chain, meta, self.sizes, layout=layout, at_once=mode == "multiple")

    def retrieved(self) -> list[Step]:
        return listing(self.chain, sum(self.sizes[name] for name in self.five))

    def auto(self) -> list[Step]:
        return self.eco("single") if self.chosen else self.full()


def methods() -> list[Method]:
    return [
        Method("listing all", Counted.full),
        Method("EcoAct single", lambda one: one.eco("single")),
        Method("EcoAct single, inline", lambda one: one.eco("single", "inline")),
        Method("EcoAct multiple", lambda one: one.eco("multiple")),
        Method("EcoAct names+descr.", lambda one: one.eco("names_and_descriptions")),
        Method("BM25, top five", Counted.retrieved),
        Method("auto", Counted.auto),
    ]


WAYS = (("single", "native"), ("single", "inline"), ("multiple", "native"), ("names_and_descriptions", "native"))


def measured(
    chains: Sequence[Recorded], pool: Sequence[Mapping[str, Any]], number: int, observation: int, prices: Prices
) -> tuple[list[Method], float, float]:
    """The methods at one number of tools; how often BM25 had all that was called, and how often `auto` registered."""
    found, workload, hits, chose = methods(), Workload(), 0, 0
    for seed, recorded in enumerate(chains):
        tools: list[Tool] = list(padded(recorded, pool, number, seed))
        boxes = {
            f"{mode} {layout}": SelectiveToolbox(
                tools, mode=mode, layout=layout, prices=prices, workload=workload, count=tokens, results=5
            )
            for mode, layout in WAYS
        }
        box = boxes["single native"]
        five = asyncio.run(box.search(recorded.query))
        sizes = {tool.name: box.listed().tokens(tool.name) for tool in tools}
        chain = recorded.chain(observation)
        one = Counted(chain, boxes, sizes, five, box.forecast().register)
        hits += set(recorded.called) <= set(five)
        chose += one.chosen
        for method in found:
            method.bill += Bill.of(method.steps(one))
        workload = workload.learned(chain)
    return found, hits / len(chains), chose / len(chains)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chains", type=int, default=None, help="only so many, of all sets alike")
    parser.add_argument("--observation", type=int, default=250, help="tokens of a result")
    parser.add_argument("--discount", type=float, nargs="*", default=[1.0, 0.5, 0.1], help="price of cached input")
    options = parser.parse_args()
    data = os.environ.get("AUTOGEN_LIKE_DATA")
    if data is None:
        sys.exit("name the folder that holds toolbench/: AUTOGEN_LIKE_DATA=...")
    everything = load(Path(data) / "toolbench")
    pool = list({text_of(tool): tool for one in everything for tool in one.tools.values()}.values())
    step = max(1, len(everything) // options.chains) if options.chains else 1
    chains = [one for one in everything[::step] if one.called]
    number = len(chains)
    print(f"{number} chains with {sum(len(one.called) for one in chains) / number:.1f} calls of ", end="")
    print(f"{sum(len(set(one.called)) for one in chains) / number:.1f} tools; {len(pool)} schemas to pad with")
    for discount in options.discount:
        prices = Prices(1.0, 4.0, None if discount == 1 else discount)
        print(f"\ncached input at {discount:g} of the price: tokens sent a chain, and the cost beside listing all")
        print(f"{'tools':>24}" + "".join(f"{size or 'recorded':>19}" for size in SIZES))
        columns = [measured(chains, pool, size, options.observation, prices) for size in SIZES]
        for at, method in enumerate(methods()):
            row = f"{method.name:24}"
            for found, _, _ in columns:
                bill, full = found[at].bill, found[0].bill
                row += f"{bill.sent / number:11,.0f} {bill.cost(prices) / full.cost(prices) - 1:+7.1%}"
            print(row)
        print(f"{'BM25 had all of them':24}" + "".join(f"{hits:19.1%}" for _, hits, _ in columns))
        print(f"{'auto registers':24}" + "".join(f"{chose:19.1%}" for _, _, chose in columns))


if __name__ == "__main__":
    main()
