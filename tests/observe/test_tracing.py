"""Spans of runs: which there are, and which hang under which."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from autogen_like import (
    AssistantAgent,
    Cache,
    ConversableAgent,
    FunctionTool,
    GroupChat,
    GroupChatManager,
    Limits,
    ModelError,
    ModelResponse,
    ScriptedModel,
    ToolCall,
    Tracing,
    UserProxyAgent,
    a_initiate_chats,
    instrument,
)
from autogen_like.core.usage import Usage

from .conftest import Telemetry


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def calls(*names: str, arguments: str = "{}") -> ModelResponse:
    return ModelResponse(
        None, tuple(ToolCall(f"call-{number}", name, arguments) for number, name in enumerate(names)), "tool_calls"
    )


def agent(name: str, *replies: Any, **more: Any) -> AssistantAgent:
    return AssistantAgent(name, llm_config=ScriptedModel(list(replies)), description=f"{name} talks", **more)


def spanning(tracer: trace.Tracer, name: str) -> Any:
    """A function of the user's that makes a span of its own."""

    def tool() -> str:
        with tracer.start_as_current_span(f"{name}'s own"):
            return name

    tool.__name__ = name
    tool.__doc__ = "A tool."
    return tool


# --- what hangs under what


async def test_an_agent_with_a_tool_is_one_invocation_with_its_requests_and_calls(traced):
    await agent("ada", calls("add", arguments='{"a": 1, "b": 2}'), "3", tools=[add]).run(message="1 + 2?")
    assert traced.tree() == [
        ("invoke_workflow ada", [("invoke_agent ada", ["chat scripted", "execute_tool add", "chat scripted"])])
    ]


async def test_two_agents_take_turns_in_spans_of_their_own(traced):
    await agent("ada", "2", "4").run(agent("bob", "1", "3"), "0", max_turns=2)
    assert traced.tree() == [
        (
            "invoke_workflow bob",
            [
                ("invoke_agent bob", ["chat scripted"]),
                ("invoke_agent ada", ["chat scripted"]),
                ("invoke_agent bob", ["chat scripted"]),
            ],
        )
    ]


async def test_the_selection_of_a_group_hangs_under_the_group_and_not_under_who_spoke(traced):
    members = [agent("ada", "a"), agent("bob", "b")]
    manager = GroupChatManager(
        GroupChat(members, max_round=3, speaker_selection_method="auto"),
        llm_config=ScriptedModel(["bob", "ada"], record=False),
    )
    await members[0].run(manager, "go")
    ((name, children),) = traced.tree()
    assert name == "invoke_workflow chat_manager"
    assert [child if isinstance(child, str) else child[0] for child in children] == [
        "chat scripted", "invoke_agent bob", "chat scripted", "invoke_agent ada",
    ]  # fmt: skip


async def test_a_users_span_hangs_under_the_right_tool_when_tools_run_side_by_side(traced):
    tracer = traced.tracers.get_tracer("mine")
    together = asyncio.Barrier(2)

    async def first() -> str:
        """Async."""
        await together.wait()
        with tracer.start_as_current_span("first's own"):
            await asyncio.sleep(0)
        return ""

    async def second() -> str:
        """Async."""
        with tracer.start_as_current_span("second's own"):
            await together.wait()
        return ""

    tools = [first, second, spanning(tracer, "third"), FunctionTool(spanning(tracer, "fourth"), inline=True)]
    await agent("ada", calls("first", "second", "third", "fourth"), "done", tools=tools).run(message="Go")
    ((_, ((_, children),)),) = traced.tree()
    assert sorted(children[1:-1]) == sorted(
        (f"execute_tool {name}", [f"{name}'s own"]) for name in ("first", "second", "third", "fourth")
    )


async def test_an_agent_as_a_tool_hangs_under_the_tool_and_so_does_what_it_calls(traced):
    expert = agent("expert", calls("add", arguments='{"a": 1, "b": 2}'), "3", tools=[add])
    await agent(
        "ada", calls("ask", arguments='{"message": "1 + 2?"}'), "3", tools=[expert.as_tool("ask", "Asks.")]
    ).run(message="Go")
    ((_, ((_, children),)),) = traced.tree()
    assert children == [
        "chat scripted",
        (
            "execute_tool ask",
            [
                (
                    "invoke_workflow expert",
                    [("invoke_agent expert", ["chat scripted", "execute_tool add", "chat scripted"])],
                )
            ],
        ),
        "chat scripted",
    ]


