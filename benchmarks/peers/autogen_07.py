"""AutoGen 0.7; see ../turns.py. A turn: the team's manager picks an agent, which answers and tells all others."""

from __future__ import annotations

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.messages import ModelClientStreamingChunkEvent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import FunctionCall
from autogen_core.models import ChatCompletionClient, CreateResult, FunctionExecutionResultMessage, RequestUsage

from measure import CHUNK, QUESTION, Contestant, Job, Run, Streamed, main, say

CALL = [FunctionCall(id="c", name="add", arguments='{"a": 1, "b": 2}')]
INFO = {
    "vision": False,
    "function_calling": True,
    "json_output": False,
    "family": "unknown",
    "structured_output": False,
}


class Instant(ChatCompletionClient):
    def __init__(self, delay: float = 0, reply=lambda _: say(), chunks: int = 1):
        self.chunks = chunks
        self._delay, self._reply, self._usage = delay, reply, RequestUsage(prompt_tokens=0, completion_tokens=0)

    async def create(self, messages, **_):
        if self._delay:
            await asyncio.sleep(self._delay)
        content = self._reply(messages)
        reason = "stop" if isinstance(content, str) else "function_calls"
        return CreateResult(finish_reason=reason, content=content, usage=self._usage, cached=False)

    async def create_stream(self, messages, **more):
        for _ in range(self.chunks):
            yield CHUNK
        yield CreateResult(finish_reason="stop", content=CHUNK * self.chunks, usage=self._usage, cached=False)

    async def close(self):
        pass

    def actual_usage(self):
        return self._usage

    total_usage = actual_usage

    def count_tokens(self, messages, **_):
        return 0

    remaining_tokens = count_tokens

    @property
    def capabilities(self):
        return INFO

    model_info = capabilities


def agent(name: str, delay: float = 0) -> AssistantAgent:
    return AssistantAgent(name, Instant(delay), system_message="You talk.")


def team(turns: int, agents: list[AssistantAgent]) -> Job:
    made = RoundRobinGroupChat(agents, termination_condition=MaxMessageTermination(turns))

    async def job():
        return (await made.run(task=say())).messages

    return job


def two(turns: int, delay: float) -> Job:
    return team(turns, [agent("a", delay), agent("b", delay)])


def group(turns: int, agents: int) -> Job:
    return team(turns, [agent(f"agent{number}") for number in range(agents)])


async def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def tool() -> Run:
    def reply(messages):
        return "3" if isinstance(messages[-1], FunctionExecutionResultMessage) else CALL

    bob = AssistantAgent("bob", Instant(reply=reply), tools=[add], system_message="You add.", reflect_on_tool_use=True)

    async def run() -> str:
        await bob._model_context.clear()  # noqa: SLF001 - each run is one of its own
        return (await bob.run(task=QUESTION)).messages[-1].content

    return run


def stream(chunks: int) -> Streamed:
    ada = AssistantAgent("ada", Instant(chunks=chunks), system_message="You talk.", model_client_stream=True)

    async def job() -> int:
        events = ada.run_stream(task=QUESTION)
        return len([event async for event in events if isinstance(event, ModelClientStreamingChunkEvent)])

    return job


if __name__ == "__main__":
    main(Contestant(two, group, tool, stream, overlap=False))
