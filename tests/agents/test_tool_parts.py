"""Images and files that a tool returns: from the tool to the model's next request, and to whoever looks at the chat."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from autogen_like import (
    AssistantAgent,
    ConsolePrinter,
    File,
    FunctionTool,
    GroupChat,
    GroupChatManager,
    Image,
    ModelClient,
    ShortenToolResults,
    Text,
    UserProxyAgent,
    client_from,
)
from autogen_like.testing.openai_checks import check_request
from autogen_like.testing.openai_server import OpenAIServer, Reply
from autogen_like.testing.openai_strict import STRICT

PLOT = Image.from_bytes(b"\x89PNG", "image/png")
TABLE = File.from_bytes("table.csv", b"a,b", "text/csv")


def plot(rows: int) -> list[Any]:
    "Draws a plot."
    return [f"{rows} rows:", PLOT]


def table() -> File:
    "Makes a table."
    return TABLE


def add(a: int) -> int:
    "Adds."
    return a


TOOLS = [FunctionTool(plot, inline=True), FunctionTool(table, inline=True), FunctionTool(add, inline=True)]
WANTED = [("plot", {"rows": 3}), ("add", {"a": 1}), ("table", {})]


@asynccontextmanager
async def endpoint(*script: Any, checks: Any = (), **settings: Any) -> AsyncIterator[tuple[ModelClient, OpenAIServer]]:
    """A client of an endpoint that says these things, and the endpoint."""
    with OpenAIServer(script, checks=(check_request, *checks)) as server:
        client = client_from({"model": "gpt-4.1", "api_key": "k", "base_url": server.base_url, **settings})
        try:
            yield client, server
        finally:
            await client.aclose()


async def chat(*checks: Any, wanted: Any = WANTED, **settings: Any) -> tuple[Any, list[dict[str, Any]]]:
    """A chat in which the tools are called, and the messages of the request after that."""
    async with endpoint(Reply(tool_calls=wanted), "I see.", checks=checks, **settings) as (client, server):
        ada = AssistantAgent("ada", llm_config=client, tools=TOOLS)
        result = await ada.run(message="Draw it")
    return result, list(server.requests[1].body["messages"])


async def test_parts_follow_the_results_as_a_message_that_a_chat_endpoint_takes():
    result, sent = await chat()
    roles = [message["role"] for message in sent]
    assert roles[-5:] == ["assistant", "tool", "tool", "tool", "user"]
    assert [message["content"] for message in sent[-4:-1]] == ["3 rows:\n<image>", "1", "<table.csv>"]
    assert sent[-1]["content"] == [
        {"type": "text", "text": "From the tool plot:"},
        {"type": "image_url", "image_url": {"url": PLOT.url, "detail": "auto"}},
        {"type": "text", "text": "From the tool table:"},
        {"type": "file", "file": {"filename": "table.csv", "file_data": TABLE.data}},
    ]
    said = result.messages[2]
    assert said.content == (Text("From the tool plot:"), PLOT, Text("From the tool table:"), TABLE)
    assert said.tool_results[0].parts == (PLOT,)
    assert result.summary == "I see."


async def test_without_parts_the_message_is_what_it_was():
    result, sent = await chat(wanted=[("add", {"a": 1})])
    assert result.messages[2].content is None
    assert sent[-1]["role"] == "tool"


async def test_a_model_without_vision_reads_what_was_left_out():
    _, sent = await chat(STRICT["no_images"], adapter="no_images")
    assert sent[-1]["content"] == (
        "From the tool plot:\n[An image (image/png) was left out: you can't see images.]\n"
        "From the tool table:\n[The file table.csv was left out: you can't read files.]"
    )


@pytest.mark.parametrize("adapter", ["alternate", "no_name", "no_parallel_tools", "no_system"])
async def test_each_adapter_makes_parts_fit_for_its_models(adapter):
    _, sent = await chat(STRICT[adapter], adapter=adapter)
    assert PLOT.url in json.dumps(sent)


async def test_a_model_without_tools_sees_the_parts_too():
    call = '<tool_call>\n{"name": "plot", "arguments": {"rows": 3}}\n</tool_call>'
    async with endpoint(call, "I see.", checks=[STRICT["no_tools"]], adapter="no_tools") as (client, server):
        ada = AssistantAgent("ada", llm_config=client, tools=TOOLS)
        await ada.run(message="Draw it")
    assert PLOT.url in json.dumps(server.requests[1].body["messages"])


async def test_context_policies_shorten_results_and_keep_parts_whole():
    async with endpoint(Reply(tool_calls=WANTED), "I see.", "Again.") as (client, server):
        ada = AssistantAgent("ada", llm_config=client, tools=TOOLS, context=ShortenToolResults(1, to=2))
        await ada.run(message="Draw it")
        await ada.run(message="And?", clear_history=False)
    assert PLOT.url in json.dumps(server.requests[2].body["messages"])


async def test_the_console_names_parts_and_never_prints_their_data():
    out = io.StringIO()
    async with endpoint(Reply(tool_calls=WANTED), "I see.") as (client, _):
        ada = AssistantAgent("ada", llm_config=client, tools=TOOLS)
        user = UserProxyAgent("user", human_input_mode="NEVER")
        run = user.run(ada, "Draw it", max_turns=1)
        run.subscribe(ConsolePrinter(out, color=False))
        result = await run
    assert "From the tool plot:<image>" in out.getvalue()
    assert "<table.csv>" in out.getvalue()
    assert "base64" not in out.getvalue()
    assert result.chat_history[2]["content"][1]["image_url"]["url"] == PLOT.url


async def test_two_agents_and_a_group_pass_parts_on():
    async with endpoint(Reply(tool_calls=[("plot", {"rows": 1})]), "A line. TERMINATE") as (client, server):
        ada = AssistantAgent("ada", llm_config=client)
        runner = UserProxyAgent("runner", human_input_mode="NEVER")
        for tool in TOOLS:
            ada.register_for_llm()(tool)
            runner.register_for_execution()(tool)
        group = GroupChatManager(GroupChat([ada, runner], max_round=4, speaker_selection_method="round_robin"))
        result = await UserProxyAgent("user", human_input_mode="NEVER").a_initiate_chat(group, message="Draw")
    assert PLOT.url in json.dumps(server.requests[1].body["messages"][-1])
    assert result.messages[2].tool_results[0].parts == (PLOT,)


async def test_the_retired_form_has_room_for_text_alone():
    async with endpoint(Reply(function_call=("plot", {"rows": 1})), "I see.") as (client, server):
        ada = AssistantAgent("ada", llm_config=client, tools=TOOLS)
        result = await ada.run(message="Draw it")
    assert server.requests[1].body["messages"][-1]["content"] == "1 rows:\n<image>"
    assert result.summary == "I see."