async def test_a_sync_chat_in_a_tools_thread_hangs_under_the_tool(traced):
    asker, helper = agent("asker"), agent("helper", "deep")
    threads = []

    def ask() -> str:
        """Asks another."""
        threads.append(threading.current_thread())
        return str(asker.initiate_chat(helper, message="?", max_turns=1, silent=True).summary)

    await agent("ada", calls("ask"), "done", tools=[ask]).run(message="Go")
    ((_, ((_, children),)),) = traced.tree()
    assert children[1] == (
        "execute_tool ask",
        [("invoke_workflow helper", [("invoke_agent helper", ["chat scripted"])])],
    )
    assert threads != [threading.current_thread()]


def test_under_the_sync_face_a_run_hangs_under_the_span_of_its_caller(traced):
    tracer = traced.tracers.get_tracer("mine")
    with tracer.start_as_current_span("request"):
        agent("ada").initiate_chat(agent("bob", "hi"), message="?", max_turns=1, silent=True)
    assert traced.tree() == [
        ("request", [("invoke_workflow bob", [("invoke_agent bob", ["chat scripted"])])]),
    ]


async def test_nested_chats_hang_under_the_agent_that_has_them(traced):
    outer, inner, critic = agent("outer"), agent("inner", "thought"), agent("critic", "hm")
    outer.register_nested_chats([{"recipient": inner, "max_turns": 1, "summary_method": "last_msg"}], trigger=critic)
    await critic.run(outer, "?", max_turns=1)
    assert traced.tree() == [
        (
            "invoke_workflow outer",
            [
                (
                    "invoke_agent outer",
                    [("invoke_workflow inner", [("invoke_agent inner", ["chat scripted"])])],
                )
            ],
        )
    ]


async def test_parallel_chats_are_apart_and_hang_under_the_span_around_them(traced):
    with traced.tracers.get_tracer("mine").start_as_current_span("batch"):
        chat = {"message": "?", "max_turns": 1, "silent": True, "prerequisites": []}
        await a_initiate_chats(
            {**chat, "chat_id": number, "sender": agent(f"s{number}"), "recipient": agent(f"r{number}", "hi")}
            for number in range(3)
        )
    ((_, chats),) = traced.tree()
    assert sorted(chats) == [
        (f"invoke_workflow r{number}", [(f"invoke_agent r{number}", ["chat scripted"])]) for number in range(3)
    ]


async def test_runs_side_by_side_are_traces_of_their_own(traced):
    agents = [agent(f"a{number}", calls("add", arguments='{"a": 1, "b": 2}'), "3", tools=[add]) for number in range(20)]
    await asyncio.gather(*(one.run(message="Go") for one in agents))
    assert sorted(traced.tree()) == sorted(
        (
            f"invoke_workflow {one.name}",
            [(f"invoke_agent {one.name}", ["chat scripted", "execute_tool add", "chat scripted"])],
        )
        for one in agents
    )
    assert len({span.context.trace_id for span in traced.spans}) == 20


async def test_code_is_a_tool_of_its_own_kind(traced, tmp_path):
    config = {"use_docker": False, "work_dir": str(tmp_path)}
    user = UserProxyAgent("user", human_input_mode="NEVER", max_consecutive_auto_reply=1, code_execution_config=config)
    await agent("ada").run(user, "```sh\nexit 3\n```", max_turns=1)
    span = traced.one("execute_tool code")
    assert span.attributes["autogen_like.code.languages"] == ("sh",)
    assert (span.attributes["process.exit.code"], span.attributes["error.type"]) == (3, "exit_code")
    assert "exit 3" not in traced.texts()


async def test_a_summary_and_a_last_word_hang_under_the_run(traced):
    ada, bob = agent("ada"), agent("bob", "hello", "The last word.", "In short.")
    await ada.run(bob, "?", max_turns=1, summary_method="reflection_with_llm", final_answer=True)
    ((_, children),) = traced.tree()
    assert children == [
        ("invoke_agent bob", ["chat scripted"]),
        ("invoke_agent bob", ["chat scripted"]),
        "chat scripted",
    ]


async def test_a_reply_that_is_asked_for_without_a_chat_is_a_workflow_of_its_agent(traced):
    await agent("ada", "hi").a_generate_reply([{"role": "user", "content": "?"}])
    assert traced.tree() == [("invoke_workflow ada", ["chat scripted"])]


