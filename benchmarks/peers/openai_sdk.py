"""OpenAI Agents SDK; see ../turns.py. It has agents and hand-offs; the benchmark hands the words from one to the other.

A turn: a run of the agent whose turn it is, given its own history of the conversation and what the other said. Tracing,
which would send the conversation away, is off.
"""

from __future__ import annotations

import asyncio

from agents import Agent, ModelResponse, RunConfig, Runner, Usage, function_tool, set_tracing_disabled
from agents.models.interface import Model
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
)

from measure import CHUNK, QUESTION, Contestant, Job, Run, Streamed, main, say

set_tracing_disabled(True)
QUIET = RunConfig(tracing_disabled=True)


class Instant(Model):
    def __init__(self, delay: float = 0, adds: bool = False, chunks: int = 1):
        self.delay, self.adds, self.chunks = delay, adds, chunks

    async def get_response(self, system_instructions, input, *_, **__):  # noqa: A002
        if self.delay:
            await asyncio.sleep(self.delay)
        if not self.adds:
            output = words(say())
        elif isinstance(input, list) and input[-1].get("type") == "function_call_output":
            output = words("3")
        else:
            output = ResponseFunctionToolCall(
                arguments='{"a": 1, "b": 2}', call_id="c", name="add", type="function_call"
            )
        return ModelResponse([output], Usage(), None)

    async def stream_response(self, *_, **__):
        where = {"content_index": 0, "item_id": "m", "output_index": 0, "logprobs": []}
        for number in range(self.chunks):
            yield ResponseTextDeltaEvent(
                delta=CHUNK, sequence_number=number, type="response.output_text.delta", **where
            )
        whole = Response.model_construct(id="r", output=[words(CHUNK * self.chunks)], usage=None)
        yield ResponseCompletedEvent.model_construct(
            response=whole, sequence_number=self.chunks, type="response.completed"
        )


def words(text: str) -> ResponseOutputMessage:
    content = [ResponseOutputText(annotations=[], text=text, type="output_text")]
    return ResponseOutputMessage(id="m", content=content, role="assistant", status="completed", type="message")


def two(turns: int, delay: float) -> Job:
    agents = [Agent(name, model=Instant(delay)) for name in "ab"]

    async def job():
        histories = [[], []]
        words = say()
        said = [words]
        for turn in range(1, turns):
            index = turn % 2
            given = [*histories[index], {"role": "user", "content": words}]
            result = await Runner.run(agents[index], given, run_config=QUIET)
            histories[index] = result.to_input_list()
            words = result.final_output
            said.append(words)
        job.held = histories
        return said

    return job


async def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def tool() -> Run:
    bob = Agent("bob", instructions="You add.", model=Instant(adds=True), tools=[function_tool(add)])

    async def run() -> str:
        return (await Runner.run(bob, QUESTION, run_config=QUIET)).final_output

    return run


def stream(chunks: int) -> Streamed:
    ada = Agent("ada", instructions="You talk.", model=Instant(chunks=chunks))

    async def job() -> int:
        events = Runner.run_streamed(ada, QUESTION, run_config=QUIET).stream_events()
        raw = [event.data async for event in events if event.type == "raw_response_event"]
        return len([data for data in raw if isinstance(data, ResponseTextDeltaEvent)])

    return job


if __name__ == "__main__":
    main(Contestant(two, None, tool, stream))
