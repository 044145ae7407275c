"""pydantic-ai 2; see ../turns.py. It has agents and no teams, so the benchmark hands the words from one to the other.

A turn: a run of the agent whose turn it is, given its own history of the conversation and what the other said.
"""

from __future__ import annotations

import asyncio

from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.usage import RequestUsage

from measure import CHUNK, QUESTION, Contestant, Job, Run, Streamed, main, say


def model(delay: float = 0, reply=lambda _: TextPart(say())) -> FunctionModel:
    async def respond(messages, info):
        if delay:
            await asyncio.sleep(delay)
        # With its usage stated; the model would count the words of the whole history otherwise.
        return ModelResponse([reply(messages)], usage=RequestUsage(input_tokens=1, output_tokens=1))

    return FunctionModel(respond)


def two(turns: int, delay: float) -> Job:
    agents = [Agent(model(delay), name=name) for name in "ab"]

    async def job():
        histories = [[], []]
        words, said = say(), []
        said.append(words)
        for turn in range(1, turns):
            index = turn % 2
            result = await agents[index].run(words, message_history=histories[index])
            histories[index] = result.all_messages()
            words = result.output
            said.append(words)
        job.held = histories
        return said

    return job


async def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def tool() -> Run:
    def reply(messages):
        if isinstance(messages[-1].parts[0], ToolReturnPart):
            return TextPart("3")
        return ToolCallPart("add", '{"a": 1, "b": 2}', "c")

    bob = Agent(model(reply=reply), name="bob", instructions="You add.", tools=[add])

    async def run() -> str:
        return (await bob.run(QUESTION)).output

    return run


def stream(chunks: int) -> Streamed:
    async def respond(messages, info):
        for _ in range(chunks):
            yield CHUNK

    ada = Agent(FunctionModel(stream_function=respond), name="ada", instructions="You talk.")

    async def job() -> int:
        async with ada.run_stream(QUESTION) as result:
            return len([piece async for piece in result.stream_text(delta=True, debounce_by=None)])

    return job


if __name__ == "__main__":
    main(Contestant(two, None, tool, stream))
