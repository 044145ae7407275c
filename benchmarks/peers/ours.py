"""Our own turns; see ../turns.py. A turn: the loop asks the rule who is next, and that agent asks its model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from autogen_like import AssistantAgent, GroupChat, GroupChatManager, MaxMessages, Message, ScriptedModel, ToolCall
from autogen_like.core.events import TextDelta
from autogen_like.models.client import Delta, ModelRequest, ModelResponse, StreamItem
from autogen_like.tools.tool import FunctionTool

from measure import CHUNK, QUESTION, Contestant, Job, Run, Streamed, main, say

CALL = ModelResponse(None, (ToolCall("c", "add", '{"a": 1, "b": 2}'),), model="scripted")


def agent(name: str, delay: float = 0) -> AssistantAgent:
    model = ScriptedModel(lambda _: say(), record=False, delay=delay)
    return AssistantAgent(name, llm_config=model, max_consecutive_auto_reply=10**9, description=name)


def two(turns: int, delay: float) -> Job:
    first, second = agent("a", delay), agent("b", delay)

    async def job() -> Sequence[Message]:
        return (await first.run(second, say(), stop=MaxMessages(turns))).messages

    return job


def group(turns: int, agents: int) -> Job:
    """With a listener, which gets every event."""
    team = [agent(f"agent{number}") for number in range(agents)]
    manager = GroupChatManager(GroupChat(team, max_round=turns, speaker_selection_method="round_robin"))

    async def job() -> Sequence[Message]:
        run = team[0].run(manager, say())
        events = 0

        def listen(event: object) -> None:
            nonlocal events
            events += 1

        run.subscribe(listen, deltas=False)
        messages = (await run).messages
        assert events > turns
        return messages

    return job


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def tool() -> Run:
    def reply(request: ModelRequest) -> str | ModelResponse:
        return "3" if len(request.messages) > 1 else CALL

    asked = AssistantAgent(
        "bob",
        "You add.",
        llm_config=ScriptedModel(reply, record=False),
        tools=[FunctionTool(add, inline=True)],
    )

    async def run() -> str:
        return str((await asked.run(message=QUESTION)).summary)

    return run


class InPieces(ScriptedModel):
    def __init__(self, chunks: int) -> None:
        super().__init__([])
        self.chunks = chunks

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        for _ in range(self.chunks):
            yield Delta(CHUNK)
        yield ModelResponse(CHUNK * self.chunks, model="scripted")


def stream(chunks: int) -> Streamed:
    ada = AssistantAgent("ada", "You talk.", llm_config=InPieces(chunks))

    async def job() -> int:
        return len([event async for event in ada.run(message=QUESTION) if isinstance(event, TextDelta)])

    return job


if __name__ == "__main__":
    main(Contestant(two, group, tool, stream))
