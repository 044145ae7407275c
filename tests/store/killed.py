"""A program that is killed: a chat with tools in a store, gone on with as often as need be.

    python killed.py URL RUN_ID EFFECTS [resume]

It prints "ready" when it begins, and the whole conversation as JSON when it is over. What its tools do to the world is
a line in the file EFFECTS.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from autogen_like import AssistantAgent, FunctionTool, ModelResponse, ScriptedModel, Store, ToolCall, UserProxyAgent

STEPS = 8


def wants(step: int) -> ModelResponse:
    calls = [("look", f"{step}"), ("book", f"{step}a"), ("book", f"{step}b")]
    return ModelResponse(
        tool_calls=tuple(ToolCall(f"{name}-{what}", name, json.dumps({"what": what})) for name, what in calls)
    )


def reply(request: Any) -> ModelResponse | str:
    said = sum(message["role"] == "assistant" for message in request.messages)
    return wants(said) if said < STEPS else "All is booked. TERMINATE"


def tools(effects: Path) -> list[FunctionTool]:
    def book(what: str) -> str:
        "Books something; twice would be once too often."
        with effects.open("a") as file:
            file.write(f"{what}\n")
        return f"{what} is booked"

    async def look(what: str) -> str:
        "Looks something up."
        await asyncio.sleep(0.001)
        return f"{what} is free"

    return [FunctionTool(book, inline=True), FunctionTool(look, repeatable=True)]


async def main(url: str, run_id: str, effects: Path, resume: bool) -> None:
    async def person(request: Any) -> str:
        """Looks whether it was done, as a person would."""
        what = json.loads(request.call.arguments)["what"]
        done = effects.exists() and what in effects.read_text().split()
        return f"I have looked: {what} is booked" if done else "yes"

    guest = UserProxyAgent("guest", human_input_mode="NEVER", tools=tools(effects))
    ada = AssistantAgent("ada", llm_config=ScriptedModel(reply, record=False))
    async with Store(url, lease=1.0) as store:
        print("ready", flush=True)
        kept = {"resume": run_id} if resume else {}
        run = guest.run(ada, "A trip, please.", store=store, human=person, **kept)
        run.id = run_id
        result = await run
    said = [
        [one.speaker, one.content, [call.id for call in one.tool_calls], [each.content for each in one.tool_results]]
        for one in result.messages
    ]
    print(json.dumps({"said": said, "why": result.stop_reason.kind}), flush=True)


if __name__ == "__main__":
    os.environ.pop("OPENAI_API_KEY", None)
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), "resume" in sys.argv[4:]))