# --- what they say


async def test_spans_say_what_the_conventions_name(traced):
    usage = Usage(100, 20, 50, cost=0.5)
    replies = [
        ModelResponse(None, (ToolCall("call-1", "add", '{"a": 1, "b": 2}'),), "tool_calls", usage, "scripted-2"),
        ModelResponse("3", usage=usage, model="scripted-2"),
    ]
    result = await agent("ada", *replies, tools=[add]).run(message="1 + 2?")
    number = traced.attributes("invoke_workflow ada")["gen_ai.conversation.id"]
    assert traced.attributes("invoke_workflow ada") == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "ada",
        "gen_ai.conversation.id": number,
        "autogen_like.stop_reason": result.stop_reason.kind,
    }
    assert traced.attributes("invoke_agent ada") == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "ada",
        "gen_ai.conversation.id": number,
        "gen_ai.provider.name": "_OTHER",
        "gen_ai.request.model": "scripted",
        "gen_ai.usage.input_tokens": 200,
        "gen_ai.usage.output_tokens": 40,
        "gen_ai.usage.cache_read.input_tokens": 100,
    }
    assert dict(traced.named("chat scripted")[0].attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "_OTHER",
        "gen_ai.request.model": "scripted",
        "gen_ai.response.model": "scripted-2",
        "gen_ai.conversation.id": number,
        "gen_ai.agent.name": "ada",
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 50,
        "autogen_like.cost": 0.5,
    }
    assert traced.attributes("execute_tool add") == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "add",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "call-1",
        "gen_ai.conversation.id": number,
        "gen_ai.agent.name": "ada",
    }
    assert {span.kind for span in traced.spans} == {SpanKind.INTERNAL}
    assert {span.status.status_code for span in traced.spans} == {StatusCode.UNSET}


async def test_a_streamed_reply_says_when_its_first_piece_came(traced):
    async for _ in agent("ada", "one two three").run(message="Count."):
        pass
    attributes = traced.attributes("chat scripted")
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["gen_ai.response.time_to_first_chunk"] >= 0
    assert len(traced.points("gen_ai.client.operation.time_to_first_chunk")) == 1


async def test_a_cached_reply_says_so_and_is_not_measured(traced, tmp_path):
    ada = agent("ada", "Hello")
    with Cache.disk(cache_path_root=str(tmp_path)) as cache:
        for _ in range(2):
            await ada.run(message="Hi", cache=cache)
    first, second = traced.named("chat scripted")
    assert "autogen_like.cached" not in first.attributes
    assert second.attributes["autogen_like.cached"] is True
    assert [point.count for point in traced.points("gen_ai.client.operation.duration")] == [1]


# --- failures


async def test_a_failed_request_marks_all_spans_around_it_with_the_same_kind_of_failure(traced):
    with pytest.raises(Exception, match="sorry"):
        await agent("ada", ModelError("sorry", status=429)).run(message="Hi")
    assert len(traced.spans) == 3
    for span in traced.spans:
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["error.type"] == "429"
    assert "sorry" not in traced.texts(), "what an error says may quote what was said"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [('{"what": "ValueError"}', "ValueError"), ('{"what": 3, "x": 1}', "invalid_arguments"), ('{"what": ""}', None)],
)
async def test_a_failed_tool_marks_its_span_alone(traced, arguments, kind):
    def fails(what: str) -> str:
        """Fails."""
        if what:
            raise ValueError("private")
        return ""

    await agent("ada", calls("fails", arguments=arguments), "sorry", tools=[fails]).run(message="Go")
    span = traced.one("execute_tool fails")
    assert span.attributes.get("error.type") == kind
    assert (span.status.status_code is StatusCode.ERROR) is (kind is not None)
    assert traced.one("invoke_agent ada").status.status_code is StatusCode.UNSET
    assert "private" not in traced.texts()


async def test_a_tool_that_takes_too_long_is_a_timeout(traced):
    async def sleeps() -> None:
        """Sleeps."""
        await asyncio.Event().wait()

    tools = [FunctionTool(sleeps, timeout=0.01)]
    await agent("ada", calls("sleeps"), "sorry", tools=tools).run(message="Go")
    assert traced.attributes("execute_tool sleeps")["error.type"] == "timeout"


