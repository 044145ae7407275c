"""What a turn of real agents costs, counted and not timed: the same at any length, and nothing for what is off."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Iterator
from typing import Any

import pytest

from autogen_like import (
    AssistantAgent,
    FunctionTool,
    GroupChat,
    GroupChatManager,
    MaxMessages,
    ModelRequest,
    ModelResponse,
    ScriptedModel,
    ToolCall,
)
from autogen_like.core import conversation
from autogen_like.core.message import ChatMessage, Message
from autogen_like.core.run import Run
from autogen_like.core.transcript import Transcript
from autogen_like.models import wire
from autogen_like.tools import schema

LENGTHS = (60, 600)
LAST = 20


class Watched(list[Message]):
    """A history that counts how often it is passed over, and how many of its messages are fetched."""

    work: Tally[str]

    def __iter__(self) -> Iterator[Message]:
        self.work["passes"] += 1
        return super().__iter__()

    def __reversed__(self) -> Iterator[Message]:
        for message in super().__reversed__():
            self.work["fetched"] += 1
            yield message

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        self.work["fetched"] += len(found) if isinstance(index, slice) else 1
        return found


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Tally[str]:
    """Counts what is done with messages and tools from now on."""
    done: Tally[str] = Tally()
    begin = Transcript.__init__

    def watched(self: Transcript, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        self.messages = Watched(self.messages)
        self.messages.work = done

    def counts(owner: Any, name: str, what: str) -> None:
        original = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            done[what] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)

    monkeypatch.setattr(Transcript, "__init__", watched)
    counts(Message, "_rendering", "rendered")
    counts(wire, "_encode", "encoded")
    counts(schema, "_parameters_schema", "schemas")
    counts(schema, "_arguments_validator", "validators")
    for event in ("ConversationStarted", "TurnStarted", "MessageAdded", "ConversationEnded"):
        counts(conversation, event, "events")
    return done


class Talker:
    """A model that reads all of each request as a client of an endpoint does, and notes the work before the end."""

    def __init__(self, work: Tally[str], turns: int) -> None:
        self.work, self.turns, self.begun, self.seen = work, turns, Tally[str](), set[int]()
        self.model = ScriptedModel(self.reply, record=False)

    def reply(self, request: ModelRequest) -> str:
        wire.request_body(request.messages, request.system, {"model": "m"})
        self.seen.update(map(id, request.messages))
        if self.model.calls == self.turns - LAST:
            self.begun = self.work.copy()
        return f"reply {self.model.calls}"

    def agents(self, count: int) -> list[AssistantAgent]:
        return [
            AssistantAgent(
                f"agent{index}", llm_config=self.model, max_consecutive_auto_reply=10**9, description="talks"
            )
            for index in range(count)
        ]

    def last(self) -> dict[str, float]:
        """What each of the last turns cost."""
        return {what: (count - self.begun[what]) / LAST for what, count in self.work.items()}


async def two(work: Tally[str], turns: int) -> Talker:
    talker = Talker(work, turns)
    first, second = talker.agents(2)
    await first.run(second, "hi", stop=MaxMessages(turns))
    return talker


async def group(work: Tally[str], turns: int, count: int = 5, **options: Any) -> Talker:
    talker = Talker(work, turns)
    team = talker.agents(count)
    manager = GroupChatManager(GroupChat(team, max_round=turns, **options))
    await team[0].run(manager, "hi")
    assert talker.model.calls == turns - 1
    return talker


def in_turn(last: Any, chat: GroupChat) -> Any:
    return chat.agents[(chat.agents.index(last) + 1) % len(chat.agents)]


@pytest.mark.parametrize(
    "chat",
    [
        two,
        lambda work, turns: group(work, turns, speaker_selection_method="round_robin"),
        lambda work, turns: group(work, turns, speaker_selection_method=in_turn),
    ],
    ids=["two agents", "round robin", "a function that selects"],
)
async def test_a_turn_costs_the_same_at_any_length(chat: Any, work: Tally[str]) -> None:
    costs = []
    for turns in LENGTHS:
        work.clear()
        costs.append((await chat(work, turns)).last())
    assert costs[0] == costs[1]
    assert costs[0]["rendered"] <= 2, "as its speaker sees it, and as the others do"
    assert costs[0]["encoded"] <= 2
    assert costs[0].get("passes", 0) <= 1 / LAST, "one in the whole run, for its result"


async def test_ten_agents_hold_and_send_one_copy(work: Tally[str]) -> None:
    talker = await group(work, 100, count=10, speaker_selection_method="round_robin")
    assert work["rendered"] <= 200
    assert len(talker.seen) <= 200, "every request is made of the same objects"


async def test_nobody_listening_costs_no_events_and_no_tasks_for_turns(
    work: Tally[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[Any] = []

    def made(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        tasks.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **more)

    def emitted(self: Run[Any], event: object) -> None:
        work["emitted"] += 1

    monkeypatch.setattr(Run, "emit", emitted)
    loop = asyncio.get_running_loop()
    loop.set_task_factory(made)  # type: ignore[arg-type]
    try:
        await two(work, 100)
    finally:
        loop.set_task_factory(None)
    assert work["events"] == work["emitted"] == 0
    assert len(tasks) <= 1, "one for the run"


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def adder() -> AssistantAgent:
    call = ModelResponse(None, (ToolCall("c", "add", '{"a": 1, "b": 2}'),))
    model = ScriptedModel(lambda request: "3" if len(request.messages) > 1 else call, record=False)
    return AssistantAgent("adder", llm_config=model, tools=[FunctionTool(add, inline=True)])


async def test_a_functions_schema_is_made_once_however_many_runs_and_agents_use_it(work: Tally[str]) -> None:
    reused = adder()
    for agent in [*[reused] * 5, *(adder() for _ in range(5))]:
        assert (await agent.run(message="1 + 2?")).summary == "3"
    assert work["schemas"] <= 1
    assert work["validators"] <= 1


def test_a_schema_that_somebody_edits_is_nobody_elses() -> None:
    first, second = FunctionTool(add), FunctionTool(add)
    first.schema["function"]["parameters"]["properties"].clear()
    assert set(second.schema["function"]["parameters"]["properties"]) == {"a", "b"}
    assert set(schema.function_schema(add)["function"]["parameters"]["properties"]) == {"a", "b"}


async def test_a_message_holds_no_more_than_two_renderings(work: Tally[str]) -> None:
    talker = Talker(work, 40)
    team = talker.agents(10)
    manager = GroupChatManager(GroupChat(team, max_round=40, speaker_selection_method="round_robin"))
    messages = (await team[0].run(manager, "hi")).messages
    for message in messages:
        mine, theirs = message.render(message.speaker), message.render("somebody else")
        assert isinstance(mine, ChatMessage)
        assert all(message.render(agent.name) in (mine, theirs) for agent in team)
        assert sum(message.render(agent.name) is mine for agent in team) == 1
