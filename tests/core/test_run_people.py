"""People who are asked while a run goes on, and the sync face."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from conversing import chat, soon

from autogen_like.core import sync
from autogen_like.core.conversation import Turn
from autogen_like.core.errors import ConfigError
from autogen_like.core.events import (
    Event,
    HumanAnswered,
    HumanRequested,
)
from autogen_like.core.message import new_id
from autogen_like.core.run import Run
from autogen_like.core.termination import StopReason

# --- people


async def terminal(request: HumanRequested) -> str:
    return "from the terminal"


def asking(heard: list[Event] | None = None, **options: Any) -> Run[str]:
    async def main(run: Run[str]) -> str:
        return await run.ask(HumanRequested("c", new_id(), "ada", "Well?"), terminal)

    run = Run(main, **options)
    if heard is not None:
        run.subscribe(heard.append)
    return run


async def test_a_person_at_the_terminal_is_asked_by_default() -> None:
    heard: list[Event] = []
    run = asking(heard)
    assert await run == "from the terminal"
    request, answer = heard
    assert isinstance(request, HumanRequested)
    assert isinstance(answer, HumanAnswered)
    assert (request.prompt, answer.id, answer.text) == ("Well?", request.id, "from the terminal")
    assert run.pending() == ()


async def test_a_function_may_answer_for_people() -> None:
    async def answer(request: HumanRequested) -> str:
        return f"{request.agent}: yes"

    assert await asking(human=answer) == "ada: yes"


async def test_a_function_that_fails_fails_the_run() -> None:
    async def answer(request: HumanRequested) -> str:
        raise ValueError("nobody there")

    run = asking(human=answer)
    with pytest.raises(ValueError, match="nobody there"):
        await run
    assert run.pending() == ()


async def test_another_thread_may_answer_an_event() -> None:
    run = asking(human="events")
    async with asyncio.timeout(20):
        async for event in run:
            if isinstance(event, HumanRequested):
                threading.Timer(0.02, run.answer, (event.id, "later")).start()
    assert await run == "later"


async def test_the_first_answer_counts() -> None:
    run = asking(human="events").start()
    await soon(run.pending)
    (request,) = run.pending()
    run.answer(request, "first")
    run.answer(request, "second")
    assert await run == "first"


async def test_an_event_may_be_answered_before_the_function_does() -> None:
    cancelled: list[bool] = []

    async def slow(request: HumanRequested) -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return "never"

    run = asking(human=slow).start()
    await soon(run.pending)
    run.answer(run.pending()[0], "quick")
    assert await run == "quick"
    await soon(lambda: cancelled)


async def test_an_answer_to_nothing_names_what_waits() -> None:
    run = asking(human="events").start()
    await soon(run.pending)
    with pytest.raises(ConfigError, match=run.pending()[0]):
        run.answer("nonsense", "x")
    run.answer(run.pending()[0], "x")
    await run
    with pytest.raises(ConfigError, match="waits for an answer"):
        run.answer("nonsense", "x")


async def test_a_request_of_a_nested_run_is_answered_at_the_outermost() -> None:
    async def outer(run: Run[str]) -> str:
        return await asking()

    run = Run(outer, human="events").start()
    await soon(run.pending)
    run.answer(run.pending()[0], "from far away")
    assert await run == "from far away"


async def test_who_waits_for_a_person_can_be_cancelled() -> None:
    async def ask(turn: Turn) -> Any:
        return await turn.run.ask(HumanRequested("c", new_id(), "ada", "Well?"), terminal)

    run = chat(ask, human="events").start()
    await soon(run.pending)
    run.cancel()
    assert (await run).kind == "cancelled"
    assert run.pending() == ()


async def test_human_must_be_something_we_know() -> None:
    with pytest.raises(ConfigError, match="events"):
        asking(human="webpage")


# --- the sync face


def test_a_run_under_the_sync_face_can_be_cancelled_from_another_thread() -> None:
    runs: list[Run[StopReason]] = []

    async def main() -> StopReason:
        runs.append(chat())
        return await runs[0]

    def cancel() -> None:
        while not runs:
            time.sleep(0.001)
        runs[0].cancel()

    threading.Thread(target=cancel).start()
    assert sync.run(main()).kind == "cancelled"