async def test_a_tool_that_isnt_there_names_no_span(traced):
    runner = ConversableAgent("runner", human_input_mode="NEVER", tools=[add])
    caller = agent("ada", calls("made_up"), "sorry")
    await runner.run(caller, "Go", max_turns=2)
    assert traced.attributes("execute_tool")["error.type"] == "not_found"
    assert traced.points("gen_ai.execute_tool.duration")[0].attributes["gen_ai.tool.name"] == "_OTHER"


async def test_a_cancelled_run_ends_all_its_spans(traced):
    begun = asyncio.Event()

    async def waits() -> None:
        """Waits."""
        begun.set()
        await asyncio.Event().wait()

    run = agent("ada", calls("waits"), tools=[waits]).run(message="Go").start()
    await begun.wait()
    run.cancel()
    await run
    assert traced.attributes("execute_tool waits")["error.type"] == "cancelled"
    assert traced.attributes("invoke_workflow ada")["autogen_like.stop_reason"] == "cancelled"
    assert traced.one("invoke_workflow ada").status.status_code is StatusCode.UNSET
    assert len(traced.spans) == 4


async def test_a_cancelled_caller_ends_all_spans_too(traced):
    begun = asyncio.Event()

    async def waits() -> None:
        """Waits."""
        begun.set()
        await asyncio.Event().wait()

    async def caller() -> None:
        await agent("ada", calls("waits", "waits"), tools=[waits]).run(message="Go")

    task = asyncio.create_task(caller())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [span.attributes["error.type"] for span in traced.spans if span.name != "chat scripted"] == ["cancelled"] * 4
    assert not trace.get_current_span().get_span_context().is_valid


async def test_a_stream_that_is_left_ends_all_spans(traced):
    async for event in agent("ada", "one two three").run(message="Count."):
        if type(event).__name__ == "TextDelta":
            break
    for _ in range(100):
        if len(traced.spans) == 3:
            break
        await asyncio.sleep(0.01)
    assert {span.name for span in traced.spans} == {"invoke_workflow ada", "invoke_agent ada", "chat scripted"}


async def test_a_limit_ends_the_run_without_a_failure_and_says_which(traced):
    await agent("ada", *["x"] * 9).run(agent("bob", *["y"] * 9), "?", limits=Limits(turns=2))
    assert traced.attributes("invoke_workflow bob")["autogen_like.stop_reason"] == "budget"
    assert traced.one("invoke_workflow bob").status.status_code is StatusCode.UNSET


async def test_a_run_that_pauses_for_a_person_has_not_failed(traced):
    tool = FunctionTool(add, approval=True)
    result = await agent("ada", calls("add", arguments='{"a": 1, "b": 2}'), "3", tools=[tool]).run(
        message="Go", human="pause"
    )
    assert result.paused is not None
    assert {span.status.status_code for span in traced.spans} == {StatusCode.UNSET}
    assert traced.attributes("invoke_workflow ada")["autogen_like.stop_reason"] == "paused"


# --- on and off


async def test_one_run_is_watched_and_others_are_not(telemetry: Telemetry):
    ada = agent("ada", "1", "2")
    tracing = Tracing(content=False, **telemetry.providers)
    await tracing.watch(ada.run(message="Hi"))
    await ada.run(message="Hi")
    assert len(telemetry.named("chat scripted")) == 1


async def test_a_run_that_is_watched_twice_has_its_spans_once(traced):
    tracing = Tracing(content=False, **traced.providers)
    await tracing.watch(tracing.watch(agent("ada", "1").run(message="Hi")))
    assert len(traced.spans) == 3


async def test_the_last_call_of_instrument_counts_and_can_be_taken_back(telemetry: Telemetry):
    instrument(**telemetry.providers)
    stop = instrument(**telemetry.providers)
    try:
        await agent("ada", "1").run(message="Hi")
        assert len(telemetry.spans) == 3
    finally:
        stop()
    await agent("ada", "1").run(message="Hi")
    assert len(telemetry.spans) == 3


async def test_a_span_that_isnt_sampled_costs_no_attributes(telemetry: Telemetry, monkeypatch):
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    from autogen_like.observe import attributes, content

    asked = []
    monkeypatch.setattr(attributes, "of_response", lambda *args: asked.append(args) or {})
    monkeypatch.setattr(content, "input_messages", lambda *args: asked.append(args) or "")
    stop = instrument(content=True, tracer_provider=TracerProvider(sampler=ALWAYS_OFF))
    try:
        await agent("ada", "1").run(message="Hi")
    finally:
        stop()
    assert asked == []
