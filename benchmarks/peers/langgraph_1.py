"""LangGraph 1; see ../turns.py. A turn: a step of a graph, whose node asks its agent's model about all messages so far.

Each agent sees its own messages as the assistant's and the others' as a user's, as its users do it by hand; a message
is turned around once and kept.
"""

from __future__ import annotations

import asyncio
import warnings

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import create_react_agent

from measure import CHUNK, QUESTION, Contestant, Job, Run, Streamed, main, say

CALL = {"name": "add", "args": {"a": 1, "b": 2}, "id": "c", "type": "tool_call"}


class Instant(BaseChatModel):
    delay: float = 0
    adds: bool = False

    def _generate(self, messages, stop=None, run_manager=None, **_):
        raise NotImplementedError

    async def _agenerate(self, messages, stop=None, run_manager=None, **_):
        if self.delay:
            await asyncio.sleep(self.delay)
        if not self.adds:
            message = AIMessage(say())
        elif isinstance(messages[-1], ToolMessage):
            message = AIMessage("3")
        else:
            message = AIMessage("", tool_calls=[CALL])
        return ChatResult(generations=[ChatGeneration(message=message)])

    def bind_tools(self, tools, **_):
        return self

    @property
    def _llm_type(self):
        return "instant"


def group(turns: int, agents: int, delay: float = 0) -> Job:
    names = [f"agent{number}" for number in range(agents)]
    graph = StateGraph(MessagesState)

    def node(name: str):
        model, seen = Instant(delay=delay), []

        async def speak(state):
            messages = state["messages"]
            for message in messages[len(seen) :]:
                mine = message.name == name
                seen.append(message if mine else HumanMessage(message.content, name=message.name))
            reply = await model.ainvoke(seen)
            reply.name = name
            return {"messages": [reply]}

        return speak

    for index, name in enumerate(names):
        following = names[(index + 1) % agents]
        graph.add_node(name, node(name))
        graph.add_conditional_edges(
            name, lambda state, name=following: END if len(state["messages"]) >= turns else name, [following, END]
        )
    graph.add_edge(START, names[1])
    compiled = graph.compile()

    async def job():
        opening = {"messages": [HumanMessage(say(), name=names[0])]}
        return (await compiled.ainvoke(opening, {"recursion_limit": turns + 10}))["messages"]

    return job


def two(turns: int, delay: float) -> Job:
    return group(turns, 2, delay)


async def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def tool() -> Run:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has moved to langchain, a package of its own
        bob = create_react_agent(Instant(adds=True), [add], prompt="You add.")

    async def run() -> str:
        return (await bob.ainvoke({"messages": [HumanMessage(QUESTION)]}))["messages"][-1].content

    return run


class InPieces(Instant):
    chunks: int = 1

    async def _astream(self, messages, stop=None, run_manager=None, **_):
        for _ in range(self.chunks):
            yield ChatGenerationChunk(message=AIMessageChunk(CHUNK))


def stream(chunks: int) -> Streamed:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ada = create_react_agent(InPieces(chunks=chunks), [], prompt="You talk.")

    async def job() -> int:
        asked = {"messages": [HumanMessage(QUESTION)]}
        return len([1 async for piece, _ in ada.astream(asked, stream_mode="messages") if piece.content])

    return job


if __name__ == "__main__":
    main(Contestant(two, group, tool, stream))
