"""Runs that are kept: whenever the process dies, the run goes on elsewhere as if nothing had been."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from dying import Died, Memory, World, after, again, asked, told, user, wants

from autogen_like import (
    AssistantAgent,
    ChatResult,
    ConfigError,
    ConversableAgent,
    FunctionTool,
    GroupChat,
    GroupChatManager,
    Limits,
    MaxMessages,
    ModelResponse,
    Run,
    ToolCall,
    initiate_chats,
    keep_runs,
)
from autogen_like.core.journal import Called, Opened, Said


def alone(world: World, **kept: Any) -> Run[ChatResult]:
    model = after(wants(("look", "a flight")), wants(("book", "a flight"), ("book", "a room")), "All booked.")
    return AssistantAgent("ada", llm_config=model, tools=world.tools()).run(message="A trip, please.", **kept)


def two(world: World, **kept: Any) -> Run[ChatResult]:
    guest = user(tools=world.tools())
    ada = AssistantAgent("ada", llm_config=after(wants(("look", "a flight")), wants(("book", "it")), "Done. TERMINATE"))
    return guest.run(ada, "A trip, please.", **kept)


def group(world: World, **kept: Any) -> Run[ChatResult]:
    ada = AssistantAgent(
        "ada",
        llm_config=after("I plan.", wants(("book", "a flight")), "Booked.", "Bye. TERMINATE"),
        tools=world.tools(),
    )
    bob = AssistantAgent("bob", llm_config=after("I agree.", "I agree still."))
    chat = GroupChat([user(), ada, bob], speaker_selection_method="round_robin", max_round=9)
    return chat.agents[0].run(GroupChatManager(chat), "Plan a trip.", **kept)


def nested(world: World, **kept: Any) -> Run[ChatResult]:
    clerk = AssistantAgent("clerk", llm_config=after(wants(("book", "a flight")), "Booked."), tools=world.tools())
    checker = AssistantAgent("checker", llm_config=after("It is fine."))
    desk = ConversableAgent("desk", human_input_mode="NEVER")
    chats = [
        {"recipient": clerk, "max_turns": 1, "summary_method": "last_msg"},
        {"recipient": checker, "message": "Is it fine?", "max_turns": 1},
    ]
    desk.register_nested_chats(chats, trigger="user")
    return user().run(desk, "A trip, please.", max_turns=2, **kept)


def as_tool(world: World, **kept: Any) -> Run[ChatResult]:
    clerk = AssistantAgent("clerk", llm_config=after(wants(("book", "a flight")), "Booked."), tools=world.tools())
    boss_model = after(ModelResponse(tool_calls=(ToolCall("c", "clerk", '{"message": "Book it."}'),)), "It is booked.")
    boss = AssistantAgent("boss", llm_config=boss_model, tools=[clerk.as_tool(description="Books.")])
    return boss.run(message="A trip, please.", **kept)


def parallel(world: World, **kept: Any) -> Run[ChatResult]:
    def clerk(name: str, what: str) -> AssistantAgent:
        model = after(wants(("look", what)), wants(("book", what)), f"{what} is booked.")
        return AssistantAgent(name, llm_config=model, tools=world.tools())

    desk = ConversableAgent("desk", human_input_mode="NEVER")
    chats = [
        {"chat_id": "air", "recipient": clerk("ada", "a flight"), "message": "Fly.", "max_turns": 1},
        {"chat_id": "bed", "recipient": clerk("bob", "a room"), "message": "Sleep.", "max_turns": 1},
        {"chat_id": "sum", "recipient": clerk("eve", "a taxi"), "message": "Ride.", "max_turns": 1,
         "prerequisites": ["air", "bed"]},
    ]  # fmt: skip
    desk.register_nested_chats(chats, trigger="user", use_async=True)
    return user().run(desk, "A trip, please.", max_turns=1, **kept)


def around(world: World, **kept: Any) -> Run[ChatResult]:
    """Chats that are started before the first turn, between two, and after the last."""

    async def asked(name: str, what: str) -> Any:
        model = after(wants(("book", what)), f"{what} is booked.")
        agent = AssistantAgent(name, llm_config=model, tools=world.tools())
        return (await agent.run(message="Book it.")).summary

    async def opening(sender: Any, recipient: Any, context: Any) -> Any:
        return await asked("ada", "a flight")

    async def select(last_speaker: Any, group: GroupChat) -> Any:
        await asked("eve", "a taxi")
        return group.agents[1]

    async def summary(sender: Any, recipient: Any, arguments: Any) -> Any:
        return await asked("bob", "a room")

    writer = AssistantAgent("writer", llm_config=after("Noted. TERMINATE"))
    chat = GroupChat([user(), writer], speaker_selection_method=select, max_round=3)
    return chat.agents[0].run(GroupChatManager(chat), opening, summary_method=summary, **kept)


PROGRAMS = [alone, two, group, nested, as_tool, parallel, around]


@pytest.mark.parametrize("program", PROGRAMS)
async def test_wherever_it_dies_it_goes_on_as_if_nothing_had_been(program: Callable[..., Run[ChatResult]]):
    undisturbed, memory = World(), Memory()
    expected = await program(undisturbed, store=memory)
    assert memory.records
    for dies_at in range(1, len(memory.records) + 1):
        world, broken = World(), Memory()
        broken.dies_at = dies_at
        run = program(world, store=broken)
        with pytest.raises(Died):
            await run
        result = await program(world, store=broken, resume=run.id, human=again)
        assert told(result) == told(expected), dies_at
        assert result.stop_reason == expected.stop_reason
        assert result.summary == expected.summary
        assert asked(result) == asked(expected), dies_at
        booked = [what for what in world.done if not what.startswith("looked")]
        assert sorted(booked) == sorted(what for what in undisturbed.done if not what.startswith("looked")), dies_at


def queue(world: World) -> list[dict[str, Any]]:
    guest = user(tools=world.tools())
    ada = AssistantAgent("ada", llm_config=after(wants(("book", "a flight")), "Flight booked. TERMINATE"))
    bob = AssistantAgent("bob", llm_config=after("Well done."))
    return [
        {"sender": guest, "recipient": ada, "message": "A flight, please.", "silent": True},
        {"sender": guest, "recipient": bob, "message": "What do you say?", "max_turns": 1, "silent": True},
    ]


def test_a_sequence_goes_on_with_the_chat_it_died_in_and_carries_what_came_before():
    memory = Memory()
    expected = initiate_chats(queue(World()), store=memory)
    for dies_at in range(1, len(memory.records) + 1):
        world, broken = World(), Memory()
        broken.dies_at = dies_at
        with pytest.raises(Died):
            initiate_chats(queue(world), store=broken)
        results = initiate_chats(queue(world), store=broken, resume="it", human=again)
        assert [told(result) for result in results] == [told(result) for result in expected]
        assert world.done.count("a flight") <= 1


def test_a_sequence_goes_on_in_the_store_of_the_process_too():
    memory = Memory()
    keep_runs(memory)
    try:
        expected = initiate_chats(queue(World()), store=memory)
        asked = len(memory.records)
        results = initiate_chats(queue(World()), resume="it")
    finally:
        keep_runs(None)
    assert [told(result) for result in results] == [told(result) for result in expected]
    assert len(memory.records) == asked  # nothing was held again


def test_who_answers_for_people_does_so_in_a_sequence_that_is_not_kept():
    world = World()
    guest = user(tools=[FunctionTool(tool.function, approval=True, inline=True) for tool in world.tools()])
    ada = AssistantAgent("ada", llm_config=after(wants(("book", "a flight")), "Flight booked. TERMINATE"))
    initiate_chats([{"sender": guest, "recipient": ada, "message": "Book.", "silent": True}], human=again)
    assert world.done == ["a flight"]


async def test_a_call_that_did_run_is_told_to_a_person_or_the_model_and_not_run_again():
    world, memory = World(), Memory()
    run = two(world, store=memory)
    expected = await run
    ran = next(
        place
        for place, (_, record) in enumerate(memory.records)
        if isinstance(record, Called) and record.call.name == "book" and record.result is not None
    )
    memory.records = memory.records[:ran]  # it was booked, and the process died before that was written
    paused = await two(world, store=memory, resume=run.id, human="pause")
    assert paused.stop_reason.kind == "paused"
    told_by_nobody = await two(world, store=memory, resume=run.id, uncertain="tell")
    assert "unknown whether this ran" in told_by_nobody.messages[-2].tool_results[0].content
    assert world.done.count("it") == 1
    assert len(told_by_nobody.messages) == len(expected.messages)


async def test_an_agent_that_was_asked_as_a_tool_goes_on_and_nobody_is_asked_about_it():
    world, memory = World(), Memory()
    run = as_tool(world, store=memory)
    expected = await run
    said = [place for place, (_, record) in enumerate(memory.records) if isinstance(record, Said)]
    memory.records = memory.records[: said[4] + 1]  # in the chat inside, the flight is booked and its model told
    result = await as_tool(world, store=memory, resume=run.id, human="pause")
    assert told(result) == told(expected)
    assert world.done == ["a flight"]


async def test_a_run_that_paused_is_answered_in_another_process():
    memory, done = Memory(), []

    def pay(amount: int) -> str:
        "Pays."
        done.append(amount)
        return "paid"

    def payer(**kept: Any) -> Run[ChatResult]:
        model = after(ModelResponse(tool_calls=(ToolCall("c", "pay", '{"amount": 5}'),)), "Done.")
        agent = AssistantAgent("ada", llm_config=model, tools=[FunctionTool(pay, approval=True, inline=True)])
        return agent.run(message="Pay.", store=memory, **kept)

    run = payer(human="pause")
    result = await run
    assert result.stop_reason.kind == "paused"
    result = await payer(human="pause", resume=run.id)
    assert result.paused is not None
    result = await result.paused.run({result.paused.requests[0].id: True})
    assert (result.summary, done) == ("Done.", [5])
    kinds = [type(record).__name__ for _, record in memory.records]
    assert kinds.count("Said") == 4


async def test_a_budget_that_is_spent_leaves_it_resumable_and_counts_on():
    world, memory = World(), Memory()
    run = two(world, store=memory, limits=Limits(requests=2))
    result = await run
    assert result.stop_reason.kind == "budget"
    result = await two(world, store=memory, resume=run.id, limits=Limits(requests=2))
    assert result.stop_reason.kind == "budget"
    result = await two(world, store=memory, resume=run.id, limits=Limits(requests=9))
    assert result.stop_reason.kind == "termination_message"
    assert result.usage_by_agent["ada"].total.requests == 3


async def test_a_run_that_has_ended_gives_its_result_again_and_asks_nobody():
    world, memory = World(), Memory()
    run = two(world, store=memory)
    expected = await run
    records = len(memory.records)
    result = await two(world, store=memory, resume=expected.run_id)
    assert (told(result), result.summary, result.stop_reason) == (
        told(expected),
        expected.summary,
        expected.stop_reason,
    )
    assert len(memory.records) == records


async def test_stop_conditions_count_what_was_said_before():
    for dies_at in range(1, 9):
        memory = Memory()
        memory.dies_at = dies_at
        run = two(World(), store=memory, stop=MaxMessages(4))
        try:
            await run
        except Died:
            result = await two(World(), store=memory, resume=run.id, stop=MaxMessages(4), human=again)
            assert len(result.messages) == 4


async def test_a_chat_that_goes_on_brings_its_past_along():
    memory = Memory()
    ada = AssistantAgent("ada", llm_config=after("One.", "Two."))
    first = await ada.run(message="Count.")
    await ada.run(message="On.", clear_history=False, store=memory)
    opened = next(record for _, record in memory.records if isinstance(record, Opened))
    assert list(opened.past) == list(first.messages)


@pytest.mark.parametrize(
    ("kept", "cure"),
    [
        ({"resume": "x"}, "name the store"),
        ({"store": 3}, "must be a Store"),
        ({"store": Memory(), "uncertain": "guess"}, '"ask" or "tell"'),
    ],
)
def test_what_cannot_be_kept_is_said_at_once(kept: Any, cure: str):
    with pytest.raises(ConfigError, match=cure):
        alone(World(), **kept)
