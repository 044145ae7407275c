"""Which calls need a person's yes, and how it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like.core.errors import ConfigError, PersonNeeded
from autogen_like.core.events import ApprovalRequested, Event, HumanRequested, ToolStarted
from autogen_like.core.message import Message, ToolCall, ToolResult
from autogen_like.core.run import Run
from autogen_like.core.transcript import Transcript
from autogen_like.tools.approval import NeedsApproval, refusal
from autogen_like.tools.runner import run_calls
from autogen_like.tools.tool import FunctionTool
from autogen_like.tools.toolbox import Toolbox

done: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    done.clear()


def pay(amount: int, dry_run: bool = False) -> str:
    "Pays."
    done.append(amount)
    return f"paid {amount}"


def look() -> str:
    "Looks."
    done.append("look")
    return "seen"


def paying(amount: Any, id_: str = "c1") -> ToolCall:
    return ToolCall(id_, "pay", f'{{"amount": {amount}}}')


LOOK = ToolCall("c0", "look", "{}")


async def nobody(prompt: str) -> str:
    raise EOFError


def answering(*answers: str) -> Any:
    said = iter(answers)

    async def answer(request: HumanRequested) -> str:
        return next(said)

    return answer


async def in_run(
    *todo: ToolCall, human: Any = None, approval: Any = True, terminal: Any = nobody, policy: Any = None
) -> tuple[tuple[ToolResult, ...], list[Event]]:
    tools = Toolbox([FunctionTool(pay, approval=approval, tags=("money",)), FunctionTool(look)])
    transcript = Transcript([Message("ada", tool_calls=todo, id="m1")])
    events: list[Event] = []

    async def main(run: Run[Any]) -> tuple[ToolResult, ...]:
        return await run_calls(
            todo, tools, run=run, conversation="conv", speaker="ada", transcript=transcript, policy=policy,
            terminal=terminal,
        )  # fmt: skip

    run = Run(main, human=human)
    run.subscribe(events.append)
    return await run, events


async def test_a_tool_that_needs_approval_runs_after_a_yes():
    (result,), events = await in_run(paying(5), human=answering("yes"))
    assert result.content == "paid 5"
    (request,) = [event for event in events if isinstance(event, ApprovalRequested)]
    assert request.call == paying(5)
    assert (request.id, request.agent, request.conversation) == ("m1.0", "ada", "conv")
    assert 'run pay with {"amount": 5}?' in request.prompt


async def test_a_denial_goes_back_to_the_model_with_its_reason_and_the_tool_is_never_started():
    (result,), events = await in_run(paying(5), human=answering("no, that is too much"))
    assert result == ToolResult("c1", "pay", "Error: not run, since a person denied it: that is too much", error=True)
    assert not done
    assert not [event for event in events if isinstance(event, ToolStarted)]


async def test_nothing_of_a_message_runs_before_all_its_approvals_are_decided():
    async def answer(request: HumanRequested) -> str:
        await asyncio.sleep(0.02)
        assert not done
        return "yes" if '"amount": 2' in request.prompt else "no"

    results, _ = await in_run(LOOK, paying(1, "a"), paying(2, "b"), human=answer)
    assert [result.error for result in results] == [False, True, False]
    assert done == ["look", 2] or done == [2, "look"]


async def test_at_a_terminal_one_question_comes_after_the_other():
    asked: list[str] = []

    async def terminal(prompt: str) -> str:
        asked.append("?")
        await asyncio.sleep(0.01)
        asked.append("!")
        return "y"

    results, _ = await in_run(paying(1, "a"), paying(2, "b"), terminal=terminal)
    assert [result.content for result in results] == ["paid 1", "paid 2"]
    assert asked == ["?", "!", "?", "!"]


@pytest.mark.parametrize("human", [None, "pause"])
async def test_where_nobody_is_at_hand_the_run_pauses_and_nothing_has_run(human: Any):
    with pytest.raises(PersonNeeded) as caught:
        await in_run(LOOK, paying(1, "a"), paying(2, "b"), human=human)
    assert [request.id for request in caught.value.requests] == ["m1.1", "m1.2"]
    assert not done


@pytest.mark.parametrize("human", [None, "pause"])
async def test_each_open_request_is_told_once_whoever_was_asked_first(human: Any):
    told: list[str] = []

    async def main(run: Run[Any]) -> Any:
        run.subscribe(lambda event: told.append(event.id) if isinstance(event, HumanRequested) else None)
        tools = Toolbox([FunctionTool(pay, approval=True)])
        log = Transcript([Message("ada", id="m1")])
        return await run_calls([paying(1), paying(2)], tools, run=run, transcript=log, terminal=nobody)

    with pytest.raises(PersonNeeded):
        await Run(main, human=human)
    assert told == ["m1.0", "m1.1"]


async def test_a_notebook_without_a_person_counts_as_nobody():
    class StdinNotImplementedError(RuntimeError):
        pass

    async def terminal(prompt: str) -> str:
        raise StdinNotImplementedError("no input here")

    with pytest.raises(PersonNeeded):
        await in_run(paying(1), terminal=terminal)


async def test_other_errors_of_a_terminal_are_errors():
    async def terminal(prompt: str) -> str:
        raise RuntimeError("the window is broken")

    with pytest.raises(RuntimeError, match="window is broken"):
        await in_run(paying(1), terminal=terminal)


async def test_a_run_inside_another_is_denied_since_it_cannot_pause():
    async def outer(run: Run[Any]) -> Any:
        return await in_run(paying(1))

    (result,), _ = await Run(outer)
    assert "nobody is at hand" in result.content
    assert not done


async def test_outside_of_a_run_nobody_can_be_asked_and_it_is_denied():
    (result,) = await run_calls([paying(1)], Toolbox([FunctionTool(pay, approval=True)]))
    assert result.error
    assert not done


async def test_a_policy_over_all_tools_holds_beside_the_tools_own_rules():
    results, _ = await in_run(LOOK, approval=False, policy=NeedsApproval("lo*"), human=answering("no"))
    assert results[0].error
    results, _ = await in_run(
        LOOK, paying(3), approval=False, policy=NeedsApproval(tags=["money"]), human=answering("y")
    )
    assert [result.content for result in results] == ["seen", "paid 3"]


def needs(rule: Callable[..., bool], amount: Any) -> bool:
    return rule(FunctionTool(pay, tags=("money",)), paying(amount))


def test_a_rule_goes_by_name_by_tag_and_by_argument():
    assert NeedsApproval()(FunctionTool(look), LOOK)
    assert needs(NeedsApproval("p?y"), 1)
    assert not needs(NeedsApproval("delete_*"), 1)
    assert needs(NeedsApproval("delete_*", tags=["money"]), 1)
    assert not needs(NeedsApproval(tags=["files"]), 1)
    big = NeedsApproval("pay", when=lambda arguments: arguments["amount"] > 100)
    assert needs(big, 101)
    assert not needs(big, 100)


def test_a_condition_sees_the_arguments_as_the_tool_would_get_them():
    careful = NeedsApproval(when=lambda arguments: not arguments["dry_run"])
    tool = FunctionTool(pay)
    assert careful(tool, ToolCall("1", "pay", '{"amount": 1, "dry_run": "false"}'))
    assert not careful(tool, ToolCall("1", "pay", '{"amount": 1, "dry_run": "true"}'))
    assert needs(NeedsApproval(when=lambda arguments: arguments["amount"] > 100), '"200"')


def test_what_a_condition_cannot_judge_is_for_a_person():
    assert needs(NeedsApproval(when=lambda arguments: arguments["dry_run"] is False), 1)  # left out
    assert needs(NeedsApproval(when=lambda arguments: False), '"no number"')


def test_a_tool_of_another_make_is_judged_by_the_json_that_the_model_wrote():
    class Other:
        name = "pay"

    rule = NeedsApproval(when=lambda arguments: arguments["amount"] > 1)
    assert rule(Other(), paying(2))  # type: ignore[arg-type]
    assert not rule(Other(), paying(1))  # type: ignore[arg-type]


def test_tags_in_one_string_are_refused():
    with pytest.raises(ConfigError, match="list or tuple"):
        NeedsApproval(tags="money")


def test_a_rule_shows_what_it_goes_by():
    assert repr(NeedsApproval("pay", tags=["money"])) == "NeedsApproval('pay', tags=('money',))"
    assert "when=" in repr(NeedsApproval(when=bool))


@pytest.mark.parametrize("answer", ["yes", "Y", " approve ", "Yes!", "APPROVED."])
def test_a_clear_yes_is_one(answer: str):
    assert refusal(answer) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("no", ""),
        ("", ""),
        ("n", ""),
        ("No, use the test account", "use the test account"),
        ("deny: too dear", "too dear"),
        ("nothing of the kind", "nothing of the kind"),
        ("yes, but only if it rains", "yes, but only if it rains"),
        ("ok", "ok"),
    ],
)
def test_anything_else_is_a_no_with_its_reason(answer: str, reason: str):
    assert refusal(answer) == reason


@given(st.text())
def test_no_text_but_a_yes_approves(text: str):
    if text.strip().rstrip(".!").casefold() not in ("y", "yes", "approve", "approved"):
        assert refusal(text) is not None


async def test_what_a_model_wrote_cannot_play_with_the_terminal():
    call = ToolCall("1", "pay", '{"amount": "\\u001b[2J\u202e\x9b31m"}')
    asked: list[str] = []

    async def terminal(prompt: str) -> str:
        asked.append(prompt)
        return "no"

    await in_run(call, ToolCall("2", "pay", "not json \x1b[2J"), terminal=terminal)
    assert all(prompt.isprintable() and prompt.isascii() for prompt in asked)
    assert len(asked) == 2


async def test_cancelling_while_a_person_is_asked_leaves_nothing_waiting():
    async def main(run: Run[Any]) -> Any:
        return await run_calls([paying(1), paying(2)], Toolbox([FunctionTool(pay, approval=True)]), run=run)

    run = Run(main, human="events").start()
    while len(run.pending()) < 2:
        await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not run.pending()
    assert not done
