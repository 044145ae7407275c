"""Steps: what a run does that takes time is wrapped by who watches, and by nobody else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest

from autogen_like import AssistantAgent, ModelError, ModelResponse, ScriptedModel, ToolCall, UserProxyAgent
from autogen_like.core import steps
from autogen_like.core.steps import CodeStep, ModelStep, RunStep, Step, ToolStep, TurnStep, watch_all

here: ContextVar[tuple[str, ...]] = ContextVar("here", default=())


class Notes:
    """Writes down what it wraps, where, and how that ended."""

    def __init__(self, *, active: bool = True) -> None:
        self.active = active
        self.begun: list[tuple[str, ...]] = []
        self.ended: list[tuple[str, str]] = []
        self.steps: list[Step] = []

    @contextmanager
    def around(self, step: Step) -> Iterator[None]:
        name = type(step).__name__.removesuffix("Step").lower()
        token = here.set((*here.get(), name))
        self.begun.append(here.get())
        self.steps.append(step)
        error = ""
        try:
            yield
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            self.ended.append((name, error))
            here.reset(token)

    def of(self, kind: type[Step]) -> list[Any]:
        return [step for step in self.steps if isinstance(step, kind)]


@pytest.fixture
def notes() -> Iterator[Notes]:
    made = Notes()
    unwatch = watch_all(made)
    yield made
    unwatch()


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def calling(*calls: ToolCall) -> ModelResponse:
    return ModelResponse(None, calls)


def adder(*replies: Any, **more: Any) -> AssistantAgent:
    return AssistantAgent("ada", llm_config=ScriptedModel(list(replies)), tools=[add], **more)


async def test_each_step_is_wrapped_within_the_step_that_it_is_part_of(notes):
    await adder(calling(ToolCall("1", "add", '{"a": 1, "b": 2}')), "3").run(message="1 + 2?")
    within = ("run", "conversation", "turn")
    assert notes.begun == [
        within[:1], within[:2],
        within, (*within, "model"),
        within, (*within, "tool"),
        within, (*within, "model"),
    ]  # fmt: skip
    assert {error for _, error in notes.ended} == {""}
    assert [name for name, _ in notes.ended][-2:] == ["conversation", "run"]


async def test_a_step_knows_what_it_is_about_and_what_came_of_it(notes):
    await adder(calling(ToolCall("1", "add", '{"a": 1, "b": 2}'), ToolCall("2", "add", "{}")), "3").run(message="Go")
    assert [step.response.content for step in notes.of(ModelStep)] == [None, "3"]
    found = sorted((step.call.id, step.tool.name, step.result.error_type) for step in notes.of(ToolStep))
    assert found == [("1", "add", None), ("2", "add", "invalid_arguments")]
    assert [step.reply.speaker for step in notes.of(TurnStep)] == ["ada"] * 3
    assert notes.of(RunStep)[0].run.name == "ada"


async def test_a_step_that_fails_tells_how_and_the_run_fails_as_ever(notes):
    with pytest.raises(Exception, match="down"):
        await adder(ModelError("down")).run(message="Go")
    assert notes.ended == [
        ("model", "ModelError"),
        ("turn", "ConversationError"),
        ("conversation", "ConversationError"),
        ("run", "ConversationError"),
    ]


async def test_a_step_that_is_cancelled_is_left(notes):
    never = asyncio.Event()

    async def wait() -> str:
        """Waits."""
        notes_seen.set()
        await never.wait()
        return "done"

    notes_seen = asyncio.Event()
    agent = AssistantAgent("ada", llm_config=ScriptedModel([calling(ToolCall("1", "wait", "{}"))]), tools=[wait])
    run = agent.run(message="Go").start()
    await notes_seen.wait()
    run.cancel()
    assert (await run).stop_reason.kind == "cancelled"
    assert ("tool", "CancelledError") in notes.ended
    assert notes.ended[-1] == ("run", "")


async def test_code_is_a_step(notes, tmp_path):
    user = UserProxyAgent(
        "user",
        human_input_mode="NEVER",
        max_consecutive_auto_reply=1,
        code_execution_config={"use_docker": False, "work_dir": str(tmp_path)},
    )
    await adder("```sh\nexit 3\n```").run(user, "```sh\nexit 3\n```", max_turns=1)
    assert [(step.languages, step.exit_code) for step in notes.of(CodeStep)] == [(("sh",), 3)]


async def test_who_isnt_active_when_a_run_is_made_has_nothing_of_it_wrapped():
    asleep = Notes(active=False)
    unwatch = watch_all(asleep)
    try:
        await adder("hi").run(message="Go")
    finally:
        unwatch()
        unwatch()  # twice is once
    assert asleep.steps == []


async def test_what_watches_can_neither_fail_a_run_nor_swallow_its_failure(caplog):
    class Bad:
        active = True

        def __init__(self, when: str) -> None:
            self.when = when

        @contextmanager
        def around(self, step: Step) -> Iterator[None]:
            if self.when == "before":
                raise ValueError("before")
            try:
                yield
            except ModelError:
                pass  # swallowed, it hopes
            if self.when == "after":
                raise ValueError("after")

    offs = [watch_all(Bad(when)) for when in ("before", "after", "never")]
    try:
        with caplog.at_level(logging.ERROR, "autogen_like"):
            assert (await adder("hi").run(message="Go")).summary == "hi"
            with pytest.raises(Exception, match="down"):
                await adder(ModelError("down")).run(message="Go")
    finally:
        for off in offs:
            off()
    assert "at the beginning" in caplog.text
    assert "at the end" in caplog.text


async def test_nobody_watching_costs_no_steps(monkeypatch):
    made: list[object] = []
    for kind in (RunStep, TurnStep, ModelStep, ToolStep, CodeStep, steps.ConversationStep):
        monkeypatch.setattr(kind, "__init__", lambda self, *_, **__: made.append(self))
    await adder(calling(ToolCall("1", "add", '{"a": 1, "b": 2}')), "3").run(message="1 + 2?")
    assert made == []


async def test_a_nested_run_is_watched_by_who_watches_the_run_around_it(notes):
    inner = AssistantAgent("inner", llm_config=ScriptedModel(["deep"]))
    outer = AssistantAgent(
        "outer",
        llm_config=ScriptedModel([calling(ToolCall("1", "inner", '{"message": "?"}')), "done"]),
        tools=[inner.as_tool("inner", "Asks.")],
    )
    await outer.run(message="Go")
    assert ("run", "conversation", "turn", "tool", "run", "conversation", "turn", "model") in notes.begun


async def test_a_step_within_the_handling_of_another_error_has_not_failed(notes):
    async def main() -> Any:
        try:
            raise ValueError("before")
        except ValueError:
            return await adder("hi").run(message="Go")

    assert (await main()).summary == "hi"
    assert {error for _, error in notes.ended} == {""}
