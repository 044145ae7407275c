"""A failed task is tried again, with lessons from the times before."""

from __future__ import annotations

import asyncio
from typing import Any

import dying
import pytest

from autogen_like import (
    ConfigError,
    ConversationError,
    FunctionTool,
    Limits,
    ModelError,
    Reflexion,
    ReflexionResult,
    Run,
    ScriptedModel,
    StopReason,
)
from autogen_like.stateflow import StateFlow, ask, failed, run


def guesser(*replies: Any) -> StateFlow:
    made = StateFlow("guess", initial="guess", final={"end"}, model=ScriptedModel(list(replies)))
    return made.state("guess", ask("Guess.")).transition("guess", "end")


async def test_each_trial_knows_the_lessons_from_those_before():
    teacher = ScriptedModel(["Go higher.", "Go lower."])
    flow = guesser("1", "9", "5")
    outcome = await Reflexion(flow, teacher, trials=5, solved=lambda result: result.summary == "5").run("Which number?")
    assert (outcome.succeeded, outcome.result.summary, len(outcome.trials)) == (True, "5", 3)
    assert outcome.lessons == ("Go higher.", "Go lower.")
    tasks = [request.messages[0]["content"] for request in flow.client.requests]
    assert tasks[0] == "Which number?"
    assert tasks[2].endswith("What was learned when this was tried before:\n- Go higher.\n- Go lower.")
    assert "The task:\nWhich number?" in teacher.requests[1].messages[0]["content"]
    assert "guess: 9" in teacher.requests[1].messages[0]["content"]


async def test_trials_are_limited_and_the_last_failure_costs_no_lesson():
    teacher = ScriptedModel(["Try harder."])

    async def never(result: Any) -> bool:
        return False

    outcome = await Reflexion(guesser("1", "2"), teacher, trials=2, solved=never).run("Which?")
    assert (outcome.succeeded, len(outcome.trials), teacher.calls) == (False, 2, 1)
    assert outcome.stop_reason.kind == "max_turns"


async def test_by_default_a_final_state_is_success():
    assert (await Reflexion(guesser("1")).run("Which?")).succeeded


async def test_a_text_in_the_task_is_no_place_of_the_prompt():
    teacher = ScriptedModel(["x"])
    await Reflexion(guesser("1", "2"), teacher, trials=2, solved=lambda _: False).run("Say {history}.")
    assert "The task:\nSay {history}.\n" in teacher.requests[0].messages[0]["content"]


async def test_a_budget_holds_across_the_trials():
    flow = guesser(*"123456789")
    outcome = await Reflexion(flow, trials=9, solved=lambda _: False).run("Which?", limits=Limits(requests=4))
    assert flow.client.calls == 4
    assert not outcome.succeeded


def slow(*replies: str) -> StateFlow:
    """A flow that says the replies, and then waits for ever in its second state."""
    model = ScriptedModel([*replies, "late"])
    flow = StateFlow("slow", initial="a", final={"end"}, model=model)
    flow.state("a", ask("Go.")).state("b", ask(ScriptedModel(["late"], delay=600)))
    return flow.transition("a", "b").transition("b", "end")


async def test_cancelling_gives_what_was_done_until_then_and_the_reason():
    going = Reflexion(slow("begun")).run("t").start()
    await asyncio.sleep(0.05)
    going.cancel(StopReason("cancelled", "enough"))
    outcome = await going
    assert (outcome.succeeded, len(outcome.trials)) == (False, 1)
    assert outcome.stop_reason == StopReason("cancelled", "enough")
    assert [message.text for message in outcome.result.messages] == ["t", "begun"]
    assert (outcome.result.state, outcome.result.stop_reason.kind) == ("b", "cancelled")


async def test_time_that_is_over_gives_what_was_done_until_then():
    outcome = await Reflexion(slow("begun")).run("t", limits=Limits(seconds=0.1))
    assert (outcome.stop_reason.kind, outcome.result.state) == ("timeout", "b")


async def test_cancelling_while_a_lesson_is_written_keeps_the_trials():
    flow = StateFlow("f", initial="a", final={"end"}, model=ScriptedModel(["5"]))
    flow.state("a", ask("Go.")).transition("a", "end")
    writer = ScriptedModel(["late"], delay=600)
    going = Reflexion(flow, writer, solved=lambda result: False).run("t").start()
    while not writer.calls:
        await asyncio.sleep(0.01)
    going.cancel()
    outcome = await going
    assert (outcome.stop_reason.kind, outcome.result.summary, outcome.lessons) == ("cancelled", "5", ())


async def test_the_callers_own_cancellation_is_raised_and_leaves_nothing_running():
    task = asyncio.ensure_future(_awaited(Reflexion(slow("begun")).run("t")))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def _awaited(going: Any) -> Any:
    return await going


async def test_an_error_of_a_trial_is_raised():
    flow = StateFlow("f", initial="a", final={"end"}, model=ScriptedModel([ModelError("broken")]))
    with pytest.raises(ConversationError, match="broken"):
        await Reflexion(flow.state("a", ask("Go.")).transition("a", "end")).run("t")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Reflexion(guesser(), trials=0), "at least 1"),
        (lambda: Reflexion(guesser(), solved="yes"), "a function of a trial's result"),
        (lambda: Reflexion(StateFlow("f", initial="a", final={"b"}).state("a").transition("a", "b")), "needs a model"),
        (lambda: Reflexion(StateFlow("f", initial="a", final={"b"}, model=ScriptedModel([]))), "not declared"),
        (lambda: Reflexion(guesser()).run(3), "must be a text"),
        (lambda: Reflexion(guesser()).run("x", store=3), "must be a Store"),
    ],
)
def test_what_cannot_be_is_said_at_once(make: Any, said: str):
    with pytest.raises(ConfigError, match=said):
        make()


async def test_wherever_it_dies_no_trial_and_no_lesson_is_made_twice():

    def program(world: Any, **kept: Any) -> Run[ReflexionResult]:
        def check(number: str) -> str:
            "Checks a number."
            world.done.append(number)
            return "right" if number == "5" else "wrong"

        model = ScriptedModel(lambda request: "5" if "Higher." in request.messages[0]["content"] else "1", record=False)
        made = StateFlow("guess", initial="a", final={"end"}, model=model)
        made.state("a", ask("Guess."), run(FunctionTool(check, inline=True))).transition("a", "a", when=failed)
        made.transition("a", "end")
        teacher = ScriptedModel(lambda _: "Higher.", record=False)
        return Reflexion(made, teacher, solved=lambda result: result.summary == "right").run("Which?", **kept)

    undisturbed, memory = dying.World(), dying.Memory()
    expected = await program(undisturbed, store=memory)
    assert (expected.succeeded, undisturbed.done) == (True, ["1", "5"])
    for dies_at in range(1, len(memory.records) + 1):
        world, broken = dying.World(), dying.Memory()
        broken.dies_at = dies_at
        going = program(world, store=broken)
        with pytest.raises(dying.Died):
            await going
        result = await program(world, store=broken, resume=going.id, human=dying.again)
        assert (result.succeeded, result.lessons, len(result.trials)) == (True, ("Higher.",), 2), dies_at
        assert world.done == ["1", "5"], dies_at
