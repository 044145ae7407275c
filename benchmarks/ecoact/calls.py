"""How often a real model gets the right tool and calls it rightly: listing all, registering, and BM25's five best.

    pip download bfcl-eval --no-deps -d data
    python benchmarks/ecoact/calls.py data/bfcl_eval-*.whl [--model local:smollm2-135m] [--cases 40] [--tools 5 10 20]

The cases are those of the Berkeley Function Calling Leaderboard's category "multiple" (Apache-2.0), read from its
wheel: a question, some functions, and the calls that are right. Each is padded with functions of other cases to N
tools. A call must be made (``tool_choice="required"``), and the embedded model is constrained to the tools' schemas;
with registering, a tool is registered first and must be called then. "first" is the share of right tools, "call" that
of right calls: the right tool with arguments that the leaderboard accepts; with 95% Wilson intervals. Tokens are
those that the model was sent, as it counts them. "-" stands where the schemas don't fit the model's window.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autogen_like import AssistantAgent, MaxMessages, ToolCall, ToolResult, UserProxyAgent
from autogen_like.core.errors import AutogenLikeError
from autogen_like.ecoact import SelectiveToolbox
from autogen_like.tools.toolbox import Toolbox

DATA = "bfcl_eval/data/"
CATEGORY = "BFCL_v4_multiple.json"
TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": "string"}
SYSTEM = "You answer questions with tools."
WINDOW = 7_000  # tokens of schemas that a model of 8,192 has room for


class Described:
    """A tool that is only described."""

    def __init__(self, function: Mapping[str, Any]) -> None:
        self.name = name_of(function["name"])
        self.description = str(function["description"])[:400]
        self.schema = {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": typed(function["parameters"]),
            },
        }

    async def call(self, call: ToolCall) -> ToolResult:
        return ToolResult(call.id, call.name, "done")


def name_of(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def typed(schema: Any) -> Any:
    """The leaderboard's schemas, in JSON schema's words."""
    if isinstance(schema, list):
        return [typed(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept = {key: value for key, value in schema.items() if key not in ("default", "optional", "format")}
    found = {key: typed(value) for key, value in kept.items()}
    if isinstance(schema.get("type"), str):
        found["type"] = TYPES.get(schema["type"].lower(), schema["type"].lower())
    return found


@dataclass(frozen=True)
class Case:
    """A question with its functions and the calls that are right."""

    question: str
    functions: Sequence[Mapping[str, Any]]
    name: str
    arguments: Mapping[str, Sequence[Any]]

    def right(self, call: ToolCall) -> bool:
        """Whether a call is one of those that the leaderboard accepts."""
        try:
            given = json.loads(call.arguments)
        except ValueError:
            return False
        if call.name != self.name or not set(given) <= set(self.arguments):
            return False
        return all(
            any(same(given[key], one) for one in values) if key in given else "" in values
            for key, values in self.arguments.items()
        )


def same(given: Any, accepted: Any) -> bool:
    if isinstance(given, str) and isinstance(accepted, str):
        return re.sub(r"[\W_]", "", given.lower()) == re.sub(r"[\W_]", "", accepted.lower())
    return bool(given == accepted)


def load(wheel: str) -> list[Case]:
    with zipfile.ZipFile(wheel) as archive:
        questions = [json.loads(line) for line in archive.read(DATA + CATEGORY).decode().splitlines()]
        answers = archive.read(f"{DATA}possible_answer/{CATEGORY}").decode().splitlines()
    gold = {one["id"]: one["ground_truth"][0] for one in map(json.loads, answers)}
    found = []
    for raw in questions:
        ((name, arguments),) = gold[raw["id"]].items()
        found.append(Case(raw["question"][0][0]["content"], raw["function"], name_of(name), arguments))
    return found


@dataclass
class Score:
    """What a method came to at one number of tools."""

    cases: int = 0
    first: int = 0
    called: int = 0
    tokens: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        if not self.cases:
            return f"{'-':>40}"
        tokens = sum(self.tokens) / self.cases
        return f"{interval(self.first, self.cases):>16}{interval(self.called, self.cases):>16}{tokens:8,.0f}"


def interval(hits: int, number: int) -> str:
    """A share with its 95% Wilson interval, in percent."""
    z, share = 1.96, hits / number
    centre = (share + z * z / (2 * number)) / (1 + z * z / number)
    half = z * math.sqrt(share * (1 - share) / number + z * z / (4 * number * number)) / (1 + z * z / number)
    return f"{100 * share:.0f} ({100 * max(0, centre - half):.0f}-{100 * (centre + half):.0f})"


async def asked(model: Any, case: Case, tools: Any, *, registers: bool) -> tuple[list[ToolCall], int]:
    """The calls that a model makes, and the tokens that it was sent."""
    clerk = AssistantAgent("clerk", SYSTEM, llm_config=model, tools=tools)
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
    calls: list[ToolCall] = []
    tokens = 0
    clerk.tool_choice = "required"
    for text in (case.question, "Now call it, to answer the question.")[: 1 + registers]:
        known = [json.loads(call.arguments).get("tool_name") for call in calls]
        if known:
            clerk.tool_choice = {"type": "function", "function": {"name": known[0]}}
        result = await user.run(clerk, message=text, clear_history=not calls, stop=MaxMessages(3), silent=True)
        calls += [call for message in result.messages for call in message.tool_calls if call not in calls]
        tokens += sum(ledger.total.prompt_tokens for ledger in result.usage_by_agent.values())
    return calls, tokens


async def measured(model: Any, cases: Sequence[Case], pool: Sequence[Any], number: int) -> dict[str, Score]:
    scores = {name: Score() for name in ("listing all", "EcoAct", "BM25, five")}
    for seed, case in enumerate(cases):
        functions = {one["name"]: one for one in case.functions}
        for one in random.Random(seed).sample(pool, len(pool)):
            if len(functions) >= number:
                break
            functions.setdefault(one["name"], one)
        tools = [Described(one) for one in functions.values()]
        random.Random(seed).shuffle(tools)
        box = SelectiveToolbox(tools)
        five = set(await box.search(case.question))
        for name, offer in (
            ("listing all", Toolbox(tools)),
            ("EcoAct", box),
            ("BM25, five", Toolbox([tool for tool in tools if tool.name in five])),
        ):
            score = scores[name]
            if name == "listing all" and box.listed().all_tokens() > WINDOW:
                continue
            try:
                calls, tokens = await asked(model, case, offer, registers=offer is box) if len(offer) else ([], 0)
            except AutogenLikeError as error:
                print(f"  {name}, {number} tools: {str(error)[:150]}")
                continue
            chosen = [json.loads(call.arguments).get("tool_name") if offer is box else call.name for call in calls[:1]]
            score.cases += 1
            score.first += chosen == [case.name]
            score.called += bool(calls) and case.right(calls[-1])
            score.tokens.append(tokens)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", help="bfcl-eval's wheel")
    parser.add_argument("--model", default="local:smollm2-135m")
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--tools", type=int, nargs="*", default=[5, 10, 20, 50])
    options = parser.parse_args()
    everything = load(options.wheel)
    cases = random.Random(1).sample(everything, min(options.cases, len(everything)))
    pool = [function for case in everything for function in case.functions]
    print(f"{options.model}, {len(cases)} cases, temperature 0; percent (95% interval)")
    print(f"{'tools':>6} {'method':14}{'first':>16}{'call':>16}{'tokens':>8}")
    for number in options.tools:
        scores = asyncio.run(measured({"model": options.model, "max_tokens": 120}, cases, pool, number))
        for name, score in scores.items():
            print(f"{number:6} {name:14}{score}", flush=True)


if __name__ == "__main__":
    main()
