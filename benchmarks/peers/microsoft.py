"""Microsoft Agent Framework, as it is installed: with its instrumentation, which no exporter reads; see ../turns.py.

A turn of two agents: a run of the agent whose turn it is, with the session that keeps its history, given what the other
said: the framework's group chat for two costs more. A turn of a group: a step of its group chat's workflow.
"""

from __future__ import annotations

import asyncio

from agent_framework import (
    Agent,
    BaseChatClient,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    Message,
    tool,
)
from agent_framework.orchestrations import GroupChatBuilder

from measure import CHUNK, QUESTION, Contestant, Job, Run, Streamed, main, say


class Instant(FunctionInvocationLayer, BaseChatClient):
    def __init__(self, delay: float = 0, adds: bool = False, chunks: int = 1):
        super().__init__()
        self.delay, self.adds, self.chunks = delay, adds, chunks

    def _inner_get_response(self, *, messages, stream, options, **_):
        if not stream:
            return self.respond(messages)
        return self._build_response_stream(self.updates())

    async def respond(self, messages):
        if self.delay:
            await asyncio.sleep(self.delay)
        if not self.adds:
            content = Content.from_text(say())
        elif messages[-1].role == "tool":
            content = Content.from_text("3")
        else:
            content = Content.from_function_call("c", "add", arguments='{"a": 1, "b": 2}')
        return ChatResponse(messages=Message("assistant", [content]))

    async def updates(self):
        for _ in range(self.chunks):
            yield ChatResponseUpdate(contents=[Content.from_text(CHUNK)], role="assistant")


def two(turns: int, delay: float) -> Job:
    agents = [Agent(Instant(delay), name=name) for name in "ab"]
    sessions = [agent.create_session() for agent in agents]

    async def job():
        words = say()
        said = [words]
        for turn in range(1, turns):
            index = turn % 2
            words = (await agents[index].run(words, session=sessions[index])).text
            said.append(words)
        return said

    return job


def group(turns: int, agents: int) -> Job:
    team = [Agent(Instant(), name=f"agent{number}") for number in range(agents)]
    names = [agent.name for agent in team]
    workflow = GroupChatBuilder(
        participants=team,
        selection_func=lambda state: names[(state.current_round + 1) % agents],
        max_rounds=turns - 1,
        output_from="all",
    ).build()
    workflow._max_iterations = workflow._runner._max_iterations = turns * 3  # noqa: SLF001 - the builder has no way

    async def job():
        # The opening isn't among them; that the limit has been reached is.
        return (await workflow.run(say())).get_outputs()

    return job


async def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def run_tool() -> Run:
    bob = Agent(Instant(adds=True), "You add.", name="bob", tools=[tool(add, approval_mode="never_require")])

    async def run() -> str:
        return (await bob.run(QUESTION)).text

    return run


def stream(chunks: int) -> Streamed:
    ada = Agent(Instant(chunks=chunks), "You talk.", name="ada")

    async def job() -> int:
        return len([update async for update in ada.run(QUESTION, stream=True) if update.text])

    return job


CONTESTANT = Contestant(two, group, run_tool, stream)

if __name__ == "__main__":
    main(CONTESTANT)
