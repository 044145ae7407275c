"""AG2 1; see ../turns.py.

A turn of two agents: the agent whose turn it is continues its own conversation with what the other said. A turn of a
group: the hub, in this process and with its log in memory, lets the next in a round-robin discussion speak; by its own
default it shows each agent the newest messages only.
"""

from __future__ import annotations

import asyncio

from ag2 import Agent
from ag2.events import ModelMessage, ModelMessageChunk, ModelResponse, ToolCallEvent, ToolCallsEvent, ToolResultsEvent
from ag2.knowledge import MemoryKnowledgeStore
from ag2.network import Hub, HubClient, LocalLink
from ag2.stream import MemoryStream

from measure import CHUNK, QUESTION, Contestant, Job, Run, Streamed, main, say


class Config:
    """An instant model as AG2 wants it: a configuration that makes clients, which are functions."""

    provider = "openai"
    model = "instant"

    def __init__(self, respond):
        self.respond = respond

    def copy(self):
        return self

    def create(self):
        return self.respond


def talks(delay: float = 0) -> Config:
    async def respond(messages, context, **_):
        if delay:
            await asyncio.sleep(delay)
        return ModelResponse(ModelMessage(say()))

    return Config(respond)


def two(turns: int, delay: float) -> Job:
    agents = [Agent(name, config=talks(delay)) for name in "ab"]

    async def job():
        last = [None, None]
        words = say()
        said = [words]
        for turn in range(1, turns):
            index = turn % 2
            reply = last[index]
            last[index] = reply = await (agents[index].ask(words) if reply is None else reply.ask(words))
            words = reply.body
            said.append(words)
        job.held = last
        return said

    return job


async def group(turns: int, agents: int) -> Job:
    hub = await Hub.open(MemoryKnowledgeStore(), expectation_sweep_interval=0)
    client = HubClient(LocalLink(hub))
    said, done = [], asyncio.Event()

    async def respond(messages, context, **_):
        if len(said) == turns:
            done.set()
            return ModelResponse(ModelMessage(""))  # says nothing, which ends the discussion
        said.append(say())
        return ModelResponse(ModelMessage(said[-1]))

    names = [f"agent{number}" for number in range(agents)]
    team = [await client.register(Agent(name, config=Config(respond))) for name in names]

    async def job():
        channel = await team[0].open(type="discussion", target=names[1:])
        said.append(say())
        await channel.send(said[0])
        async with asyncio.timeout(120):
            await done.wait()
        await client.close()
        await hub.close()
        return said

    return job


async def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def tool() -> Run:
    async def respond(messages, context, **_):
        if isinstance(messages[-1], ToolResultsEvent):
            return ModelResponse(ModelMessage("3"))
        return ModelResponse(tool_calls=ToolCallsEvent([ToolCallEvent("add", id="c", arguments='{"a": 1, "b": 2}')]))

    bob = Agent("bob", "You add.", config=Config(respond), tools=[add])

    async def run() -> str:
        return (await bob.ask(QUESTION)).body

    return run


def stream(chunks: int) -> Streamed:
    async def respond(messages, context, **_):
        for _ in range(chunks):
            await context.send(ModelMessageChunk(CHUNK))
        return ModelResponse(ModelMessage(CHUNK * chunks))

    ada = Agent("ada", "You talk.", config=Config(respond))

    async def job() -> int:
        seen = []
        events = MemoryStream()

        @events.where(ModelMessageChunk).subscribe(sync_to_thread=False)
        def see(chunk):
            seen.append(chunk)

        await ada.ask(QUESTION, stream=events)
        return len(seen)

    return job


if __name__ == "__main__":
    main(Contestant(two, group, tool, stream))
