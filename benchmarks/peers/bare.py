"""A bare loop, no framework: what the work itself costs; see ../turns.py. A turn: a call of the model, and appends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from measure import CHUNK, QUESTION, Contestant, Job, Run, Streamed, main, say


async def model(messages: list[dict[str, str]], delay: float = 0) -> str:
    if delay:
        await asyncio.sleep(delay)
    return say()


def group(turns: int, agents: int, delay: float = 0) -> Job:
    """Each agent has its own list, in which it is the assistant and the others are users."""
    views: list[list[dict[str, str]]] = [[] for _ in range(agents)]

    async def job() -> list[dict[str, str]]:
        said, speaker = say(), 0
        for turn in range(turns):
            if turn:
                said = await model(views[speaker], delay)
            mine, theirs = {"role": "assistant", "content": said}, {"role": "user", "content": said}
            for index, view in enumerate(views):
                view.append(mine if index == speaker else theirs)
            speaker = (speaker + 1) % agents
        return views[0]

    return job


def two(turns: int, delay: float) -> Job:
    return group(turns, 2, delay)


def add(a: int, b: int) -> int:
    return a + b


def tool() -> Run:
    tools = {"add": add}

    async def model(messages: list[dict[str, object]]) -> tuple[str, str] | str:
        return "3" if len(messages) > 1 else ("add", '{"a": 1, "b": 2}')

    async def run() -> str:
        messages: list[dict[str, object]] = [{"role": "user", "content": QUESTION}]
        while True:
            reply = await model(messages)
            if isinstance(reply, str):
                return reply
            name, arguments = reply
            messages.append({"role": "assistant", "tool_calls": [reply]})
            messages.append({"role": "tool", "content": str(tools[name](**json.loads(arguments)))})

    return run


def stream(chunks: int) -> Streamed:
    async def model() -> AsyncIterator[str]:
        for _ in range(chunks):
            yield CHUNK

    async def job() -> int:
        return len([piece async for piece in model()])

    return job


if __name__ == "__main__":
    main(Contestant(two, group, tool, stream))
