"""What is logged: nothing unless somebody looks; then names and figures as fields, and no word that was said."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from typing import Any

import pytest

from autogen_like import (
    AssistantAgent,
    Compact,
    Fallback,
    FunctionTool,
    Handoff,
    ModelError,
    ModelRequest,
    ModelResponse,
    RateLimit,
    Retry,
    ScriptedModel,
    ToolCall,
    UserProxyAgent,
)
from autogen_like.core.step_log import StepLog
from autogen_like.core.steps import Step
from autogen_like.core.usage import Usage


def fails() -> str:
    """Fails."""
    raise ValueError("what was said")


def agent(*replies: Any, **more: Any) -> AssistantAgent:
    return AssistantAgent("ada", llm_config=ScriptedModel(list(replies)), **more)


def steps(caplog: pytest.LogCaptureFixture, step: str) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if vars(record).get("step") == step]


def test_a_program_that_configures_no_logging_sees_none():
    code = (
        "from autogen_like import AssistantAgent, ModelError, Retry, ScriptedModel;"
        "model = Retry(ScriptedModel([ModelError('busy', transient=True), 'hi']), base=0);"
        "ada = AssistantAgent('ada', llm_config=model);"
        "print(AssistantAgent('bob').initiate_chat(ada, message='?', max_turns=1, silent=True).summary)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("hi\n", "")


async def test_a_run_is_one_record_with_its_figures(caplog):
    with caplog.at_level(logging.INFO, "autogen_like"):
        await agent(ModelResponse("hi", usage=Usage(10, 5, cost=0.5))).run(message="what was said")
    (record,) = (vars(record) for record in caplog.records)
    assert (record["name"], record["levelname"]) == ("autogen_like.run", "INFO")
    assert (record["step"], record["workflow"], record["turns"]) == ("run", "ada", 1)
    assert (record["tokens"], record["cost"]) == (15, 0.5)
    assert record["seconds"] >= 0
    assert "workflow=ada" in caplog.text


async def test_the_parts_of_a_run_are_records_with_fields(caplog):
    call = ModelResponse(None, (ToolCall("1", "fails", "{}"),), "tool_calls", Usage(1, 2))
    with caplog.at_level(logging.DEBUG, "autogen_like"):
        await agent(call, "what was said", tools=[fails]).run(message="what was said")
    first, second = steps(caplog, "model")
    assert (first["agent"], first["model"], first["tokens"], first["finish_reason"]) == (
        "ada",
        "scripted",
        3,
        "tool_calls",
    )
    assert second["finish_reason"] == "stop"
    (tool,) = steps(caplog, "tool")
    assert (tool["tool"], tool["error_type"]) == ("fails", "ValueError")
    (conversation,) = steps(caplog, "conversation")
    assert (conversation["messages"], conversation["stop_reason"]) == (4, "answered")
    assert len(steps(caplog, "turn")) == 3
    assert "what was said" not in caplog.text


async def test_code_that_runs_is_a_record(caplog, tmp_path):
    config = {"use_docker": False, "work_dir": str(tmp_path)}
    user = UserProxyAgent("user", human_input_mode="NEVER", max_consecutive_auto_reply=1, code_execution_config=config)
    with caplog.at_level(logging.DEBUG, "autogen_like"):
        await agent().run(user, "```sh\nexit 3\n```", max_turns=1)
    assert [step["exit_code"] for step in steps(caplog, "code")] == [3]


async def test_a_run_that_fails_says_of_what_kind_and_no_more(caplog):
    with caplog.at_level(logging.INFO, "autogen_like"), pytest.raises(Exception, match="what was said"):
        await agent(ModelError("what was said", status=429)).run(message="Hi")
    assert [step["error_type"] for step in steps(caplog, "run")] == ["429"]
    assert "what was said" not in caplog.text


async def test_a_pause_for_a_person_is_no_failure(caplog):
    tools = [FunctionTool(fails, approval=True)]
    with caplog.at_level(logging.DEBUG, "autogen_like"):
        await agent(ModelResponse(None, (ToolCall("1", "fails", "{}"),)), tools=tools).run(message="Hi", human="pause")
    assert [step.get("error_type") for step in steps(caplog, "turn")] == [None, None]


async def test_a_cancelled_run_says_so(caplog):
    begun = asyncio.Event()

    async def waits() -> None:
        """Waits."""
        begun.set()
        await asyncio.Event().wait()

    with caplog.at_level(logging.DEBUG, "autogen_like"):
        run = agent(ModelResponse(None, (ToolCall("1", "waits", "{}"),)), tools=[waits]).run(message="Hi").start()
        await begun.wait()
        run.cancel()
        await run
    assert [step["error_type"] for step in steps(caplog, "tool")] == ["cancelled"]
    assert [step["stop_reason"] for step in steps(caplog, "conversation")] == ["cancelled"]


def test_a_step_of_another_kind_is_named_by_its_class(caplog):
    with caplog.at_level(logging.DEBUG, "autogen_like"), StepLog().around(Step(None)):  # type: ignore[arg-type]
        pass
    assert steps(caplog, "Step")


async def test_a_retry_is_a_warning_with_the_reason_and_the_wait(caplog):
    model = Retry(ScriptedModel([ModelError("busy", status=503, transient=True), "hi"]), base=0)
    await model.complete(ModelRequest([]))
    (record,) = (vars(record) for record in caplog.records)
    assert (record["levelname"], record["status"], record["attempt"]) == ("WARNING", 503, 1)
    assert "busy" in caplog.text


async def test_a_retry_of_a_stream_is_a_warning_too(caplog):
    model = Retry(ScriptedModel([ModelError("busy", transient=True), "hi"]), base=0)
    assert [item async for item in model.stream(ModelRequest([]))]
    assert "retry 1 of 2" in caplog.text


@pytest.mark.parametrize("stream", [False, True])
async def test_the_next_model_of_a_list_is_a_warning_and_the_last_failure_an_error_alone(caplog, stream):
    model = Fallback([ScriptedModel([ModelError("down")]), ScriptedModel([ModelError("down too")])])
    with pytest.raises(ModelError):
        _ = (
            [item async for item in model.stream(ModelRequest([]))]
            if stream
            else await model.complete(ModelRequest([]))
        )
    assert [record.getMessage() for record in caplog.records] == [
        "scripted failed, the next model of the list is asked: down"
    ]


async def test_waiting_for_a_limit_is_told(caplog):
    async def asleep(_: float) -> None:
        pass

    model = RateLimit(ScriptedModel(["a", "b"]), requests_per_minute=6, sleep=asleep)
    with caplog.at_level(logging.INFO, "autogen_like"):
        await model.complete(ModelRequest([]))
        await model.complete(ModelRequest([]))
    assert [vars(record)["wait"] > 9 for record in caplog.records] == [True]


async def test_a_listener_that_fails_is_an_error_in_the_log(caplog):
    def broken(event: object) -> None:
        raise RuntimeError("broken")

    run = agent("hi").run(message="?")
    run.subscribe(broken)
    await run
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "a listener failed" in caplog.text


async def test_a_warning_to_people_is_logged_where_nobody_listens(caplog):
    handing = ModelResponse(None, (ToolCall("1", "transfer_to_bob", "{}"),))
    ada = agent(handing, "It stays with me.", tools=[Handoff("bob")])
    await ada.run(message="Go")
    (record,) = [vars(record) for record in caplog.records]
    assert (record["levelname"], record["agent"]) == ("WARNING", "ada")
    assert "can't be handed a chat outside a group" in caplog.text


async def test_the_same_goes_for_a_past_that_cant_be_summed_up(caplog):
    context = Compact(ScriptedModel(["  "] * 50), at=50, keep=20)
    ada = AssistantAgent("ada", llm_config=ScriptedModel(["a long reply " * 9] * 9), context=context)
    bob = AssistantAgent("bob", llm_config=ScriptedModel(["a long reply " * 9] * 9))
    await ada.run(bob, "?", max_turns=4)
    assert "no summary of the past" in caplog.text


async def test_where_nobody_looks_no_step_is_made(monkeypatch):
    made: list[object] = []
    monkeypatch.setattr("autogen_like.core.step_log.StepLog.around", lambda self, step: made.append(step))
    logging.getLogger("autogen_like").setLevel(logging.WARNING)
    try:
        await agent("hi").run(message="?")
    finally:
        logging.getLogger("autogen_like").setLevel(logging.NOTSET)
    assert made == []
